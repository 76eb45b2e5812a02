# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many fires over five hosts that die and come back, with clocks that differ: none is started twice, none never."""

from __future__ import annotations

import random
import subprocess
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.integration.cron.guards import EVERY_MINUTE, MongoSet, Node, RedisServer
from tests.support.full import FULL

FIRES = 1000 if FULL else 8
LANES = 5 if FULL else 4
SKEWS = (-90, -45, 0, 45, 90)
# Of the hosts that are there for a fire, so many per cent die in it. One that lives through it is always left.
DIE = 0.4


class Lane:
    """One job and its fires, one after the other, as its timers would start them."""

    def __init__(self, name: str, nodes: list[Node], folder: Path, chance: random.Random, retry: bool) -> None:
        self.name = name
        self.nodes = nodes
        self.chance = chance
        self.retry = retry
        self.marks = folder / f"{name}.marks"
        self.fires: list[str] = []
        self.deaths = 0
        command = f'echo "$SCALEOUT_FIRE" >> {self.marks}; sleep 0.4'
        self.settings = {node.name: str(node.settings(name, command, retry=retry)) for node in nodes}

    def one(self, fire: str) -> None:
        self.fires.append(fire)
        there = self.chance.sample(self.nodes, self.chance.randint(2, len(self.nodes)))
        victims = {node.name for node in there[1:] if self.chance.random() < DIE}
        begins = {node.name: self.chance.uniform(0, 0.5) for node in there}
        with ThreadPoolExecutor(len(there)) as pool:
            list(pool.map(lambda node: self.on(node, fire, begins[node.name], node.name in victims), there))

    def on(self, node: Node, fire: str, begins: float, dies: bool) -> None:
        time.sleep(begins)
        process = node.start("run", self.settings[node.name], "--fire", fire)
        if dies:
            self.wait_for_a_bad_moment(node, fire)
            if process.poll() is None:
                self.deaths += 1
            node.die(process)
            # Some are started again by systemd, others are away until the next fire.
            if self.chance.random() < 0.5:
                return
            process = node.start("run", self.settings[node.name], "--fire", fire)
        said, _none = process.communicate(timeout=300)
        assert process.returncode == 0, said

    def wait_for_a_bad_moment(self, node: Node, fire: str) -> None:
        """At any time, or just when the guard takes the fire, or while the job runs."""
        kind, within = self.chance.choice([("", 1.5), ("ready", 0.03), ("ready", 0.1), ("begun", 0.4)])
        deadline = time.monotonic() + 3
        while kind and time.monotonic() < deadline and not list(node.state.glob(f"test.{self.name}.{fire}.*.{kind}")):
            time.sleep(0.003)
        time.sleep(self.chance.uniform(0, within))

    def close(self) -> None:
        """All hosts come back for one fire more."""
        for node in self.nodes:
            code, said = node.run("run", self.settings[node.name], "--fire", fires_of(FIRES + 1)[-1])
            assert code == 0, said


def fires_of(count: int) -> list[str]:
    first = datetime.now(timezone.utc) - timedelta(days=20)
    return [(first + timedelta(minutes=at)).strftime("%Y-%m-%dT%H:%M:00Z") for at in range(count)]


@pytest.mark.parametrize("store", ["mongo", "redis"] if FULL else ["mongo"], indirect=True)
def test_started_twice_none_and_never_started_none(
    store: MongoSet | RedisServer, tmp_path: Path, record_property: object
) -> None:
    seed = random.SystemRandom().getrandbits(32)
    nodes = [Node(f"app{at}", tmp_path, store.url, skew) for at, skew in enumerate(SKEWS)]
    lanes = [Lane(f"job{at}", nodes, tmp_path, random.Random(seed + at), retry=at % 2 == 1) for at in range(LANES)]
    over = threading.Event()
    restarts: list[float] = []

    def restart_store() -> None:
        chance = random.Random(seed)
        while not over.wait(chance.uniform(20, 60) if FULL or restarts else 4):
            store.restart(chance.uniform(0, 3))
            restarts.append(time.monotonic())

    killer = threading.Thread(target=restart_store)
    killer.start()
    began = time.monotonic()
    try:
        with ThreadPoolExecutor(LANES) as pool:
            list(pool.map(lambda lane: [lane.one(fire) for fire in fires_of(FIRES // LANES)], lanes))
    finally:
        over.set()
        killer.join()
    for lane in lanes:
        lane.close()

    twice, never, odd, early, states, again = [], [], [], 0, Counter[str](), 0
    for lane in lanes:
        starts = Counter(lane.marks.read_text().split())
        runs = {run["fire"]: run for run in nodes[0].history(Path(lane.settings["app0"]))}
        begun = {fire for node in nodes for job, fire in node.begun if job == f"test/{lane.name}"}
        for fire in lane.fires:
            run = runs.get(fire, {"state": "unknown", "attempt": 1})
            about = (seed, lane.name, starts[fire], fire in begun, run)
            # Killed in its first moment it may not have come to its first line.
            early += fire in begun and not starts[fire]
            twice += [about] if starts[fire] > run["attempt"] else []
            never += [about] if not starts[fire] and fire not in begun else []
            odd += [about] if run["state"] not in (["finished"] if lane.retry else ["finished", "lost"]) else []
            states[run["state"]] += 1
            again += run["attempt"] > 1
    figures = {
        "fires": sum(len(lane.fires) for lane in lanes),
        "guards killed": sum(lane.deaths for lane in lanes),
        "store restarted": len(restarts),
        **states,
        "started again elsewhere (retry)": again,
        "killed before their first line": early,
        "started twice": len(twice),
        "never started": len(never),
        "seconds": round(time.monotonic() - began),
    }
    print(figures)
    record_property("figures", figures)  # type: ignore[operator]
    assert not odd
    assert not twice
    assert not never
    assert figures["guards killed"] > 0
    assert restarts


def test_hosts_work_out_the_same_fire_from_clocks_that_differ(nodes: list[Node], tmp_path: Path) -> None:
    """Without a word about the time: each host has its own clock and the schedule."""
    now = datetime.now(timezone.utc)
    due = now - timedelta(minutes=10)
    marks = tmp_path / "marks"
    processes: list[subprocess.Popen[str]] = []
    for node in nodes:
        path = node.settings(
            f"clock-{tmp_path.name}",
            f'echo "$SCALEOUT_FIRE" >> {marks}',
            schedule={**EVERY_MINUTE, "minutes": [due.minute], "hours": [due.hour]},
        )
        processes.append(node.start("run", str(path)))
    for process in processes:
        said, _none = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert marks.read_text().split() == [due.strftime("%Y-%m-%dT%H:%M:00Z")]
