# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who starts a fire. No fire is left unstarted while a host and the store live, none is started twice.

A guard takes a fire by the first record of its key, or by the next revision of one that is free. Only with the store's
word for it, given for good, it starts the job. The others stay until they hear that the job runs: should the one that
took it die before, they say so. That host knows from its own disk whether it had come to start the job, and gives the
fire back if not. What ran half-way is lost, and is taken by another host only with `retry`.

Clocks decide nothing here. A fire is the time of the schedule, not of a clock, and a record is dead when it did not
change for as long as the one who looks counts by itself, while the store answered.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, TypeVar

from cron_guard import fires
from cron_guard.process import Attempt, Outcome, Process, remains
from cron_guard.records import (
    FINISHED,
    FREE,
    LOST,
    OPEN,
    RUNNING,
    SKIPPED,
    TAKEN,
    Record,
    Store,
    StoreDown,
    StoreRefused,
)

# Beyond the bound of clocks: what asking the store takes, and what it says in whole seconds.
SLACK = 1.0
# Of a lease: after so much without an answer a job has to end, and it has so much time for that. The rest is a reserve.
FENCED, ENDED = 0.6, 0.3
GRACE = 10.0
# How often one fire is started with `retry`. It outlives some hosts that die or are shut down one after the other; what
# dies more often is the job's own doing, such as its need for memory, and would hold up all later fires for ever.
ATTEMPTS = 10
EXIT_CLOCK, EXIT_STORE, EXIT_SETTINGS, EXIT_START, EXIT_STOPPED = 75, 69, 78, 71, 143
T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """A job as the module wrote it for the guard."""

    set: str
    id: str
    command: str
    schedule: Mapping[str, Any]
    store: str
    store_failure: str
    node: str
    user: str = "root"
    env: Mapping[str, str] = field(default_factory=dict)
    time_limit: float = 0
    retry: bool = False
    max_skew: float = 90
    store_wait: float = 60
    history_days: int = 30
    lease_seconds: float = 20
    state_path: str = "/var/lib/scaleout-webapp/cron-guard"

    @property
    def job(self) -> str:
        return f"{self.set}/{self.id}"


class StoreGone(Exception):
    """It did not answer for as long as a guard waits."""


class WrongClock(Exception):
    """This host's clock cannot be trusted."""


class CannotStart(Exception):
    """This host cannot start the job. Others may."""


def say(text: str) -> None:
    print(f"cron-guard: {text}", flush=True)


