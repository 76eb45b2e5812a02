# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads and writes the secrets of this host. No value stands in any message. Private to this collection."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import grp
import os
import pwd
import secrets
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._secrets.formats import known
from ansible_collections.scaleout.webapp.plugins.module_utils._secrets.model import (
    File,
    Record,
    Shown,
    dump_records,
    is_text,
    load_records,
    noted,
    record_of,
)

# Of a file that is not there yet. Missing folders above it can be passed through, its content is for its owner.
NEW_MODE = 0o600
FOLDER_MODE = 0o755
RECORD = {"format": "", "key": (), "owner": None, "group": None, "mode": None, "hosts": ()}


@dataclass(frozen=True)
class Wanted:
    """One secret, and where this host is to have it. `seen` is what each file held when it was decided on.

    Without `seen` only an empty place is filled, unless the value was given.
    """

    name: str
    value: str = field(repr=False)
    files: Sequence[File]
    record: Record | None
    seen: Sequence[str | None] | None = field(repr=False)
    given: bool


@dataclass(frozen=True)
class Found:
    """A file as it is; the text is None where there is none."""

    text: str | None = field(repr=False)
    state: os.stat_result | None


def look(path: str) -> Found:
    try:
        # A pipe would block, a link lead to what somebody else chose.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return Found(None, None)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ScaleoutError("it is a symbolic link", path, "name the file itself") from None
        raise ScaleoutError(f"it cannot be read: {error.strerror}", path) from None
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        os.close(descriptor)
        raise ScaleoutError("it is no file", path, "correct the path")
    with os.fdopen(descriptor, "rb") as opened:
        return Found(opened.read().decode("utf-8", "surrogateescape"), state)


def show(wanted: Mapping[str, Sequence[File]], record: str) -> tuple[dict[str, Shown], list[str]]:
    """What this host shows of each secret, and which of its files everybody may read."""
    files: dict[str, Found | ScaleoutError] = {}
    for path in {file.path for named in wanted.values() for file in named}:
        try:
            files[path] = look(path)
        except ScaleoutError as error:
            files[path] = error
    records = load_records(look(record).text, record)
    shown = {name: _shown(name, named, files, records) for name, named in wanted.items()}
    modes = {path: found.state.st_mode for path, found in files.items() if isinstance(found, Found) and found.state}
    given = {file.path for named in wanted.values() for file in named if file.mode}
    return shown, sorted(path for path, mode in modes.items() if mode & 0o004 and path not in given)


def _shown(
    name: str, files: Sequence[File], found: Mapping[str, Found | ScaleoutError], records: Mapping[str, Any]
) -> Shown:
    values: list[str | None] = []
    problems: list[str] = []
    mend = False
    for file in files:
        value = None
        try:
            value = _value(file, found[file.path])
            there = found[file.path]
            mend |= isinstance(there, Found) and _differs(file, there)
        except ScaleoutError as error:
            problems.append(str(error))
        values.append(value)
    last = records["secrets"].get(name, {}).get("version", 0)
    shown = Shown(tuple(values), None, int(last), mend, tuple(problems))
    return Shown(shown.values, record_of(records, name, shown.vote), shown.last, shown.mend, shown.problems)


def _value(file: File, found: Found | ScaleoutError) -> str | None:
    if isinstance(found, ScaleoutError):
        raise found
    if found.text is None:
        return None
    try:
        value = known.read(file.format, found.text, file.key)
    except ScaleoutError as error:
        raise _at(file, error) from None
    if value is not None and not is_text(value):
        raise ScaleoutError("what it holds is no UTF-8", str(file), "correct it")
    return value


def _at(file: File, error: ScaleoutError) -> ScaleoutError:
    where = f"{file.path}, {error.where}" if error.where else file.path
    return ScaleoutError(error.what, where, error.fix)


def _differs(file: File, found: Found) -> bool:
    """Whether owner or mode is to be mended, or a killed run left its half."""
    if os.path.lexists(_half(file.path)):
        return True
    if found.state is None:
        return False
    try:
        return _attributes(file, found) != (found.state.st_uid, found.state.st_gid, stat.S_IMODE(found.state.st_mode))
    except ScaleoutError:
        # The user may be made before the file is written.
        return True


