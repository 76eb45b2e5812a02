# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""This collection's mongodb_replicaset beside community.mongodb's, on real servers: python benchmarks/replicaset.py

Each scenario runs on new sets, once with each module. The other one is called as its examples show: one task makes the
set, another with `reconfigure` changes it, on the primary; where that is refused, once more with `force`. Told are the
configurations that were in use, the largest change of votes between two of them, how many member ids went to another
host, and the seconds until every member is at work.

The second part is a call that has nothing to do, of both in turn within one play, as a stranger and with a login. Fails
when ours takes longer.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO), str(REPO / ".ansible" / "collections")]

from tests.integration.mongodb.mongods import (
    ADMIN,
    Mongod,
    configs_over_time,
    make_set,
    mongod_program,
    run_playbook,
    timed_playbook,
)

OURS = "scaleout.webapp.mongodb_replicaset"
THEIRS = "community.mongodb.mongodb_replicaset"
BOUND_RATIO = 1.0
WAIT_SECONDS = 120

Change = Callable[[Path, "list[Mongod]", "list[Mongod]"], str]


@dataclass
class Figures:
    steps: int
    votes: int
    reused: int
    seconds: float


def ours(folder: Path, asked: list[Mongod], wanted: list[Mongod]) -> str:
    """Called on any member that is there."""
    task = {OURS: {"login_port": asked[0].port, "replica_set": "rs0", "members": addresses(wanted)}}
    return run(folder, [task])


def theirs(folder: Path, asked: list[Mongod], wanted: list[Mongod], force: bool = False) -> str:
    """Called on the primary, which the user has to find: its first task founds, the second changes."""
    known = [server for server in asked if server.hello().get("isWritablePrimary")]
    common = {"login_port": (known or asked)[0].port, "replica_set": "rs0", "members": addresses(wanted)}
    if not known:
        return run(folder, [{THEIRS: common}])
    return run(folder, [{THEIRS: {**common, "reconfigure": True, "force": force}}])


def theirs_forced(folder: Path, asked: list[Mongod], wanted: list[Mongod]) -> str:
    return theirs(folder, asked, wanted, force=True)


def run(folder: Path, tasks: list[dict[str, Any]]) -> str:
    """What went wrong."""
    return next((str(one["msg"]) for one in run_playbook(folder, tasks, sys.executable) if one.get("failed")), "")


def addresses(servers: list[Mongod]) -> list[str]:
    return [server.address for server in servers]


def await_work(servers: list[Mongod]) -> None:
    """Until one is primary and the others are secondaries."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        said = [server.hello() for server in servers]
        if sum(one["isWritablePrimary"] for one in said) == 1 and all(
            one["isWritablePrimary"] or one.get("secondary") for one in said
        ):
            return
        if time.monotonic() > deadline:
            raise SystemExit(f"The members are not at work after {WAIT_SECONDS} s.")
        time.sleep(0.1)


def figures(configs: list[dict[str, Any]], seconds: float) -> Figures:
    """From the configurations in use, beginning with the one before."""
    voters = [{one["host"] for one in config["members"] if one["votes"]} for config in configs]
    votes = max(len(now ^ before) for before, now in zip(voters, voters[1:]))
    hosts: dict[int, str] = {}
    reused = 0
    for config in configs:
        for one in config["members"]:
            reused += hosts.get(one["_id"], one["host"]) != one["host"]
            hosts[one["_id"]] = one["host"]
    # An election writes the same version again, with its term.
    steps = len({config.get("version", 0) for config in configs}) - 1
    return Figures(steps, votes, reused, seconds)


def scenario(program: str, change: Change, stages: list[list[int]]) -> Figures | str:
    """From nothing to the first stage unmeasured, unless it is the only one; then on to the others."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        servers = [Mongod(program, folder / f"m{number}") for number in range(1 + max(map(max, stages)))]
        try:
            for server in servers:
                server.start()
            return measured(folder, change, [[servers[number] for number in stage] for stage in stages])
        finally:
            for server in servers:
                server.stop()