class Guard:
    """One start of the program for one job."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings = settings
        self.store = store
        self.writer = f"{settings.node}:{os.getpid()}:{random.SystemRandom().getrandbits(64):016x}"
        self.attempts = 0
        # Asked for and not started, by token: a record that names one of them is this guard's to start.
        self.unstarted: dict[str, Record] = {}
        # Exit codes of the fires that ran here.
        self.codes: dict[str, int] = {}
        self.stopping = False
        self.busy = False
        self.answered_since = time.monotonic()
        self.poll = settings.lease_seconds / 20
        self.grace = min(GRACE, ENDED * settings.lease_seconds) if settings.retry else GRACE
        self.folder = Path(settings.state_path)

    def patiently(self, ask: Callable[[], T], seconds: float | None = None) -> T:
        """Ask the store until it answers."""
        deadline = time.monotonic() + (self.settings.store_wait if seconds is None else seconds)
        while True:
            try:
                found = ask()
            except StoreDown as error:
                # While it did not answer nobody could say that he lives.
                self.answered_since = float("inf")
                if time.monotonic() > deadline:
                    raise StoreGone(str(error)) from None
            else:
                self.answered_since = min(self.answered_since, time.monotonic())
                return found
            self.pause()

    def known(self, fire: str) -> Record | None:
        return self.patiently(lambda: self.store.get(self.settings.job, fire))

    def pause(self) -> None:
        time.sleep(self.poll * random.uniform(0.5, 1.5))

    def stop(self, _number: int, _frame: object) -> None:
        """Asked to end: at once, or by way of the job."""
        on_its_way, self.stopping = self.stopping, True
        if not self.busy and not on_its_way:
            raise SystemExit(EXIT_STOPPED)

    def give_back(self, seconds: float) -> None:
        """Leave what was taken and not started to others: when this host is up again, it cannot tell which that was.

        A record whose answer was not awaited may take `seconds` to be there. What remains unknown is settled by the
        next guard here.
        """
        deadline = time.monotonic() + seconds
        for asked in self.unstarted.values():
            why = f"{asked.node} was told to stop before it started the job"
            self._note_end(self._attempt(asked), {"state": FREE, "why": why})
            with contextlib.suppress(StoreDown):
                there = self.store.get(asked.job, asked.fire)
                while (there is None or there.revision < asked.revision) and time.monotonic() < deadline:
                    self.pause()
                    there = self.store.get(asked.job, asked.fire)
                if there is None or there.revision < asked.revision:
                    continue
                if there.token == asked.token and there.state in (TAKEN, LOST):
                    say(f"{asked.fire} was taken here, is not started and given back, as this host was told to stop")
                    if not self.store.swap(self._after(there, state=FREE, why=why)):
                        continue
                self._attempt(asked).forget()

    # Before a fire

    def see_clock(self, fire: str) -> None:
        """The store's clock is the one that all hosts share."""

        def differs() -> float:
            asked = time.time()
            theirs = self.store.check()
            answered = time.time()
            return max(asked - theirs, theirs - answered, 0.0)

        bound = self.settings.max_skew + SLACK
        off = self.patiently(differs)
        self.patiently(self.store.make)
        if off > bound:
            raise WrongClock(
                f"this host's clock is {off:.0f} s off the store's, more than {self.settings.max_skew:g} s"
            )
        now = datetime.now(timezone.utc)
        at = fires.read(fire)
        if at - now > timedelta(seconds=2 * bound):
            raise WrongClock(f"{fire} is yet to come")
        if now - at > timedelta(days=self.settings.history_days):
            raise WrongClock(f"nobody remembers {fire} any more")

    def see_user(self) -> None:
        try:
            pwd.getpwnam(self.settings.user)
        except KeyError:
            raise CannotStart(f"this host has no user {self.settings.user}") from None

    def recover(self) -> None:
        """Say of what dead guards of this host left whether it was started, and see that it is where it has to be."""
        oldest = datetime.now(timezone.utc) - timedelta(days=self.settings.history_days)
        for left in remains(self.folder, self.settings.job):
            if fires.read(left.attempt.fire) < oldest:
                left.attempt.forget()
                continue
            record = self.known(left.attempt.fire)
            died = {"state": LOST, "why": f"{self.settings.node} died half-way"}
            ran = left.outcome or died if left.begun else None
            state = ""
            if record is None and ran:
                record = self._tell(left.attempt.fire, ran)
                state = record.state
            elif record and record.token == left.attempt.token and record.state in (*OPEN, LOST):
                state = self._settle(record, left.begun, left.outcome)
            elif record and record.state == FREE and ran:
                # It ran here without the store, when another host had given it back.
                self._swap(record, token=left.attempt.token, node=self.settings.node, **ran)
                state = str(ran["state"])
            left.attempt.forget()
            if state == FREE or (record and state == LOST and self.again(record)):
                self.attend(left.attempt.fire)

    def _tell(self, fire: str, outcome: Mapping[str, Any]) -> Record:
        """What ran without the store. It may have done so on several hosts: the first that tells is kept."""
        record = self._record(fire, **outcome)
        self.patiently(lambda: self.store.create(record))
        return record

    def _settle(self, record: Record, begun: bool | None, outcome: Mapping[str, Any] | None) -> str:
        """What becomes of it."""
        # Others who reached the store took this host for dead: to them it was not the store that was down.
        if outcome and (begun or record.state != LOST):
            self._swap_own(record, **outcome)
            return str(outcome["state"])
        if begun is False:
            say(f"{record.fire} was taken by {record.node}, which had not started it")
            self._swap_own(record, state=FREE, why=f"{record.node} had not started the job")
            return FREE
        if record.state != LOST:
            self._give_up(record)
        return LOST

    def blocked(self, fire: str) -> str:
        """Whether an earlier fire still runs in its own time; one that is late is waited for, a dead one given up."""
        for record in self.patiently(lambda: self.store.unsettled(self.settings.job, fire)):
            last = self._follow(record)
            while last and last.state in OPEN and last.late and last.revision != record.revision:
                record, last = last, self._follow(last)
            if last and last.state in OPEN and last.revision != record.revision:
                return f"the one of {record.fire} still runs on {last.node}"
            if last and (last.state == FREE or (last.state in OPEN and self.again(last))):
                self.attend(last.fire)
                # Another host may have taken it, and be at it.
                return self.blocked(fire)
            if last and last.state in OPEN:
                self._give_up(last)
        return ""

    def again(self, record: Record) -> bool:
        """Whether what ran half-way is to be started once more."""
        return self.settings.retry and record.attempt < ATTEMPTS

    def _follow(self, record: Record) -> Record | None:
        """The record when it has changed, or has not for as long as a lease holds."""
        began = time.monotonic()
        last: Record | None = record
        while last and last.revision == record.revision and last.state in OPEN:
            if time.monotonic() - max(began, self.answered_since) > self.settings.lease_seconds:
                break
            self.pause()
            last = self.known(record.fire)
        return last

    # A fire

    def fire(self, fire: str) -> int:
        """The exit code of the job if it was started here, else 0."""
        try:
            self.see_clock(fire)
            self.see_user()
            self.recover()
            why = self.blocked(fire)
            return self.attend(fire, skip=why)
        except StoreGone as error:
            if fire in self.codes:
                say(f"the store does not answer ({error}), and will be told how {fire} ended by the next guard here")
                return self.codes[fire]
            if self.settings.store_failure == "run":
                say(f"the store does not answer ({error}), so the job is started without asking")
                return self._run_alone(fire)
            say(f"the store does not answer ({error}), so the job is not started")
            # A question whose answer was lost may have taken it, which is no reason to start it after hours.
            for asked in self.unstarted.values():
                self._note_end(self._attempt(asked), {"state": SKIPPED, "why": "the store did not answer"})
            return EXIT_STORE

    def attend(self, fire: str, skip: str = "") -> int:
        """Take it, or see that somebody has started it."""
        code = self._create(fire, skip)
        revision, since = 0, time.monotonic()
        while code is None:
            record = self.known(fire)
            if record is None:
                code = self._create(fire, skip)
                continue
            if record.revision != revision:
                revision, since = record.revision, time.monotonic()
            dead = time.monotonic() - max(since, self.answered_since) > self.settings.lease_seconds
            # An answer that said so was lost, and then perhaps the patience of the others.
            unstarted = record.token in self.unstarted and record.state in (TAKEN, LOST)
            again = self.again(record) and (dead or record.state == LOST) and record.state in (*OPEN, LOST)
            if record.state == FREE or unstarted or again:
                code = self._take(record)
            elif record.state in (FINISHED, SKIPPED, LOST) or (record.state == RUNNING and not self.settings.retry):
                say(f"{fire} is with {record.node}, {record.state}")
                code = self.codes.get(fire, 0)
            elif dead:
                self._give_up(record)
            else:
                self.pause()
        self._forget_unstarted(fire)
        return code

    def _unstarted_of(self, fire: str) -> list[Record]:
        return [asked for asked in self.unstarted.values() if asked.fire == fire]

    def _forget_unstarted(self, fire: str) -> None:
        for asked in self._unstarted_of(fire):
            self._attempt(self.unstarted.pop(asked.token)).forget()

    def _attempt(self, record: Record) -> Attempt:
        return Attempt(self.folder, record.job, record.fire, record.token)

    def _create(self, fire: str, skip: str) -> int | None:
        """The exit code where this is settled by being the first, else nothing."""
        first = self._record(fire, SKIPPED if skip else TAKEN, why=skip)
        if not skip:
            self._prepare(first)
        taken = time.monotonic()
        if not self.patiently(lambda: self.store.create(first)):
            return None
        if skip:
            say(f"{fire} is skipped, {skip}")
            return 0
        return self._start(first, taken)

    def _record(self, fire: str, state: str, **more: Any) -> Record:
        more["alive"] = fires.clock()
        return Record(self.settings.job, fire, state, self._token(), self.settings.node, self.writer, **more)

    def _token(self) -> str:
        """Another one for each attempt."""
        self.attempts += 1
        return f"{self.writer}:{self.attempts}"

    def _prepare(self, record: Record) -> None:
        try:
            self._attempt(record).prepare()
        except OSError as error:
            raise CannotStart(repr(error)) from None
        self.unstarted[record.token] = record

    def _take(self, found: Record) -> int | None:
        """The job's exit code, or nothing if somebody else has taken it."""
        died = found.state != FREE and found.token not in self.unstarted
        why = found.why if found.state == LOST else f"{found.node} died half-way"
        record = replace(
            self._record(found.fire, TAKEN),
            revision=found.revision + 1,
            attempt=found.attempt + (1 if died else 0),
            late=True,
            why=why if died else "",
        )
        self._prepare(record)
        taken = time.monotonic()
        if not self.patiently(lambda: self.store.swap(record)):
            return None
        say(f"{found.fire} was with {found.node}, {found.state}, and is started here")
        return self._start(record, taken)

    def _give_up(self, record: Record) -> None:
        say(f"{record.fire} is lost: {record.node} died when it had taken it")
        last = f", at the last of {ATTEMPTS} attempts" if record.attempt >= ATTEMPTS else ""
        self._swap(record, state=LOST, why=f"{record.node} died half-way{last}")

    def _swap(self, record: Record, **changes: Any) -> Record | None:
        """The record with these changes, or nothing if somebody else has changed it."""
        after = self._after(record, **changes)
        return after if self.patiently(lambda: self.store.swap(after)) else None

    def _swap_own(self, record: Record, **changes: Any) -> bool:
        """The same, unless somebody took it over: who only took it for lost was wrong."""
        last: Record | None = record
        while last and last.token == record.token:
            if self._swap(last, **changes):
                return True
            last = self.known(record.fire)
        return False

    def _after(self, record: Record, **changes: Any) -> Record:
        return replace(record, revision=record.revision + 1, writer=self.writer, **changes)

    # A job that runs here

    def _start(self, record: Record, taken: float) -> int | None:
        if self.settings.retry and time.monotonic() - taken > FENCED * self.settings.lease_seconds:
            # Others may have started it meanwhile.
            return None
        attempt = self._attempt(record)
        try:
            process = self._process(attempt)
        except CannotStart as error:
            self._swap_own(record, state=FREE, why=f"{record.node} could not start it: {error}")
            self._forget_unstarted(record.fire)
            raise
        del self.unstarted[record.token]
        problem = process.wait_for_start()
        started = fires.clock()
        lease = Lease(self, replace(record, state=RUNNING, started=started), taken)
        with lease:
            outcome = process.watch(self.settings.time_limit, lease.stop, self.grace)
        result = self._result(outcome, problem, started)
        # By this host, another one, or the next guard here, which finds the attempt on the disk.
        again = result["state"] == LOST and self.again(record)
        self._note_end(attempt, result)
        self.busy = False
        if outcome.stopped:
            say(f"{record.fire} was stopped: {outcome.stopped}")
        elif outcome.timed_out:
            say(f"{record.fire} was stopped after {self.settings.time_limit:g} s")
        code = self.codes[record.fire] = outcome.shown
        self._finish(lease, result)
        if not again:
            attempt.forget()
        if self.stopping:
            raise SystemExit(code)
        return None if again else code

    def _process(self, attempt: Attempt) -> Process:
        self.busy = True
        try:
            return Process(self.settings.command, self.settings.user, self.settings.env, attempt)
        except (OSError, KeyError) as error:
            self.busy = False
            raise CannotStart(repr(error)) from None

    def _result(self, outcome: Outcome, problem: str, started: str) -> dict[str, Any]:
        half_way = self.settings.retry and bool(outcome.stopped)
        return {
            "state": LOST if half_way else FINISHED,
            "seconds": outcome.seconds,
            "exit_code": outcome.exit_code,
            "timed_out": outcome.timed_out,
            "tail": problem or outcome.tail,
            "started": started,
            "why": f"stopped on {self.settings.node}: {outcome.stopped}" if half_way else outcome.stopped,
        }

    def _note_end(self, attempt: Attempt, result: Mapping[str, Any]) -> None:
        # A full disk keeps neither the store from hearing of it nor the guard from its end.
        with contextlib.suppress(OSError):
            attempt.note_end(result)

    def _finish(self, lease: Lease, result: Mapping[str, Any]) -> None:
        if self._swap_own(lease.record, **result):
            oldest = fires.read(lease.record.fire) - timedelta(days=self.settings.history_days)
            self._forget(fires.show(oldest))

    def _forget(self, oldest: str) -> None:
        self.patiently(lambda: self.store.forget(self.settings.job, oldest))

    def why_stop(self) -> str:
        return "this host was told to" if self.stopping else ""

    def _run_alone(self, fire: str) -> int:
        """The next guard here tells the store of it."""
        if any(
            left.attempt.fire == fire and left.begun is not False for left in remains(self.folder, self.settings.job)
        ):
            say(f"a guard that died here had started {fire} already")
            return EXIT_STORE
        if not self._unstarted_of(fire):
            self._prepare(self._record(fire, TAKEN))
        # A question whose answer was lost may have taken it: then that attempt is it, and nobody starts another.
        asked = self._unstarted_of(fire)[-1]
        attempt = self._attempt(asked)
        process = self._process(attempt)
        del self.unstarted[asked.token]
        self._forget_unstarted(fire)
        problem = process.wait_for_start()
        if problem:
            say(problem)
        started = fires.clock()
        outcome: Outcome = process.watch(self.settings.time_limit, self.why_stop, self.grace)
        self._note_end(attempt, self._result(outcome, problem, started))
        self.busy = False
        return outcome.shown


