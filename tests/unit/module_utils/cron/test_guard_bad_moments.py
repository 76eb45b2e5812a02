# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guard that is killed, stopped, slower than another, or without store or disk, when it takes a fire."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cron_guard.fires import show
from cron_guard.guard import EXIT_STORE, CannotStart, Guard, Lease
from cron_guard.process import Attempt
from cron_guard.records import Record, Store, StoreDown

from tests.unit.module_utils.cron.test_guard_ends import Memory, guard_of

NOW = datetime.now(timezone.utc)
FIRE, NEXT = show(NOW - timedelta(minutes=1)), show(NOW)


class LosesAnswers(Memory):
    """Is gone before it says what it did, or before it does it."""

    def __init__(self, lands: bool) -> None:
        super().__init__()
        self.lands = lands

    def create(self, record: Record) -> bool:
        if self.lands or record.fire in self.kept:
            super().create(record)
        raise StoreDown("gone")

    def swap(self, record: Record) -> bool:
        raise StoreDown("gone")


def guard_that_marks(folder: Path, store: Store, policy: str) -> Guard:
    return guard_of(folder, store, f"echo $SCALEOUT_FIRE >> {folder}/marks; exit 3", store_failure=policy, store_wait=0)


def as_if_it_were_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the guards of this process after it."""
    monkeypatch.setattr("cron_guard.process.beginning", lambda _pid: "later")


@pytest.mark.parametrize("lands", [True, False])
def test_what_ran_without_the_store_is_told_later_and_not_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lands: bool
) -> None:
    store = LosesAnswers(lands)
    assert guard_that_marks(tmp_path, store, "run").fire(FIRE) == 3
    as_if_it_were_dead(monkeypatch)
    back = Memory(*store.kept.values())
    assert guard_that_marks(tmp_path, back, "run").fire(NEXT) == 3
    assert (tmp_path / "marks").read_text().split() == [FIRE, NEXT]
    assert [(run.state, run.node, run.exit_code) for run in back.kept.values()] == [("finished", "app", 3)] * 2
    assert not list((tmp_path / "state").iterdir())


def test_of_two_that_ran_without_the_store_the_first_that_tells_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert guard_that_marks(tmp_path, LosesAnswers(lands=False), "run").fire(FIRE) == 3
    as_if_it_were_dead(monkeypatch)
    theirs = Record("test/job", FIRE, "finished", "token", "app2", "app2:1", exit_code=0)
    back = Memory(theirs)
    assert guard_that_marks(tmp_path, back, "run").fire(NEXT) == 3
    assert back.kept[FIRE] == theirs
    assert not list((tmp_path / "state").iterdir())


@pytest.mark.parametrize("lands", [True, False])
def test_what_was_left_as_the_store_was_gone_is_not_started_with_the_next_fire(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lands: bool
) -> None:
    store = LosesAnswers(lands)
    assert guard_that_marks(tmp_path, store, "skip").fire(FIRE) == EXIT_STORE
    as_if_it_were_dead(monkeypatch)
    back = Memory(*store.kept.values())
    assert guard_that_marks(tmp_path, back, "skip").fire(NEXT) == 3
    assert (tmp_path / "marks").read_text().split() == [NEXT]
    if lands:
        assert (back.kept[FIRE].state, back.kept[FIRE].why) == ("skipped", "the store did not answer")
    else:
        # Another host, whose clock is late, may still come for it.
        assert FIRE not in back.kept
    assert not list((tmp_path / "state").iterdir())


@pytest.mark.parametrize("policy", ["skip", "run"])
def test_what_others_took_for_lost_while_this_host_was_cut_off_is_started_unless_it_ran(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    """To them the store was not down, and none is left unstarted then."""
    store = LosesAnswers(lands=True)
    guard_that_marks(tmp_path, store, policy).fire(FIRE)
    as_if_it_were_dead(monkeypatch)
    back = Memory(replace(store.kept[FIRE], state="lost", revision=2, writer="app2:1"))
    assert guard_that_marks(tmp_path, back, policy).fire(NEXT) == 3
    assert (tmp_path / "marks").read_text().split() == [FIRE, NEXT]
    assert [run.state for run in back.kept.values()] == ["finished", "finished"]


def test_what_another_host_gave_back_and_this_one_ran_without_the_store_is_not_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = Record("test/job", FIRE, "free", "token", "app2", "app2:1", revision=2)
    store = LosesAnswers(lands=False)
    store.kept[FIRE] = free
    assert guard_that_marks(tmp_path, store, "run").fire(FIRE) == 3
    as_if_it_were_dead(monkeypatch)
    back = Memory(free)
    assert guard_that_marks(tmp_path, back, "run").fire(NEXT) == 3
    assert (tmp_path / "marks").read_text().split() == [FIRE, NEXT]
    assert [(run.state, run.node) for run in back.kept.values()] == [("finished", "app")] * 2


def has_begun(folder: Path) -> None:
    """A guard that is no more had started the job."""
    attempt = Attempt(folder / "state", "test/job", FIRE, "token")
    attempt.prepare()
    attempt.ready.rename(attempt.begun)


def test_what_a_killed_guard_had_started_is_not_started_again_without_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_begun(tmp_path)
    as_if_it_were_dead(monkeypatch)
    assert guard_that_marks(tmp_path, LosesAnswers(lands=False), "run").fire(FIRE) == EXIT_STORE
    back = Memory()
    assert guard_that_marks(tmp_path, back, "run").fire(FIRE) == 0
    assert (back.kept[FIRE].state, back.kept[FIRE].why) == ("lost", "app died half-way")
    assert not (tmp_path / "marks").exists()


def test_what_is_taken_for_lost_at_the_same_time_is_given_back_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = Attempt(tmp_path / "state", "test/job", FIRE, "token")
    attempt.prepare()
    as_if_it_were_dead(monkeypatch)
    taken = Record("test/job", FIRE, "taken", "token", "app", "app:1")
    store = Memory(taken)
    swap = store.swap

    def slow(record: Record) -> bool:
        if store.kept[FIRE] == taken:
            store.kept[FIRE] = replace(taken, state="lost", revision=2, writer="app2:1")
        return swap(record)

    store.swap = slow  # type: ignore[method-assign]
    assert guard_that_marks(tmp_path, store, "skip").fire(NEXT) == 3
    assert (tmp_path / "marks").read_text().split() == [FIRE, NEXT]


def test_a_fire_that_another_host_takes_late_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Memory(Record("test/job", FIRE, "free", "token", "app2", "app2:1"))
    guard = guard_that_marks(tmp_path, store, "skip")
    attend = guard.attend
    before: list[str] = []

    def runs() -> None:
        for state in ["running"] * 8 + ["finished"]:
            there = store.kept[FIRE]
            store.kept[FIRE] = replace(there, state=state, late=True, revision=there.revision + 1)
            time.sleep(0.1)

    def other_is_faster(fire: str, skip: str = "") -> int:
        if fire == FIRE:
            threading.Thread(target=runs).start()
            time.sleep(0.05)
            return 0
        before.append(store.kept[FIRE].state)
        return attend(fire, skip)

    monkeypatch.setattr(guard, "attend", other_is_faster)
    assert guard.fire(NEXT) == 3
    assert before == ["finished"]


def test_a_renewal_counts_from_when_it_was_first_asked_for(tmp_path: Path) -> None:
    """Its answer was lost: to the others the lease began then."""
    running = Record("test/job", FIRE, "running", "token", "app", "app:1")
    store = Memory(running)
    guard = guard_that_marks(tmp_path, store, "skip")
    landed: list[float] = []

    def swap(record: Record) -> bool:
        if not landed:
            landed.append(time.monotonic())
        elif time.monotonic() - landed[0] > 0.3 and len(landed) == 1:
            landed.append(time.monotonic())
            return True
        raise StoreDown("gone")

    store.swap = swap  # type: ignore[method-assign]
    with Lease(guard, running, time.monotonic()) as lease:
        time.sleep(0.8)
        assert len(landed) == 2
        assert lease.renewed <= landed[0]


def test_a_full_disk_leaves_the_fire_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_attempt: Attempt) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Attempt, "prepare", full)
    store = Memory()
    with pytest.raises(CannotStart, match="No space left"):
        guard_that_marks(tmp_path, store, "run").fire(FIRE)
    assert not store.kept


@pytest.mark.parametrize("asks", ["create", "swap"])
def test_told_to_stop_before_the_start_it_gives_the_fire_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asks: str
) -> None:
    """What it asked for is there only after it was told, as a majority takes its time."""
    free = Record("test/job", FIRE, "free", "token", "app2", "app2:1", revision=2)
    store = Memory(*[free] if asks == "swap" else [])
    guard = guard_that_marks(tmp_path, store, "skip")
    late: list[Record] = []

    def ask(record: Record) -> bool:
        late.append(record)
        guard.stop(15, None)
        return True

    def get(job: str, fire: str) -> Record | None:
        there = store.kept.get(fire)
        if late:
            store.kept[fire] = late.pop()
        return there

    with monkeypatch.context() as patch:
        patch.setattr(store, asks, ask)
        patch.setattr(store, "get", get)
        with pytest.raises(SystemExit):
            guard.fire(FIRE)
        patch.delattr(store, asks)
        guard.give_back(5)
    assert (store.kept[FIRE].state, store.kept[FIRE].node) == ("free", "app")
    assert not list((tmp_path / "state").iterdir())
    assert guard_that_marks(tmp_path, store, "skip").fire(FIRE) == 3


def test_told_to_stop_it_leaves_what_it_cannot_know_to_the_next_guard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Memory()
    guard = guard_that_marks(tmp_path, store, "skip")
    asked = guard._record(FIRE, "taken")
    guard._prepare(asked)
    guard.give_back(0.2)
    store.create(asked)
    monkeypatch.setattr("cron_guard.process.boot", lambda: "after a restart")
    as_if_it_were_dead(monkeypatch)
    assert guard_that_marks(tmp_path, store, "skip").fire(NEXT) == 3
    assert (tmp_path / "marks").read_text().split() == [FIRE, NEXT]


def test_told_to_stop_it_gives_back_nothing_that_another_host_has(tmp_path: Path) -> None:
    theirs = Record("test/job", FIRE, "taken", "token", "app2", "app2:1")
    store = Memory(theirs)
    guard = guard_that_marks(tmp_path, store, "skip")
    guard._prepare(guard._record(FIRE, "taken"))
    guard.give_back(5)
    assert store.kept[FIRE] == theirs