def measured(folder: Path, change: Change, stages: list[list[Mongod]]) -> Figures | str:
    everyone = list(dict.fromkeys(server for stage in stages for server in stage))
    present = stages[0]
    if len(stages) > 1:
        failed = ours(folder, present, present)
        if failed:
            raise SystemExit(failed)
        await_work(present)
    known = len(configs_over_time(everyone))
    began = time.monotonic()
    for stage in stages[1:] or stages:
        failed = change(folder, present, stage)
        if failed:
            return failed
        await_work(stage)
        present = stage
    seconds = time.monotonic() - began
    configs = configs_over_time(everyone)
    return figures([{"members": []}, *configs] if not known else configs[known - 1 :], seconds)


SCENARIOS: dict[str, list[list[int]]] = {
    "empty to 3": [[0, 1, 2]],
    "3 to 5 to 3": [[0, 1, 2], [0, 1, 2, 3, 4], [0, 1, 2]],
    "swap of 2": [[0, 1, 2], [0, 3, 4]],
}
WAYS: dict[str, Change] = {"ours": ours, "theirs": theirs, "theirs, force": theirs_forced}


def scenarios(program: str) -> list[str]:
    """Print a table; what is broken."""
    print(f"{'scenario':<14} {'module':<14} {'steps':>6} {'votes at once':>14} {'ids reused':>11} {'seconds':>8}")
    broken = []
    for title, stages in SCENARIOS.items():
        for way, change in WAYS.items():
            if way == "theirs, force" and len(stages) == 1:
                continue
            found = scenario(program, change, stages)
            if isinstance(found, str):
                print(f"{title:<14} {way:<14} cannot: {found.splitlines()[0][:150]}")
            else:
                print(
                    f"{title:<14} {way:<14} {found.steps:>6} {found.votes:>14} {found.reused:>11} {found.seconds:>8.1f}"
                )
            if way == "ours" and (isinstance(found, str) or found.reused or (found.votes > 1 and len(stages) > 1)):
                broken.append(f"{title}: {found}")
    return broken


def no_op(program: str, rounds: int, login: dict[str, Any]) -> list[str]:
    """Print the medians of calls in turn; what is broken."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        keyfile = folder / "key" if login else None
        if keyfile:
            keyfile.touch(mode=0o600)
            keyfile.write_text("a2V5IG9mIHRoZSBiZW5jaG1hcms=")
        servers = [Mongod(program, folder / f"m{number}", keyfile=keyfile) for number in range(3)]
        try:
            for server in servers:
                server.start()
            make_set(servers, servers, login, settings={})
            await_work(servers)
            primary = next(server for server in servers if server.hello()["isWritablePrimary"])
            common = {"login_port": primary.port, "replica_set": "rs0", "members": addresses(servers), **login}
            pair: list[dict[str, Any]] = [{OURS: common}, {THEIRS: {**common, "reconfigure": True}}]
            results = timed_playbook(folder, pair * rounds, sys.executable)
        finally:
            for server in servers:
                server.stop()
    if any(result.get("failed") or result["changed"] for result, _seconds in results):
        raise SystemExit(f"A call that has nothing to do did something: {results}")
    # The first of each pays for what Ansible keeps afterwards.
    seconds = [took for _result, took in results][2:]
    mine, other = seconds[::2], seconds[1::2]
    ratio = statistics.median(one / two for one, two in zip(mine, other))
    title = f"nothing to do, {'with a login' if login else 'as a stranger'}"
    print(
        f"{title}, {len(mine)} calls each in turn: {statistics.median(mine):.2f} s,"
        f" theirs {statistics.median(other):.2f} s, ratio {ratio:.2f} (of the fastest {min(mine) / min(other):.2f})"
    )
    return [f"{title}: a call takes {ratio:.2f} times as long"] if ratio > BOUND_RATIO else []


def main() -> int:
    """Print the figures; 1 when a bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="calls of each that have nothing to do")
    parser.add_argument("--only", choices=["scenarios", "no-op"])
    options = parser.parse_args()
    program = mongod_program()
    broken = scenarios(program) if options.only != "no-op" else []
    if options.only != "scenarios":
        print()
        for login in ({}, ADMIN):
            broken += no_op(program, options.rounds + 1, login)
    print("; ".join(broken) or "One vote at a time, no id reused, and no slower where nothing is to do.")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
