# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from ansible_collections.scaleout.webapp.plugins.module_utils._alone import alone
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.connections import (
    counts,
    endpoints_of,
    sockets_of,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.model import (
    Desired,
    Disk,
    NginxConfigError,
    Running,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.plan import (
    emergencies,
    explain,
    generation_in,
    is_generation,
    is_secret,
    warnings_of,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.upstreams import Server

ROLLBACK = "rollback.conf"
FINISHING = " is shutting down"


class Client:
    """The files of one nginx and its processes. What leaves this process comes in as a callable."""

    def __init__(
        self,
        path: str,
        tree: str,
        pid_file: str,
        error_log: str,
        timeout: float,
        run: Callable[[list[str]], tuple[int, str]],
        fetch: Callable[[], str | None],
        kill: Callable[[int, int], None] = os.kill,
    ) -> None:
        self.main = Path(path)
        self.root = self.main.parent
        self.tree = tree
        self.rollback = self.root / tree / ROLLBACK
        self.pid_file = Path(pid_file)
        self.error_log = Path(error_log)
        self.timeout = timeout
        self.run = run
        self.fetch = fetch
        self.kill = kill

    def alone(self) -> AbstractContextManager[None]:
        """No other module changes these files from reading to cleaning: each deletes generations it does not know."""
        if not self.root.is_dir():
            return nullcontext()
        seconds = 8 * self.timeout
        busy = NginxConfigError(
            f"another run has been changing the configuration in {self.root} for {seconds:g} s;"
            " nothing was changed here: run this again when that one has ended",
            stage="lock",
        )
        return alone(self.root, seconds, busy)

    # What is there

    def read(self) -> Disk:
        tree = self.root / self.tree
        generations = {}
        if tree.is_dir():
            for folder in sorted(tree.iterdir()):
                if is_generation(folder.name) and folder.is_dir():
                    generations[folder.name] = {
                        str(file.relative_to(folder)): _text(file) or ""
                        for file in sorted(folder.rglob("*"))
                        if file.is_file()
                    }
        return Disk(_text(self.main), generations, _text(self.rollback))

    def running(self) -> Running:
        pid = self._master()
        generation = self._generation()
        if generation and pid is None:
            raise NginxConfigError(
                f"an nginx answers on generation_url, but pid_file {self.pid_file} names no nginx master:"
                " correct one of them",
                stage="input",
            )
        return Running(pid, generation)

    def _master(self) -> int | None:
        text = (_text(self.pid_file) or "").strip()
        if not text.isdigit():
            return None
        command = _text(Path("/proc") / text / "cmdline") or ""
        return int(text) if command.startswith("nginx: master process") else None

    def _generation(self) -> str | None:
        answer = (self.fetch() or "").strip()
        return answer if is_generation(answer) else None

    def version(self, executable: str | None) -> tuple[int, ...]:
        """Of the program; the oldest thinkable where it is not installed yet."""
        output = self.run([executable, "-v"])[1] if executable else ""
        found = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", output)
        return tuple(int(number) for number in found.groups()) if found else (0, 0, 0)

    def _workers(self, master: int, title: str = "") -> set[int]:
        """The workers, those that only finish what they have among them. The title may ask for more."""
        found = set()
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            child = f"\nPPid:\t{master}\n" in (_text(folder / "status") or "")
            if child and (_text(folder / "cmdline") or "").startswith(f"nginx: worker process{title}"):
                found.add(int(folder.name))
        return found

    def connections(self, servers: Sequence[Server]) -> dict[str, int]:
        """By endpoint, the connections of workers to it: requests in flight, and idle ones kept for more."""
        pid = self._master()
        wanted = {server.endpoint: endpoints_of(server.address, server.port) for server in servers}
        tables = [_text(Path("/proc/net") / name) or "" for name in ("tcp", "tcp6")]
        return counts(wanted, sockets_of(self._workers(pid) if pid else ()), tables, sys.byteorder == "little")

    # What it does

    def wait_idle(self, servers: Sequence[Server], seconds: float) -> dict[str, int]:
        """Wait until no request is in flight to servers that get no new ones; what is left after that time."""
        deadline = time.monotonic() + seconds
        quiet = False
        while True:
            found = self.connections(servers)
            busy = {server.name: found[server.endpoint] for server in servers if found[server.endpoint]}
            # Seen twice, whatever the time: a request just read by an old worker has no connection yet.
            if (quiet and not busy) or (busy and time.monotonic() >= deadline):
                return busy
            quiet = not busy
            time.sleep(0.2)

    def test(self, executable: str, desired: Desired) -> list[str]:
        """Let nginx read the whole configuration from a staging folder, where all else in its folder is linked."""
        contents = {self.main.name: desired.main}
        contents.update({f"{desired.folder}/{path}": text for path, text in desired.files.items()})
        with tempfile.TemporaryDirectory(prefix="nginx_config.") as name:
            stage = Path(name)
            for entry in self.root.iterdir() if self.root.is_dir() else ():
                if entry.name not in (self.main.name, self.tree):
                    (stage / entry.name).symlink_to(entry)
            for path, text in contents.items():
                _write(stage / path, text)
            code, output = self.run([executable, "-t", "-q", "-c", str(stage / self.main.name)])
            if code != 0:
                raise explain(output, name, str(self.root), contents)
            return warnings_of(output, name, str(self.root))

    def commit(self, desired: Desired, previous: str | None) -> None:
        """Put everything beside what runs, then switch by the rename of one file."""
        if previous is not None:
            _write(self.rollback, previous)
        folder = self.root / desired.folder
        for path, text in desired.files.items():
            if _text(folder / path) != text:
                _write(folder / path, text)
        for file in sorted(folder.rglob("*")):
            if file.is_file() and str(file.relative_to(folder)) not in desired.files:
                file.unlink()
        _write(self.main, desired.main)

    def reload(self, pid: int, generation: str | None) -> None:
        """Signal the master, and wait for new workers that answer with this generation (if it has one)."""
        workers = self._workers(pid)
        offset = self.error_log.stat().st_size if self.error_log.exists() else 0
        self.kill(pid, signal.SIGHUP)
        deadline = time.monotonic() + self.timeout
        answer: str | None = None
        fresh = gave_up = False
        messages: list[str] = []
        while time.monotonic() < deadline and not gave_up:
            time.sleep(0.1)
            fresh = fresh or bool(self._workers(pid) - workers)
            answer = self._generation() if fresh and generation else None
            # Old workers take connections until they are told to quit, a moment after the new ones started.
            finishing = self._workers(pid) & workers <= self._workers(pid, FINISHING)
            if fresh and answer == generation and finishing:
                return
            messages, gave_up = emergencies(_tail(self.error_log, offset), pid)
        if messages:
            raise NginxConfigError(f"nginx could not take the configuration: {'; '.join(messages)}", stage="reload")
        seen = f"generation_url answers {answer or 'no generation'}" if fresh else "it started no new worker"
        raise NginxConfigError(
            f"nginx was told to reload and does not run generation {generation} after {self.timeout:g} s: {seen};"
            f" look into {self.error_log}, and whether the master was started with {self.main}",
            stage="reload",
        )

    def restore(self, pid: int, desired: Desired, previous: str) -> None:
        """Go back to the main file of what ran before."""
        _write(self.main, previous)
        generation = generation_in(previous, self.tree)
        self.reload(pid, generation)
        self.clean([] if generation == desired.generation else [desired.generation])

    def clean(self, generations: list[str]) -> None:
        self.rollback.unlink(missing_ok=True)
        for generation in generations:
            folder = self.root / self.tree / generation
            if folder.is_dir():
                shutil.rmtree(folder)


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except (FileNotFoundError, NotADirectoryError, ProcessLookupError):
        return None


def _tail(path: Path, offset: int) -> str:
    """What was written since; all of it when the file was rotated meanwhile."""
    if not path.exists():
        return ""
    with path.open("rb") as stream:
        stream.seek(offset if offset <= path.stat().st_size else 0)
        return stream.read().decode(errors="replace")


def _write(path: Path, text: str) -> None:
    """Replace a file at once: after a crash it holds the old or the new content."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    with new.open("w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
        os.fchmod(stream.fileno(), 0o600 if is_secret(path.name) else 0o644)
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(new, path)
