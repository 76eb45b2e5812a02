# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at and changes the jobs of a host: files and systemctl. Private to this collection."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable

from ansible_collections.scaleout.webapp.plugins.module_utils._cron.model import Wanted
from ansible_collections.scaleout.webapp.plugins.module_utils._cron.units import (
    MARK,
    SETTINGS,
    STORES,
    UNITS,
    File,
    Names,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._placement.model import Note, Report
from ansible_collections.scaleout.webapp.plugins.module_utils._placement.plan import moved

NOTES = "var/lib/scaleout-webapp/cron"
PROPERTIES = (
    "Id,ActiveState,UnitFileState,NeedDaemonReload,Result,ExecMainCode,ExecMainStatus,ExecMainStartTimestamp,"
    "ExecMainExitTimestamp,NextElapseUSecRealtime"
)
CLD_EXITED = "1"
Run = Callable[[list], str]  # Python 3.8 evaluates this line: no list[str] here.


@dataclass
class Change:
    """What differs on this host. Texts by path; None is no file."""

    before: dict[str, str | None] = field(default_factory=dict)
    after: dict[str, File | None] = field(default_factory=dict)
    stops: list[str] = field(default_factory=list)
    starts: list[str] = field(default_factory=list)
    enables: list[str] = field(default_factory=list)
    disables: list[str] = field(default_factory=list)
    stamps: list[str] = field(default_factory=list)
    reload: bool = False

    def __bool__(self) -> bool:
        return bool(self.after or self.stops or self.starts or self.enables or self.disables or self.reload)

    def touches(self, names: Names) -> bool:
        """Whether something of this job differs."""
        units = {*self.stops, *self.starts, *self.enables, *self.disables}
        return bool({names.timer, names.service} & units or set(names.paths.values()) & self.after.keys())

    def shown(self) -> list[dict[str, str]]:
        """For --diff. Of what may hold secrets only that it differs."""
        shown = []
        for path, file in sorted(self.after.items()):
            secret = path.startswith((f"{SETTINGS}/", f"{STORES}/"))
            texts = (self.before.get(path), file.text if file else None)
            before, after = (
                "" if text is None else f"(hidden, {len(text.splitlines())} lines)\n" if secret else text
                for text in texts
            )
            if before == after:
                after = after.replace("lines)", "lines, others)")
            shown.append({"before_header": path, "after_header": path, "before": before, "after": after})
        done = [
            f"{verb} {unit}\n"
            for verb, units in (
                ("stop", self.stops),
                ("disable", self.disables),
                ("enable", self.enables),
                ("start", self.starts),
            )
            for unit in units
        ]
        if done:
            shown.append({"before_header": "units", "after_header": "units", "before": "", "after": "".join(done)})
        return shown


class Late(ScaleoutError):
    """Another run was faster."""


class Client:
    """systemd of this host. What leaves this process comes in as a callable."""

    def __init__(self, name: str, run: Run, root: Path = Path("/")) -> None:
        self.name = name
        self.run = run
        self.root = root
        self.notes_path = root / NOTES / f"{name}.json"

    def place(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    # What is there

    def report(self) -> Report:
        return Report(self.shown(), self.notes())

    def shown(self) -> dict[str, str]:
        """The jobs of the set that are here, and their strategies. Units that do not say so are somebody else's."""
        found = {}
        for path in sorted(self.place(str(UNITS)).glob(f"scaleout-cron-{self.name}.*")):
            match = MARK.search(_text(path) or "") if path.suffix in (".service", ".timer") else None
            if match and match["set"] == self.name:
                found[match["job"]] = match["strategy"]
        return found

    def notes(self) -> dict[str, Note]:
        text = _text(self.notes_path)
        if not text or not text.strip():
            return {}
        try:
            return read_notes(json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ScaleoutError(
                "these are no notes of this version", str(self.notes_path), "remove the file, and run on all hosts"
            ) from None

    def states(self, ids: Iterable[str]) -> dict[str, dict[str, str]]:
        """What systemd says of timers and services, by unit."""
        units = [unit for job in ids for unit in (Names(self.name, job).timer, Names(self.name, job).service)]
        if not units:
            return {}
        text = self.run(["systemctl", "show", f"--property={PROPERTIES}", *units])
        blocks = [dict(line.partition("=")[::2] for line in block.splitlines()) for block in text.split("\n\n")]
        return {block["Id"]: block for block in blocks if "Id" in block}

    # What is to change

    def to_remove(self, ids: Iterable[str]) -> Change:
        """Without a look at what runs: a job that runs is left to its end."""
        change = Change()
        for job in ids:
            names = Names(self.name, job)
            for path in names.paths.values():
                text = _text(self.place(path))
                if text is not None:
                    change.before[path], change.after[path] = text, None
            if names.paths["timer"] in change.after:
                change.stops.append(names.timer)
                change.disables.append(names.timer)
                change.stamps.append(names.stamp)
            elif "\n[Install]\n" in (change.before.get(names.paths["service"]) or ""):
                change.disables.append(names.service)
        return change

    def to_write(self, wanted: Mapping[str, tuple[Wanted, dict[str, File]]]) -> Change:
        change = Change()
        states = self.states(wanted)
        for job_id, (job, files) in wanted.items():
            names = Names(self.name, job_id)
            for path in names.paths.values():
                self._compare(path, files.get(path), names, change)
            self._state(job, names, states, change)
        change.reload = any(state.get("NeedDaemonReload") == "yes" for state in states.values())
        return change

    def to_write_store(self, path: str, file: File | None) -> Change:
        there = _text(self.place(path))
        return Change() if there == (file.text if file else None) else Change({path: there}, {path: file})

    def _compare(self, path: str, file: File | None, names: Names, change: Change) -> None:
        there = _text(self.place(path))
        if there is not None and path.startswith(str(UNITS)):
            match = MARK.search(there)
            if not match or (match["set"], match["job"]) != (names.set, names.job):
                raise ScaleoutError(
                    "this unit was not written for this job", path, "rename it, or give the job another id"
                )
        if there != (file.text if file else None):
            change.before[path], change.after[path] = there, file

    def _state(self, job: Wanted, names: Names, states: Mapping[str, Mapping[str, str]], change: Change) -> None:
        unit, other = (names.timer, names.service) if job.schedule else (names.service, names.timer)
        path = names.paths["timer" if job.schedule else "service"]
        state = states.get(unit, {})
        enabled, active = state.get("UnitFileState") == "enabled", state.get("ActiveState") == "active"
        if job.schedule and path in change.after and active:
            # A timer that goes on would take what has passed of its new schedule for overdue.
            change.stops.append(unit)
            change.stamps.append(names.stamp)
        if states.get(other, {}).get("UnitFileState") == "enabled":
            change.disables.append(other)
        if not job.schedule and states.get(other, {}).get("ActiveState") == "active":
            change.stops.append(other)
        if job.state == "suspended":
            if active and job.schedule and unit not in change.stops:
                change.stops.append(unit)
            if enabled:
                change.disables.append(unit)
                change.stamps.append(names.stamp)
            return
        if not enabled:
            change.enables.append(unit)
        if job.schedule and (not active or unit in change.stops):
            change.starts.append(unit)

    # What it does

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One run at a time changes the jobs of this host."""
        self.notes_path.parent.mkdir(parents=True, exist_ok=True)
        with (self.notes_path.parent / f".{self.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def apply(self, change: Change) -> None:
        if change.stops:
            self.run(["systemctl", "stop", *change.stops])
        if change.disables:
            self.run(["systemctl", "disable", *change.disables])
        for stamp in change.stamps:
            self.place(stamp).unlink(missing_ok=True)
        for path, file in change.after.items():
            if file:
                _write(self.place(path), file)
            else:
                self.place(path).unlink(missing_ok=True)
        if change.reload or any(path.startswith(str(UNITS)) for path in change.after):
            self.run(["systemctl", "daemon-reload"])
        if change.enables:
            self.run(["systemctl", "enable", *change.enables])
        if change.starts:
            self.run(["systemctl", "start", *change.starts])

    def see_that_nobody_moved(self, seen: Mapping[str, Note]) -> None:
        """Raises where another run has, since this one saw these notes."""
        job = moved(seen, self.notes())
        if job:
            raise Late(f"another run has moved the job {job} since this one looked", str(self.notes_path), "run again")

    def write_notes(self, notes: Mapping[str, Note]) -> None:
        _write(self.notes_path, File(json.dumps(show_notes(notes), indent=1, sort_keys=True) + "\n"))


def read_notes(given: Mapping[str, Any]) -> dict[str, Note]:
    """From the file or the option."""
    return {
        str(job): Note(int(note["turn"]), str(note["strategy"]), tuple(note["holders"])) for job, note in given.items()
    }


def show_notes(notes: Mapping[str, Note]) -> dict[str, Any]:
    return {job: {**asdict(note), "holders": list(note.holders)} for job, note in notes.items()}


def last_runs(states: Mapping[str, Mapping[str, str]], ids: Iterable[str], name: str) -> dict[str, dict[str, Any]]:
    """Of each job: when it ran last on this host and how that ended, since the host started, and when it is due."""
    found = {}
    for job in ids:
        names = Names(name, job)
        service, timer = states.get(names.service, {}), states.get(names.timer, {})
        started, ended = (_seconds(service.get(f"ExecMain{what}Timestamp", "")) for what in ("Start", "Exit"))
        running = service.get("ActiveState") in ("activating", "active")
        found[job] = {
            "running": running,
            "started": started,
            "ended": None if running else ended,
            "exit_code": None if running or started is None else _exit_code(service),
            "result": None if running or started is None else service.get("Result", ""),
            "next": _seconds(timer.get("NextElapseUSecRealtime", "")),
        }
    return found


def _exit_code(service: Mapping[str, str]) -> int:
    """Below zero it is the signal that killed it, as guards have it."""
    status = int(service.get("ExecMainStatus", "0"))
    return status if service.get("ExecMainCode", CLD_EXITED) == CLD_EXITED else -status


def _seconds(text: str) -> int | None:
    """Of a time as systemctl shows it in UTC: before systemd 251 it cannot be asked for seconds."""
    try:
        return int(datetime.strptime(text, "%a %Y-%m-%d %H:%M:%S UTC").replace(tzinfo=timezone.utc).timestamp())
    except ValueError:
        return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, IsADirectoryError):
        return None


def _write(path: Path, file: File) -> None:
    """Whole or not at all, also when the machine stops; secrets are for root alone from the beginning."""
    if not path.parent.exists():
        path.parent.mkdir(parents=True, mode=0o700 if file.secret else 0o755)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(file.text)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o600 if file.secret else 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