def _attributes(file: File, found: Found) -> tuple[int, int, int]:
    """Owner, group and mode: those wanted, else those there, else those of a new file."""
    state = found.state
    try:
        owner = pwd.getpwnam(file.owner).pw_uid if file.owner else state.st_uid if state else os.geteuid()
        group = grp.getgrnam(file.group).gr_gid if file.group else state.st_gid if state else os.getegid()
    except KeyError as error:
        raise ScaleoutError(f"there is no {error.args[0]}", file.path, "make it first, or name another one") from None
    mode = int(file.mode, 8) if file.mode else stat.S_IMODE(state.st_mode) if state else NEW_MODE
    return owner, group, mode


def write(wanted: Sequence[Wanted], record: str, check: bool) -> list[str]:
    """Make it so and return the paths that differed.

    The record is written first, so that a value never stands without it; of a value that is not there it says nothing.
    """
    with contextlib.nullcontext() if check else _alone(Path(record)):
        found = look(record)
        records = load_records(found.text, record)
        for one in wanted:
            if one.record and record_of(records, one.name, one.value) != one.record:
                records = noted(records, one.name, one.value, one.record, secrets.token_hex(8))
        changes: list[tuple[File, Found, str]] = []
        if records != load_records(found.text, record):
            changes.append((File(record, **RECORD), found, dump_records(records)))  # type: ignore[arg-type]
        by_path: dict[str, list[tuple[Wanted, int, File]]] = {}
        for one in wanted:
            for at, file in enumerate(one.files):
                by_path.setdefault(file.path, []).append((one, at, file))
        for path, users in by_path.items():
            found = look(path)
            text = _changed(users, found)
            if text != found.text or _differs(users[0][2], found):
                changes.append((users[0][2], found, text))
        for file, found, text in [] if check else changes:
            _replace(file, found, text)
    return [file.path for file, _found, _text in changes]


def _changed(users: Sequence[tuple[Wanted, int, File]], found: Found) -> str:
    """The text of a file with all its secrets."""
    text = found.text
    for one, at, file in users:
        value = _value(file, Found(text, found.state))
        if value == one.value:
            continue
        if value not in (None, *(one.seen or ())[at : at + 1]) and not (one.given and one.seen is None):
            raise ScaleoutError(
                f"{one.name} is another one there than when it was decided what it is to be",
                str(file),
                "see that nobody else changes it, and run this again",
            )
        try:
            text = known.write(file.format, file.path, text, file.key, one.value)
        except ScaleoutError as error:
            raise _at(file, error) from None
    return text or ""


def _half(path: str) -> str:
    """Always the same name, so that the next run finds what a killed one left."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.scaleout-new")


def _replace(file: File, found: Found, text: str) -> None:
    """In one move, with owner, mode and extended attributes; a wider mode than the file's never stands anywhere."""
    owner, group, mode = _attributes(file, found)
    half = _half(file.path)
    try:
        Path(file.path).parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(half)
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, NEW_MODE)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(text.encode("utf-8", "surrogateescape"))
            opened.flush()
            if found.state:
                _copy_attributes(file.path, opened.fileno())
            os.fchown(opened.fileno(), owner, group)
            os.fchmod(opened.fileno(), mode)
            os.fsync(opened.fileno())
        os.rename(half, file.path)
        folder = os.open(os.path.dirname(file.path), os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(half)
        raise ScaleoutError(f"it cannot be written: {error.strerror}", file.path) from None


def _copy_attributes(path: str, descriptor: int) -> None:
    """Labels of SELinux, access lists: what the file system or the user does not allow stays behind."""
    with contextlib.suppress(OSError):
        for name in os.listxattr(path):
            with contextlib.suppress(OSError):
                os.setxattr(descriptor, name, os.getxattr(path, name))


@contextmanager
def _alone(record: Path) -> Iterator[None]:
    """One process at a time writes secrets on a host."""
    try:
        record.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        descriptor = os.open(
            record.with_name(f".{record.name}.guard"), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, NEW_MODE
        )
    except OSError as error:
        raise ScaleoutError(f"it cannot be written: {error.strerror}", str(record)) from None
    with os.fdopen(descriptor, "wb") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield
