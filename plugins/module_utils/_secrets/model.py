# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What secrets a cluster is to have, what its hosts show of them, and what is decided; touches nothing.

Private to this collection.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError

# As MongoDB's manual has it: 6 to 1024 characters of base64, blanks do not count; or a list of two such keys.
KEYFILE = re.compile(r"\s*(-\s+)?([A-Za-z0-9+/=]\s*){6,1024}(-\s+([A-Za-z0-9+/=]\s*){6,1024})?")
ENCODINGS = ("hex", "base64", "alphanumeric", "keyfile")
FEWEST_BYTES, MOST_BYTES, MOST_BYTES_OF_KEYFILE = 8, 4096, 768


@dataclass(frozen=True)
class File:
    """A place where a consumer reads the secret. Owner, group and mode are left alone where none is named."""

    path: str
    format: str
    key: tuple[str, ...]
    owner: str | None
    group: str | None
    mode: str | None
    hosts: tuple[str, ...]

    def on(self, host: str) -> bool:
        return host in self.hosts

    def __str__(self) -> str:
        return f"{self.path} ({' > '.join(self.key)})" if self.key else self.path


@dataclass(frozen=True)
class Secret:
    """One value that all holders are to have."""

    name: str
    holders: tuple[str, ...]
    files: tuple[File, ...]
    value: str | None = field(repr=False)
    generate: bool
    bytes: int
    encoding: str
    # Whether a given value may take the place of another one that the holders have.
    replace: bool = True

    def files_on(self, host: str) -> list[File]:
        return [file for file in self.files if file.on(host)] if host in self.holders else []


@dataclass(frozen=True)
class Record:
    """Since when the value is that of the cluster, and the how manyth it is; only of values that this module wrote."""

    version: int
    changed_at: str


@dataclass(frozen=True)
class Shown:
    """What one holder shows of one secret: a value, or none, for each of its files there."""

    values: tuple[str | None, ...] = field(repr=False)
    record: Record | None = None
    # The version of its last record, also of another value.
    last: int = 0
    # An owner or a mode is another one, or a killed run left something.
    mend: bool = False
    problems: tuple[str, ...] = ()

    @property
    def vote(self) -> str | None:
        """The value of this holder; none where its own files disagree."""
        known = {value for value in self.values if value is not None}
        return known.pop() if len(known) == 1 else None

    @property
    def empty(self) -> bool:
        return all(value is None for value in self.values)

    def holds(self, value: str) -> bool:
        return all(found == value for found in self.values)


@dataclass(frozen=True)
class Decision:
    """One value for all holders, and how each of them stands to it."""

    secret: Secret
    value: str | None = field(repr=False)
    # given, nodes, generated, or none where nothing could be decided
    source: str
    record: Record | None
    # agrees, differs, absent, unseen, or unread where it answered, by holder
    states: Mapping[str, str]
    # Who is to be written to.
    writes: tuple[str, ...]
    problem: ScaleoutError | None = None


