# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The deploy lock between real runs of Ansible: one at a time, and no longer held than its owner lives."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.playbook import Run, kill, run, start

INVENTORY = "/dev/null"


class Lock:
    """A lock file and the playbooks that ask for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "deploy.lock"
        self.result = folder / "result.json"
        self.waiting: list[subprocess.Popen[str]] = []

    def playbook(self, name: str, *tasks: dict[str, Any]) -> Path:
        path = self.folder / f"{name}.yml"
        play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": list(tasks)}
        interpreter = {"vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}}
        path.write_text(json.dumps([{**play, **interpreter}]))
        return path

    def task(self, **options: Any) -> dict[str, Any]:
        return {"scaleout.webapp.deploy_lock": {"path": str(self.path), **options}, "register": "lock"}

    def ask(self, *arguments: str, **options: Any) -> Run:
        self.result.unlink(missing_ok=True)
        kept = {"copy": {"content": "{{ lock | to_json }}", "dest": str(self.result)}, "check_mode": False}
        return run(self.playbook("ask", self.task(**options), kept), *arguments, inventory=INVENTORY)

    def told(self) -> dict[str, Any]:
        return dict(json.loads(self.result.read_text()))

    def hold(self, **options: Any) -> subprocess.Popen[str]:
        """A run that takes the lock and goes on working."""
        work = {"command": "sleep 120"}
        process = start(self.playbook("hold", self.task(**options), work), inventory=INVENTORY)
        self.waiting.append(process)
        deadline = time.monotonic() + 60
        while not self.path.exists():
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline, "the lock was not taken"
            time.sleep(0.1)
        return process


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[Lock]:
    made = Lock(tmp_path)
    yield made
    for process in made.waiting:
        kill(process)


def test_a_second_run_is_refused_and_the_next_after_a_kill_is_not(lock: Lock) -> None:
    holder = lock.hold(reason="release 7 of www", owner="alice@ops", note={"before": "r6"})
    refused = lock.ask(reason="release 8")
    assert refused.code != 0
    assert "held by alice@ops since 20" in refused.output
    assert "(release 7 of www)" in refused.output
    assert lock.ask("--check", reason="release 8").code != 0

    assert lock.ask(state="read").code == 0
    assert (lock.told()["held"], lock.told()["mine"], lock.told()["changed"]) == (True, False, False)
    assert not lock.told()["dead"]
    assert lock.ask(state="absent").code == 0
    assert not lock.told()["changed"], "the lock of another run was taken away"

    kill(holder)
    assert lock.ask(state="read").code == 0
    assert (lock.told()["held"], lock.told()["dead"]) == (True, True)
    assert lock.ask("--check").code == 0
    assert lock.told()["took_over"]
    assert json.loads(lock.path.read_text())["owner"] == "alice@ops", "check mode took the lock"
    assert lock.ask(reason="release 8").code == 0
    told = lock.told()
    assert (told["took_over"], told["mine"], told["found"]["note"]) == (True, True, {"before": "r6"})
    assert json.loads(lock.path.read_text())["note"] == {"before": "r6"}, "the next one to take over needs it too"


def test_where_death_cannot_be_seen_it_has_to_be_said(lock: Lock) -> None:
    kill(lock.hold())
    held = json.loads(lock.path.read_text())
    lock.path.write_text(json.dumps({**held, "process": {**held["process"], "machine": "another container"}}))
    assert lock.ask(state="read").code == 0
    assert not lock.told()["dead"]
    refused = lock.ask()
    assert refused.code != 0
    assert "known to be dead: take_over=true" in refused.output
    assert lock.ask(take_over=True).code == 0
    assert lock.told()["took_over"]


def test_a_run_keeps_its_lock_and_gives_it_back(lock: Lock) -> None:
    first, again = lock.task(note={"www": "r6"}), lock.task(note={"www": "r6"})
    changed = {"assert": {"that": "not lock.changed and lock.mine"}}
    noted = {"assert": {"that": "lock.changed and lock.mine and lock.found.note == {'www': 'r6'}"}}
    back = {"assert": {"that": "lock.changed and not lock.held"}}
    other, gone = lock.task(note={"www": "r7"}), lock.task(state="absent")
    done = run(lock.playbook("all", first, again, changed, other, noted, gone, back), inventory=INVENTORY)
    assert done.code == 0, done.output
    assert not lock.path.exists()


def test_what_is_no_lock_stops_everybody(lock: Lock) -> None:
    lock.path.write_text("not json")
    refused = lock.ask()
    assert refused.code != 0
    assert "it is no deploy lock of this version" in refused.output
    assert lock.path.read_text() == "not json"
