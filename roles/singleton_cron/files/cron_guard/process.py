# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the job's process, and remembers on this host's disk whether it was really started."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import pwd
import select
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

LINES = 20
LONGEST_TAIL = 4000
PR_SET_PDEATHSIG = 1
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def beginning(pid: int) -> str:
    """When a process began, which tells two of the same number apart; empty if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


@dataclass(frozen=True)
class Attempt:
    """One attempt of this host at one fire, as a file. It is renamed in the instant before the program starts."""

    folder: Path
    job: str
    fire: str
    token: str

    @property
    def ready(self) -> Path:
        return self.folder / f"{self.job.replace('/', '.')}.{self.fire}.{self.token}.ready"

    @property
    def begun(self) -> Path:
        return self.ready.with_suffix(".begun")

    def prepare(self) -> None:
        """On the disk before the store hears of it."""
        # What the job said last is in them, which is for root alone, as the job's variables are.
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        said = {"job": self.job, "fire": self.fire, "token": self.token, "boot": boot()}
        self._write(self.ready, {**said, "pid": os.getpid(), "began": beginning(os.getpid())})

    def note_end(self, outcome: Mapping[str, object]) -> None:
        """How it ended, should the store not hear of it. One that never began can end too."""
        path = self.begun if self.begun.exists() else self.ready
        self._write(path, {**json.loads(path.read_text(encoding="utf-8")), "outcome": dict(outcome)})

    def _write(self, path: Path, content: Mapping[str, object]) -> None:
        temporary = path.with_suffix(".new")
        with temporary.open("w", encoding="utf-8") as stream:
            json.dump(content, stream)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)

    def forget(self) -> None:
        for path in (self.ready, self.begun):
            path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Remains:
    """What a guard of this host that is no more left behind. `begun` is None where that cannot be told."""

    attempt: Attempt
    begun: bool | None
    outcome: Mapping[str, object] | None


def remains(folder: Path, job: str) -> list[Remains]:
    """Of all dead guards of this job, the oldest fire first."""
    found = []
    for path in sorted(folder.glob(f"{job.replace('/', '.')}.*")):
        if path.suffix not in (".ready", ".begun"):
            continue
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if said["boot"] == boot() and beginning(said["pid"]) == said["began"]:
            continue
        # What was renamed is only known of this run of the machine: another may have lost the new name in a crash.
        known = said["boot"] == boot() or "outcome" in said
        begun = True if path.suffix == ".begun" else False if known else None
        attempt = Attempt(folder, said["job"], said["fire"], said["token"])
        found.append(Remains(attempt, begun, said.get("outcome")))
    return found


@dataclass
class Outcome:
    exit_code: int
    seconds: float
    tail: str
    timed_out: bool = False
    stopped: str = ""

    @property
    def shown(self) -> int:
        """The exit code as a shell shows it, which has no negative ones for signals."""
        return self.exit_code if self.exit_code >= 0 else 128 - self.exit_code


class Process:
    """The job as a process group of its own, which dies with the guard."""

    def __init__(self, command: str, user: str, env: Mapping[str, str], attempt: Attempt) -> None:
        who = pwd.getpwnam(user)
        own = {"PATH": PATH, "HOME": who.pw_dir, "LOGNAME": user, "USER": user, "SHELL": "/bin/sh"}
        environment = {**own, **env, "SCALEOUT_JOB": attempt.job, "SCALEOUT_FIRE": attempt.fire}
        groups = os.getgrouplist(user, who.pw_gid)
        libc = ctypes.CDLL(None, use_errno=True)
        read, write = os.pipe()
        # Closed by exec, so that the guard hears when the program has really started.
        started, starting = os.pipe()
        sys.stdout.flush()
        self.began = time.monotonic()
        guard = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.setsid()
                for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
                    signal.signal(number, signal.SIG_DFL)
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                os.dup2(write, 1)
                os.dup2(write, 2)
                # Renamed before root is given up, and as the last thing that may fail.
                if os.geteuid() == 0:
                    os.setgroups(groups)
                with contextlib.suppress(OSError):
                    os.chdir(who.pw_dir)
                folder = os.open(attempt.folder, os.O_RDONLY)
                libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
                if os.getppid() != guard:
                    os._exit(127)
                os.rename(attempt.ready.name, attempt.begun.name, src_dir_fd=folder, dst_dir_fd=folder)
                if os.geteuid() == 0:
                    os.setgid(who.pw_gid)
                    os.setuid(who.pw_uid)
                # Another user's process has lost it.
                libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
                os.execve("/bin/sh", ["sh", "-c", command], environment)
            except BaseException as error:
                os.write(starting, repr(error).encode())
            os._exit(127)
        os.close(write)
        os.close(starting)
        self.output = read
        self.started = started
        self.tail: deque[str] = deque(maxlen=LINES)

    def wait_for_start(self) -> str:
        """What went wrong, or nothing."""
        with os.fdopen(self.started, "rb") as stream:
            return stream.read().decode(errors="replace")

    def watch(self, time_limit: float, stop: Callable[[], str], grace: float) -> Outcome:
        """Pass on what it says until it ends, or has to, in `grace` seconds. `stop` says why it has to."""
        timed_out, why, code, half = False, "", None, b""
        open_output = True
        while code is None:
            if open_output and select.select([self.output], [], [], 0.1)[0]:
                said = os.read(self.output, 65536)
                open_output = bool(said)
                half = self._pass_on(half + said)
            elif not open_output:
                time.sleep(0.02)
            code = self._ended()
            timed_out = bool(time_limit) and time.monotonic() - self.began > time_limit
            # Asked after the end too: systemd tells the job to stop when it tells the guard.
            why = stop()
            if code is None and (timed_out or why):
                code = self._end(grace)
        # What a child in the background says after this is not the job's.
        while open_output and select.select([self.output], [], [], 0)[0]:
            said = os.read(self.output, 65536)
            open_output = bool(said)
            half = self._pass_on(half + said)
        if half:
            self._pass_on(half + b"\n")
        os.close(self.output)
        stopped = timed_out or bool(why)
        if stopped:
            self._signal(signal.SIGKILL)
        tail = "\n".join(self.tail)[-LONGEST_TAIL:]
        return Outcome(code, round(time.monotonic() - self.began, 3), tail, timed_out and code != 0, why)

    def _pass_on(self, said: bytes) -> bytes:
        *lines, half = said.split(b"\n")
        for line in lines:
            text = line.decode(errors="replace")
            self.tail.append(text[:LONGEST_TAIL])
            print(text, flush=True)
        return half

    def _ended(self) -> int | None:
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if pid else None

    def _end(self, grace: float) -> int:
        """First politely; all that it has started, as far as it stayed in its group."""
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + grace
        code = self._ended()
        while code is None and time.monotonic() < deadline:
            time.sleep(0.05)
            code = self._ended()
        self._signal(signal.SIGKILL)
        if code is None:
            code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return code

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)
