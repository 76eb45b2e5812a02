# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard as a program: what it records, when it stops a job, and what it refuses. Real stores, real processes."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from tests.integration.cron.guards import EVERY_MINUTE, MongoSet, Node, RedisServer, keep, lose_answers
from tests.integration.mongodb.mongods import Mongod, mongod_program
from tests.support.ports import free_port

NOW = time.time()


def minutes_ago(count: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime(NOW - 60 * count))


FIRE, NEXT = minutes_ago(30), minutes_ago(29)


def wait_for(path: Path, text: str = "") -> None:
    deadline = time.monotonic() + 30
    while not path.exists() or text not in path.read_text():
        assert time.monotonic() < deadline, f"{path} did not come"
        time.sleep(0.02)


def test_an_outcome_is_recorded_and_read_on_any_host(hosts_of_any: list[Node], tmp_path: Path) -> None:
    nodes = hosts_of_any
    job = tmp_path.name
    command = 'for at in $(seq 30); do echo "line $at $NAME"; done; id -un >&2; exit 3'
    first, second, _third = (node.settings(job, command, env={"NAME": "x y"}, user="nobody") for node in nodes)
    code, said = nodes[0].run("run", str(first), "--fire", FIRE)
    assert code == 3
    assert said.splitlines()[0] == "line 1 x y"
    assert nodes[1].run("run", str(second), "--fire", FIRE)[0] == 0
    [run] = nodes[1].history(second)
    assert (run["fire"], run["state"], run["node"], run["exit_code"]) == (FIRE, "finished", "app0", 3)
    assert 0 < run["seconds"] < 30
    assert run["tail"].splitlines() == [*(f"line {at} x y" for at in range(12, 31)), "nobody"]
    assert f"{FIRE}  finished, on app0, exit code 3" in nodes[1].run("history", str(second))[1]
    assert not list(nodes[0].state.iterdir())


def test_a_lost_answer_hides_no_outcome(hosts_of_any: list[Node], tmp_path: Path) -> None:
    lose_answers(hosts_of_any[0].url, f"test/{tmp_path.name}", FIRE)