class Prints:
    """Short marks by which values are told apart in one run, and which say nothing about them in any other."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __call__(self, name: str, value: str | None) -> str:
        if value is None:
            return ""
        return hmac.new(self._key, f"{name}\0{value}".encode(), hashlib.sha256).hexdigest()[:10]


def secrets_of(options: Sequence[Mapping[str, Any]], hosts: Sequence[str]) -> list[Secret]:
    """The secrets of a task, with everything that is wrong about them at once."""
    problems: list[ScaleoutError] = []
    secrets = [_secret(option, hosts, problems) for option in options]
    names = [secret.name for secret in secrets]
    for name in sorted({name for name in names if names.count(name) > 1}):
        problems.append(ScaleoutError("is there twice", f"secrets: {name}", "give one of them another name"))
    problems += _clashes(secrets)
    if problems:
        raise together(problems)
    return secrets


def together(problems: Sequence[ScaleoutError]) -> ScaleoutError:
    return problems[0] if len(problems) == 1 else ScaleoutError("; ".join(str(problem) for problem in problems))


def _secret(option: Mapping[str, Any], hosts: Sequence[str], problems: list[ScaleoutError]) -> Secret:
    place = f"secrets: {option['name']}"

    def wrong(what: str, fix: str) -> None:
        problems.append(ScaleoutError(what, place, fix))

    holders = tuple(dict.fromkeys(option["holders"] if option.get("holders") is not None else hosts))
    files = tuple(_file(file, holders, wrong) for file in option["files"])
    value, encoding, size = option.get("value"), option["encoding"], option["bytes"]
    if not files:
        wrong("has no file", "name a file that a program reads it from, or one that only keeps it")
    known, served = set(holders), {host for file in files for host in file.hosts}
    for file in files:
        strangers = [host for host in file.hosts if host not in known]
        if strangers:
            wrong(f"{file.path} is on {', '.join(strangers)}, no holder", "add it to holders or take it from hosts")
    for host in holders:
        if files and host not in served:
            wrong(f"{host} is a holder and has none of its files", "take it from holders or add it to the hosts of one")
    most = MOST_BYTES_OF_KEYFILE if encoding == "keyfile" else MOST_BYTES
    if not FEWEST_BYTES <= size <= most:
        wrong(f"bytes is {size}", f"give {FEWEST_BYTES} to {most}")
    if value is not None:
        _check_given(value, encoding, wrong)
    return Secret(
        option["name"], holders, files, value, option["generate"], size, encoding, option.get("replace", True)
    )


def _check_given(value: str, encoding: str, wrong: Any) -> None:
    if not value:
        wrong("its value is empty", "give a value, or leave it out")
    elif not is_text(value):
        wrong("its value is no valid Unicode", "give another value")
    elif encoding == "keyfile" and not KEYFILE.fullmatch(value):
        wrong("its value is no key of MongoDB", "give 6 to 1024 characters of base64")


def is_text(value: str) -> bool:
    """Whether it can be written as UTF-8."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _file(option: Mapping[str, Any], holders: Sequence[str], wrong: Any) -> File:
    path, key, mode = option["path"], option.get("key"), option.get("mode")
    names = (key,) if isinstance(key, str) else tuple(key or ())
    if not path.startswith("/"):
        wrong(f"{path} is no absolute path", "begin it with /")
    if not all(isinstance(name, str) and name for name in names):
        wrong(f"the key of {path} is no list of names", "give a name, or a list of names from the outermost on")
    elif option["format"] == "raw" and names:
        wrong(f"{path} is raw and has a key", "leave out the key, or give another format")
    elif option["format"] != "raw" and not names:
        wrong(f"{path} has no key", "name the entry that holds the secret")
    if mode is not None and not re.fullmatch(r"0?[0-7]{3}", mode):
        wrong(f"the mode of {path} is {mode!r}", "give it as a text of octal digits, such as '0640'")
    hosts = option.get("hosts")
    return File(
        path=path,
        format=option["format"],
        key=names,
        owner=option.get("owner"),
        group=option.get("group"),
        mode=mode,
        hosts=tuple(holders if hosts is None else hosts),
    )


def _clashes(secrets: Sequence[Secret]) -> list[ScaleoutError]:
    """One file cannot have two formats or owners, one place in it not two secrets."""
    named = [(secret.name, file) for secret in secrets for file in secret.files]
    places: dict[tuple[str, str], list[int]] = {}
    for number, (_name, file) in enumerate(named):
        for host in file.hosts:
            places.setdefault((host, file.path), []).append(number)
    found = {}
    # Most hosts have the same files: they are looked at once.
    for numbers in dict.fromkeys(map(tuple, places.values())):
        users = [named[number] for number in numbers]
        first = users[0][1]
        path = first.path
        for at, (name, file) in enumerate(users):
            if (file.format, file.owner, file.group, file.mode) != (first.format, first.owner, first.group, first.mode):
                found[path] = "is named with different formats, owners, groups or modes"
            elif any(nested(file.key, other.key) for _name, other in users[:at]):
                found[path] = f"has no place of its own for {name}"
    fix = "say the same of it each time, and give each secret a key of its own"
    return [ScaleoutError(what, f"secrets: {path}", fix) for path, what in sorted(found.items())]


def nested(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether one place is the other, or within it."""
    shorter = min(len(one), len(other))
    return tuple(one[:shorter]) == tuple(other[:shorter])


# The record of a host: data that a later version adds is kept as it is.
RECORDS = 1


def load_records(text: str | None, path: str) -> dict[str, Any]:
    if text is None or not text.strip():
        return {"format": RECORDS, "secrets": {}}
    try:
        data = json.loads(text)
        if data["format"] != RECORDS or not all(isinstance(entry, dict) for entry in data["secrets"].values()):
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ScaleoutError(
            "it is no record of secrets of this version", path, "remove it: only the ages of the secrets are lost"
        ) from None
    return dict(data)


def dump_records(data: Mapping[str, Any]) -> str:
    return json.dumps(data, indent=2, sort_keys=True) + "\n"


def record_of(data: Mapping[str, Any], name: str, value: str | None) -> Record | None:
    """What is noted, if it is about this value."""
    entry = data["secrets"].get(name)
    if not entry or value is None or entry.get("tag") != _tag(str(entry.get("salt")), value):
        return None
    return Record(int(entry["version"]), str(entry["changed_at"]))


def noted(data: Mapping[str, Any], name: str, value: str, record: Record, salt: str) -> dict[str, Any]:
    """The data with a record of the value."""
    entry = {
        **data["secrets"].get(name, {}),
        "version": record.version,
        "changed_at": record.changed_at,
        "salt": salt,
        "tag": _tag(salt, value),
    }
    return {**data, "secrets": {**data["secrets"], name: entry}}


def _tag(salt: str, value: str) -> str:
    """Sixteen bits: enough to see that a file was changed by hand, too few to test guesses of the value."""
    return hmac.new(salt.encode(), value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:4]
