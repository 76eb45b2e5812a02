# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a fire whose job ends otherwise than by itself. The store is a dictionary, the jobs are processes."""

from __future__ import annotations

import getpass
import os
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cron_guard.fires import show
from cron_guard.guard import CannotStart, Guard, Settings
from cron_guard.process import Attempt
from cron_guard.records import UNSETTLED, Record, Store, StoreDown

FIRE = show(datetime.now(timezone.utc))
LEASE = 4


class Memory(Store):
    """Remembers as long as the test."""

    def __init__(self, *records: Record) -> None:
        self.kept = {record.fire: record for record in records}

    def check(self) -> float:
        return time.time()

    def create(self, record: Record) -> bool:
        return self.kept.setdefault(record.fire, record) == record

    def swap(self, record: Record) -> bool:
        if self.kept[record.fire].revision == record.revision - 1:
            self.kept[record.fire] = record
        return self.kept[record.fire] == record

    def get(self, job: str, fire: str) -> Record | None:
        return self.kept.get(fire)

    def unsettled(self, job: str, before: str) -> list[Record]:
        return [record for fire, record in sorted(self.kept.items()) if fire < before and record.state in UNSETTLED]

    def forget(self, job: str, before: str) -> None:
        pass


def guard_of(folder: Path, store: Store, command: str, **more: Any) -> Guard:
    usual = {"store_failure": "skip", "store_wait": 10, "lease_seconds": 1, "user": getpass.getuser(), "store": ""}
    given = {"set": "test", "id": "job", "node": "app", "schedule": {}, "state_path": str(folder / "state")}
    return Guard(Settings(command=command, **{**usual, **given, **more}), store)


def test_a_full_disk_hides_no_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Attempt, "note_end", full)
    store = Memory()
    assert guard_of(tmp_path, store, "exit 3").fire(FIRE) == 3
    assert (store.kept[FIRE].state, store.kept[FIRE].exit_code) == ("finished", 3)


def test_what_a_job_said_is_for_root_alone(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "state"
    for before in ("", "made by an earlier version"):
        if before:
            folder.chmod(0o755)
        Attempt(folder, "test/job", FIRE, "token").prepare()
        assert folder.stat().st_mode & 0o777 == 0o700
        # Others have things of their own beside it.
        assert folder.parent.stat().st_mode & 0o555 == 0o555


def test_a_job_that_does_not_listen_is_dead_before_its_lease_is_over(tmp_path: Path) -> None:
    """The store is silent from its start on, and another host starts it after a lease."""
    store = Memory()
    begun, alive = tmp_path / "begun", tmp_path / "alive"

    def silent(record: Record) -> bool:
        raise StoreDown("silent")

    command = f"trap '' TERM; touch {begun}; while :; do sleep 0.05; touch {alive}; done"
    guard = guard_of(tmp_path, store, command, retry=True, lease_seconds=LEASE, store_wait=0)
    store.swap = silent  # type: ignore[method-assign]
    guard.fire(FIRE)
    assert 0 < alive.stat().st_mtime - begun.stat().st_mtime < LEASE


def test_a_job_that_systemd_stopped_beside_its_guard_is_stopped(tmp_path: Path) -> None:
    store = Memory()
    guard = guard_of(tmp_path, store, "kill -TERM $$", retry=True)
    guard.stopping = True
    with pytest.raises(SystemExit):
        guard.fire(FIRE)
    assert (store.kept[FIRE].state, store.kept[FIRE].why) == ("lost", "stopped on app: this host was told to")


def test_a_host_that_can_make_no_process_gives_the_fire_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    store = Memory()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fork", full)
        with pytest.raises(CannotStart, match="temporarily unavailable"):
            guard_of(tmp_path, store, "exit 3").fire(FIRE)
    assert store.kept[FIRE].state == "free"
    assert not list((tmp_path / "state").iterdir())
    assert guard_of(tmp_path, store, "exit 3", node="app2").fire(FIRE) == 3
    assert (store.kept[FIRE].state, store.kept[FIRE].attempt) == ("finished", 1)


def test_a_job_stopped_as_the_store_was_silent_is_started_again(tmp_path: Path) -> None:
    store = Memory()
    swap = store.swap
    marks = tmp_path / "marks"
    command = f'echo x >> {marks}; [ "$(wc -l < {marks})" = 2 ] || sleep 30'

    def silent_at_first(record: Record) -> bool:
        if time.monotonic() - began < 2:
            raise StoreDown("silent")
        return swap(record)

    store.swap = silent_at_first  # type: ignore[method-assign]
    began = time.monotonic()
    assert guard_of(tmp_path, store, command, retry=True).fire(FIRE) == 0
    assert marks.read_text() == "x\nx\n"
    run = store.kept[FIRE]
    assert (run.state, run.attempt) == ("finished", 2)


@pytest.mark.parametrize(("attempts", "state", "started"), [(9, "finished", "x\n"), (10, "lost", "")])
@pytest.mark.parametrize("found", ["lost", "running"])
def test_what_was_lost_too_often_stays_so(tmp_path: Path, found: str, attempts: int, state: str, started: str) -> None:
    store = Memory(Record("test/job", FIRE, found, "token", "app2", "app2:1", attempt=attempts))
    marks = tmp_path / "marks"
    marks.touch()
    assert guard_of(tmp_path, store, f"echo x >> {marks}", retry=True).fire(FIRE) == 0
    assert (store.kept[FIRE].state, marks.read_text()) == (state, started)
    assert not list((tmp_path / "state").iterdir())


def test_stopped_at_its_last_attempt_it_is_not_found_on_the_disk(tmp_path: Path) -> None:
    store = Memory(Record("test/job", FIRE, "lost", "token", "app2", "app2:1", attempt=9))
    guard = guard_of(tmp_path, store, "kill -TERM $$", retry=True)
    guard.stopping = True
    with pytest.raises(SystemExit):
        guard.fire(FIRE)
    assert (store.kept[FIRE].state, store.kept[FIRE].attempt) == ("lost", 10)
    assert not list((tmp_path / "state").glob("*.begun"))


@pytest.mark.parametrize("outcome", [None, {"state": "lost", "why": "stopped"}, {"state": "finished", "exit_code": 7}])
def test_what_a_dead_guard_left_half_way_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outcome: dict[str, Any] | None
) -> None:
    before = show(datetime.now(timezone.utc) - timedelta(minutes=1))
    left = Attempt(tmp_path / "state", "test/job", before, "token")
    with monkeypatch.context() as patch:
        patch.setattr("cron_guard.process.beginning", lambda _pid: "before")
        left.prepare()
        left.ready.rename(left.begun)
        if outcome:
            left.note_end(outcome)
    store = Memory(Record("test/job", before, "running", "token", "app", "app:1"))
    assert guard_of(tmp_path, store, f'echo "$SCALEOUT_FIRE" >> {tmp_path}/marks', retry=True).fire(FIRE) == 0
    over = outcome and outcome["state"] == "finished"
    assert (tmp_path / "marks").read_text().split() == ([] if over else [before]) + [FIRE]
    assert store.kept[before].state == "finished"
    assert not list((tmp_path / "state").iterdir())