def test_an_overrunning_job_is_killed_with_all_that_it_started(nodes: list[Node], tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    command = f"sleep 300 & echo $! >> {pids}; (sleep 300; true) & echo $! >> {pids}; echo begun; wait"
    settings = nodes[0].settings(tmp_path.name, command, time_limit=1)
    code, said = nodes[0].run("run", str(settings), "--fire", FIRE)
    assert code == 128 + 15
    assert "was stopped after 1 s" in said
    [run] = nodes[0].history(settings)
    assert (run["timed_out"], run["exit_code"], run["tail"]) == (True, -15, "begun")
    deadline = time.monotonic() + 5
    for pid in pids.read_text().split():
        while Path(f"/proc/{pid}").exists():
            assert time.monotonic() < deadline, f"{pid} lives"
            time.sleep(0.05)


def test_a_job_whose_host_died_is_lost_or_tried_again(hosts_of_any: list[Node], tmp_path: Path) -> None:
    nodes = hosts_of_any
    for retry in (False, True):
        job, marks = f"{tmp_path.name}{retry}", tmp_path / f"marks{retry}"
        command = f'echo $$ >> {marks}; [ "$(wc -l < {marks})" = 2 ] || sleep 300'
        first, second, third = (node.settings(job, command, retry=retry) for node in nodes)
        dying = nodes[0].start("run", str(first), "--fire", FIRE)
        wait_for(marks, "\n")
        watching = nodes[1].start("run", str(second), "--fire", FIRE)
        nodes[0].die(dying)
        said, _none = watching.communicate(timeout=60)
        if not retry:
            # The next fire finds it out.
            marks.write_text("x\n")
            assert nodes[2].run("run", str(third), "--fire", NEXT)[0] == 0
        runs = nodes[2].history(third)
        found = (runs[0]["state"], runs[0]["attempt"], runs[0]["node"])
        assert found == (("finished", 2, "app1") if retry else ("lost", 1, "app0")), said
        assert retry or runs[1]["state"] == "finished"
        assert len(marks.read_text().splitlines()) == 2


def test_a_run_whose_host_died_shows_no_sign_of_life(nodes: list[Node], tmp_path: Path) -> None:
    """Before the next fire, which for some jobs is a month away."""
    marks = tmp_path / "marks"
    first, second, _third = (node.settings(tmp_path.name, f"echo x > {marks}; sleep 300", max_skew=0) for node in nodes)
    process = nodes[0].start("run", str(first), "--fire", FIRE)
    wait_for(marks, "x")
    # Longer than a lease.
    time.sleep(4)
    [run] = nodes[0].history(second)
    assert (run["state"], run["why"]) == ("running", "")
    nodes[0].die(process)
    time.sleep(4)
    [run] = nodes[0].history(second)
    assert (run["state"], run["why"]) == ("running", f"no sign of life since {run['alive']}")


def test_a_fire_is_skipped_while_the_one_before_runs(nodes: list[Node], tmp_path: Path) -> None:
    stop = tmp_path / "stop"
    command = f"while [ ! -e {stop} ]; do sleep 0.1; done"
    first, second, _third = (node.settings(tmp_path.name, command) for node in nodes)
    running = nodes[0].start("run", str(first), "--fire", FIRE)
    deadline = time.monotonic() + 30
    while not list(nodes[0].state.glob("*.begun")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert nodes[1].run("run", str(second), "--fire", NEXT)[0] == 0
    stop.touch()
    running.communicate(timeout=60)
    before, after = nodes[1].history(second)
    assert (before["state"], after["state"]) == ("finished", "skipped")
    assert after["why"] == f"the one of {FIRE} still runs on app0"
    # Its own timer starts a guard for it as soon as the job has ended.
    assert f"{NEXT} is with app1, skipped" in nodes[0].run("run", str(first), "--fire", NEXT)[1]


def test_with_retry_all_wait_for_the_end_and_nothing_is_skipped(nodes: list[Node], tmp_path: Path) -> None:
    marks, stop = tmp_path / "marks", tmp_path / "stop"
    command = f"echo $SCALEOUT_FIRE >> {marks}; while [ ! -e {stop} ]; do sleep 0.1; done"
    first, second, _third = (node.settings(tmp_path.name, command, retry=True) for node in nodes)
    running = nodes[0].start("run", str(first), "--fire", FIRE)
    wait_for(marks, FIRE)
    waiting = nodes[1].start("run", str(second), "--fire", FIRE)
    # Longer than a lease.
    time.sleep(4)
    assert (running.poll(), waiting.poll()) == (None, None)
    stop.touch()
    said, _none = waiting.communicate(timeout=60)
    assert f"{FIRE} is with app0, finished" in said
    running.communicate(timeout=60)
    assert nodes[0].run("run", str(first), "--fire", NEXT)[0] == 0
    assert marks.read_text().split() == [FIRE, NEXT]


def test_asked_to_stop_it_ends_the_job_and_says_so(nodes: list[Node], tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    settings = nodes[0].settings(tmp_path.name, f"echo x > {marks}; sleep 300")
    process = nodes[0].start("run", str(settings), "--fire", FIRE)
    wait_for(marks, "x")
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 128 + 15
    [run] = nodes[0].history(settings)
    assert (run["state"], run["why"]) == ("finished", "this host was told to")


def test_a_job_to_be_started_again_is_so_after_its_host_was_told_to_stop(nodes: list[Node], tmp_path: Path) -> None:
    """By a host that waits for its end, or by the next guard of this one."""
    for watched in (False, True):
        job, marks = f"{tmp_path.name}{watched}", tmp_path / f"marks{watched}"
        command = f"[ -e {marks} ] || {{ echo x > {marks}; sleep 300; }}"
        first, second, _third = (node.settings(job, command, retry=True) for node in nodes)
        process = nodes[0].start("run", str(first), "--fire", FIRE)
        wait_for(marks, "x")
        watching = nodes[1].start("run", str(second), "--fire", FIRE) if watched else None
        process.terminate()
        process.communicate(timeout=30)
        assert process.returncode == 128 + 15
        if watching:
            assert "is started here" in watching.communicate(timeout=60)[0]
        else:
            [run] = nodes[0].history(first)
            assert (run["state"], run["why"]) == ("lost", "stopped on app0: this host was told to")
            assert nodes[0].run("run", str(first), "--fire", NEXT)[0] == 0
            assert not list(nodes[0].state.iterdir())
        run = nodes[0].history(first)[0]
        assert (run["state"], run["attempt"], run["node"]) == ("finished", 2, "app1" if watched else "app0")


def test_a_job_that_kills_its_guard_each_time_is_left_and_holds_up_no_other(nodes: list[Node], tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    command = f"echo $SCALEOUT_FIRE >> {marks}; [ $SCALEOUT_FIRE = {NEXT} ] || {{ kill -9 $PPID; sleep 300; }}"
    first, second, _third = (node.settings(tmp_path.name, command, retry=True) for node in nodes)
    for attempt in range(1, 11):
        assert nodes[0].run("run", str(first), "--fire", FIRE)[0] == -9
        assert marks.read_text().split() == [FIRE] * attempt
    code, said = nodes[1].run("run", str(second), "--fire", NEXT)
    assert code == 0, said
    before, after = nodes[1].history(second)
    assert (before["state"], before["attempt"]) == ("lost", 10)
    assert before["why"] == "app0 died half-way, at the last of 10 attempts"
    assert after["state"] == "finished"
    # Its own host, which remembers it, leaves it too.
    assert nodes[0].run("run", str(first), "--fire", FIRE)[0] == 0
    assert marks.read_text().split() == [FIRE] * 10 + [NEXT]
    assert not list(nodes[0].state.iterdir())


def test_a_locale_without_a_character_of_its_output_ends_no_job(
    nodes: list[Node], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = nodes[0].settings(tmp_path.name, r"printf '\342\206\222\n'; exit 3")
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONIOENCODING", "latin-1")
        assert nodes[0].run("run", str(settings), "--fire", FIRE) == (3, "\\u2192\n")
    assert nodes[0].history(settings)[0]["tail"] == "\u2192"


def test_a_look_at_a_store_makes_nothing_in_it(mongo: MongoSet, tmp_path: Path) -> None:
    node = Node("app", tmp_path, mongo.url.replace("/cron?", "/look?"))
    for options, there in ((["--look"], False), ([], True)):
        assert node.run("check", str(node.store_file), *options) == (0, "")
        databases = mongo.server.ask("listDatabases")["databases"]
        assert any(found["name"] == "look" for found in databases) is there


def test_a_host_without_the_user_leaves_it_to_the_others(nodes: list[Node], tmp_path: Path) -> None:
    first = nodes[0].settings(tmp_path.name, "true", user="nosuchuser")
    second = nodes[1].settings(tmp_path.name, "true")
    code, said = nodes[0].run("run", str(first), "--fire", FIRE)
    assert (code, said) == (71, "cron-guard: the job cannot be started here: this host has no user nosuchuser\n")
    assert nodes[1].run("run", str(second), "--fire", FIRE)[0] == 0
    [run] = nodes[1].history(second)
    assert (run["state"], run["node"]) == ("finished", "app1")


def test_no_secret_is_in_an_argument_or_shown(nodes: list[Node], tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    settings = nodes[0].settings(tmp_path.name, f"echo x > {marks}; sleep 2", env={"TOKEN": "opaque-token"})
    process = nodes[0].start("run", str(settings), "--fire", FIRE)
    wait_for(marks, "x")
    for path in (f"/proc/{process.pid}/cmdline", f"/proc/{process.pid}/environ"):
        assert b"opaque-token" not in Path(path).read_bytes()
        assert nodes[0].url.encode() not in Path(path).read_bytes()
    said, _none = process.communicate(timeout=30)
    assert "opaque-token" not in said


@pytest.mark.parametrize(("policy", "code", "marked"), [("skip", 69, False), ("run", 0, True)])
def test_a_store_that_does_not_answer(tmp_path: Path, policy: str, code: int, marked: bool) -> None:
    for scheme in ("redis", "mongodb"):
        node = Node(f"app-{scheme}", tmp_path, f"{scheme}://127.0.0.1:{free_port()}/cron")
        marks = tmp_path / f"marks-{scheme}"
        settings = node.settings("job", f"echo x > {marks}", store_failure=policy, store_wait=1)
        found, said = node.run("run", str(settings), "--fire", FIRE)
        assert (found, marks.exists()) == (code, marked), said
        assert "the store does not answer" in said


@pytest.mark.parametrize("policy", ["skip", "run"])
def test_a_store_that_goes_down_while_the_job_runs(tmp_path: Path, policy: str) -> None:
    server = RedisServer(tmp_path / "store")
    node = Node("app", tmp_path, server.url)
    marks, end = tmp_path / "marks", tmp_path / "end"
    command = f"echo x >> {marks}; while [ ! -e {end} ]; do sleep 0.1; done; exit 3"
    settings = node.settings("job", command, store_failure=policy, store_wait=1)
    process = node.start("run", str(settings), "--fire", FIRE)
    try:
        wait_for(marks, "x")
        server.stop()
        end.touch()
        said, _none = process.communicate(timeout=60)
        assert (process.returncode, marks.read_text()) == (3, "x\n"), said
        assert f"will be told how {FIRE} ended" in said
        server.start()
        assert node.run("run", str(settings), "--fire", NEXT)[0] == 3
        assert [(run["state"], run["exit_code"]) for run in node.history(settings)] == [("finished", 3)] * 2
        assert not list(node.state.iterdir())
    finally:
        server.stop()


def test_a_clock_beyond_the_bound_starts_nothing(store: MongoSet | RedisServer, tmp_path: Path) -> None:
    for skew in (-200, 200):
        node = Node(f"late{skew}", tmp_path, store.url, skew)
        settings = node.settings(tmp_path.name, f"touch {tmp_path}/marks")
        code, said = node.run("run", str(settings), "--fire", FIRE)
        assert code == 75
        assert re.search(r"clock is (199|200|201) s off the store's, more than 90 s, so nothing is started here", said)
    assert not (tmp_path / "marks").exists()


def test_stores_that_forget_are_refused(tmp_path: Path) -> None:
    volatile = RedisServer(tmp_path / "volatile", "--appendonly", "no")
    evicting = RedisServer(tmp_path / "evicting", "--appendonly", "yes", "--maxmemory-policy", "allkeys-lru")
    alone = Mongod(mongod_program(), tmp_path / "alone", replica_set="")
    alone.start()
    try:
        for url, why in (
            (volatile.url, "has no append-only file, so a restart would forget"),
            (evicting.url, "throws keys away when its memory is full (allkeys-lru)"),
            (f"mongodb://127.0.0.1:{alone.port}/cron", "is no member of a replica set"),
            ("memcached://127.0.0.1:11211", "Memcached forgets everything on a restart"),
            ("mongodb://127.0.0.1:1", "the URL of the store (singleton_cron_store_url) cannot be used"),
            ("sqlite:///x", "no store is called sqlite://"),
        ):
            node = Node(f"app{abs(hash(url))}", tmp_path, url)
            code, said = node.run("check", str(node.store_file))
            assert code == 78, said
            assert why in said
            marks = tmp_path / "marks"
            settings = node.settings("job", f"touch {marks}", store_failure="run", schedule=EVERY_MINUTE)
            assert node.run("run", str(settings), "--fire", FIRE)[0] == 78
            assert not marks.exists(), "a refused store is not a store that is down"
    finally:
        for server in (volatile, evicting, alone):
            server.stop()


def test_the_last_runs_are_told_in_their_order(hosts_of_any: list[Node], tmp_path: Path) -> None:
    node = hosts_of_any[0]
    settings = node.settings(tmp_path.name, "true")
    fires = [minutes_ago(31 + at) for at in range(12)]
    keep(node.url, f"test/{tmp_path.name}", fires)
    assert node.run("run", str(settings), "--fire", FIRE)[0] == 0
    code, said = node.run("history", str(settings), "--count", "3")
    assert code == 0
    assert re.findall(r"^  (\S+)  finished", said, re.MULTILINE) == [fires[1], fires[0], FIRE]


def test_a_job_that_is_not_here_hides_no_other(nodes: list[Node], tmp_path: Path) -> None:
    settings = nodes[0].settings(tmp_path.name, "true")
    assert nodes[0].run("run", str(settings), "--fire", FIRE)[0] == 0
    code, said = nodes[0].run("history", str(tmp_path / "none.json"), str(settings))
    assert code == 0
    assert f"there is no {tmp_path / 'none.json'}" in said
    assert f"{FIRE}  finished" in said


@pytest.mark.parametrize("store", ["mongo", "redis"], indirect=True)
def test_a_long_history_is_not_read_for_a_fire(store: MongoSet | RedisServer, tmp_path: Path) -> None:
    node = Node("app", tmp_path, store.url)
    settings = node.settings(tmp_path.name, "true")
    keep(store.url, f"test/{tmp_path.name}", [minutes_ago(31 + at) for at in range(500)])
    before = store.records_read()
    assert node.run("run", str(settings), "--fire", FIRE)[0] == 0
    assert node.run("history", str(settings), "--count", "1")[0] == 0
    assert store.records_read() - before < 100


def test_old_runs_are_forgotten(nodes: list[Node], tmp_path: Path) -> None:
    settings = nodes[0].settings(tmp_path.name, "true", history_days=1)
    old = time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime(time.time() - 23 * 3600))
    assert nodes[0].run("run", str(settings), "--fire", old)[0] == 0
    assert [run["fire"] for run in nodes[0].history(settings)] == [old]
    older = time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime(time.time() - 25 * 3600))
    code, said = nodes[0].run("run", str(settings), "--fire", older)
    assert (code, "nobody remembers" in said) == (75, True)


def test_a_guard_killed_around_the_start_leaves_the_fire_to_be_started_once(nodes: list[Node], tmp_path: Path) -> None:
    """Whether it had come to the start is known to this host's disk alone."""
    marks = tmp_path / "marks"
    first, second, _third = (node.settings(tmp_path.name, f"echo x >> {marks}") for node in nodes)
    for attempt in range(100):
        process = nodes[0].start("run", str(first), "--fire", FIRE)
        while process.poll() is None and not list(nodes[0].state.glob("*.ready")):
            time.sleep(0.001)
        time.sleep(0.001 * attempt)
        nodes[0].die(process)
        if nodes[0].history(first) or marks.exists():
            break
        for path in nodes[0].state.iterdir():
            path.unlink()
    watching, said = nodes[1].run("run", str(second), "--fire", FIRE)
    assert watching == 0, said
    code, said = nodes[0].run("run", str(first), "--fire", FIRE)
    assert code == 0, said
    assert marks.read_text() == "x\n"
