# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock file of a host. Private to this collection."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ansible_collections.scaleout.webapp.plugins.module_utils._lock.model import Holder, dump, load


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time looks at the file and changes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.guard").open("w", encoding="utf-8") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield


def read(path: Path) -> Holder | None:
    """Who holds the lock."""
    try:
        return load(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        return None


def take(path: Path, wanted: Holder, over: str) -> tuple[Holder, bool]:
    """The holder afterwards, and whether the file was written.

    A lock of somebody else stays, but for that of the run `over`. One of the same run gets the new note and keeps
    its time. Without a new note the one that was there stays, a dead run's too.
    """
    with _alone(path):
        found = read(path)
        if found and found.run not in (wanted.run, over):
            return found, False
        if found:
            since = found.since if found.run == wanted.run else wanted.since
            wanted = replace(wanted, since=since, note=wanted.note or found.note)
        if found == wanted:
            return found, False
        _write(path, dump(wanted))
    return wanted, True


def release(path: Path, run: str) -> tuple[Holder | None, bool]:
    """The holder before, and whether the lock of this run was taken away. That of somebody else stays."""
    if not path.exists():
        return None, False
    with _alone(path):
        found = read(path)
        if found and found.run != run:
            return found, False
        path.unlink(missing_ok=True)
    return found, True


def _write(path: Path, text: str) -> None:
    """Whole or not at all, also when the machine stops."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