class Lease:
    """Tells the store that the job runs, again and again, as long as it does."""

    def __init__(self, guard: Guard, record: Record, taken: float) -> None:
        self.guard = guard
        self.record = record
        self.renewed = taken
        self.taken_over = False
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._renew, daemon=True)

    def __enter__(self) -> Lease:
        self.thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.over.set()
        # A store that hangs answers within its own time limits.
        self.thread.join()

    def stop(self) -> str:
        """Why the job has to end: another host may start it."""
        if self.guard.stopping or not self.guard.settings.retry:
            return self.guard.why_stop()
        if self.taken_over:
            return "another host has taken it over"
        if time.monotonic() - self.renewed > FENCED * self.guard.settings.lease_seconds:
            return "the store does not answer, and another host may take it over"
        return ""

    def _renew(self) -> None:
        wait, asked, asked_for = 0.0, 0.0, -1
        while not self.over.wait(wait):
            wait = self.guard.settings.lease_seconds / 5
            again = asked_for == self.record.revision
            if not again:
                # A question whose answer was lost may have been done then: the others count from there.
                asked, asked_for = time.monotonic(), self.record.revision
            after = self.guard._after(self.record, alive=fires.clock())
            try:
                if self.guard.store.swap(after):
                    self.record, self.renewed = after, asked
                    wait = 0.0 if again else wait
                    continue
                found = self.guard.store.get(after.job, after.fire)
            except StoreDown:
                # Back after a change of its primary, it is to hear of this at once.
                wait = self.guard.poll
                continue
            if found and found.token == self.record.token:
                # It was taken for lost, or an answer was: the next revision is right.
                self.record = replace(self.record, revision=found.revision)
                wait = 0.0
            else:
                self.taken_over = True
                return


def refused(error: StoreRefused) -> int:
    say(f"the store is refused: {error}")
    return EXIT_SETTINGS
