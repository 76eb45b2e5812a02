# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks data against a declared shape and fills in defaults. Private to this collection.

A check never raises: it records the problem and goes on with a harmless value of the right type, so that one run
reports everything that is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final, Protocol

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError

ABSENT: Final = object()
"""Default of a field that stays away when it is not given."""
INNER: Final = object()
"""Default of a field that is checked as an empty table, so that its own fields get their defaults."""

TRUE = {"true", "yes", "on", "1"}
FALSE = {"false", "no", "off", "0"}


@dataclass(frozen=True)
class Place:
    """Where a value stands: a file (or nothing, for inventory variables) and the path of keys in it."""

    source: str = ""
    path: str = ""

    def __truediv__(self, key: object) -> Place:
        return Place(self.source, f"{self.path}.{key}" if self.path else str(key))

    def __str__(self) -> str:
        return ": ".join(part for part in (self.source, self.path) if part)


class Problems:
    """Everything that is wrong, in the order it was found."""

    def __init__(self) -> None:
        self.found: list[ScaleoutError] = []

    def add(self, what: str, where: Place | str = "", fix: str = "") -> None:
        self.found.append(ScaleoutError(what, str(where), fix))


class Kind(Protocol):
    """A shape of values. `empty` stands in for a value that has another one."""

    @property
    def empty(self) -> Any: ...

    def check(self, value: Any, place: Place, problems: Problems) -> Any: ...


def suggestion(wrong: str, known: Sequence[str]) -> str:
    """What was probably meant, and what there is."""
    meant = closest(wrong, known)
    listed = f"known are: {', '.join(known)}" if known else "there are none"
    return f"did you mean {meant}? {listed[:1].upper()}{listed[1:]}" if meant else listed


def closest(wrong: str, known: Sequence[str]) -> str:
    """What was probably meant, or nothing."""
    return next(iter(get_close_matches(wrong, known, n=1)), "")


def _is_a(value: Any, wanted: str) -> str:
    shown = "nothing" if value is None else f"{str(value)!r:.80}" if isinstance(value, str) else f"{value!r:.80}"
    return f"is {shown}, must be {wanted}"


@dataclass(frozen=True)
class Text:
    """A text, by a pattern or out of a list. Numbers are taken as they are written."""

    pattern: str = ""
    hint: str = "a text"
    choices: tuple[str, ...] = ()
    empty: str = ""

    def check(self, value: Any, place: Place, problems: Problems) -> str:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            problems.add(_is_a(value, self.hint), place)
        elif self.choices and value not in self.choices:
            problems.add(f"is {str(value)!r}, must be one of {', '.join(self.choices)}", place)
        elif not value or (self.pattern and not re.fullmatch(self.pattern, value)):
            problems.add(_is_a(value, self.hint), place)
        else:
            return str(value)
        return self.empty


@dataclass(frozen=True)
class Number:
    """A whole number within bounds. Older Ansible versions hand over templated numbers as text."""

    low: int = 0
    high: int = 2**31
    empty: int = 1
    reason: str = ""

    def check(self, value: Any, place: Place, problems: Problems) -> int:
        if isinstance(value, str) and re.fullmatch(r"-?\d{1,12}", value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            problems.add(_is_a(value, "a whole number"), place)
        elif not self.low <= value <= self.high:
            problems.add(f"is {value}, must be between {self.low} and {self.high}", place, self.reason)
        else:
            return int(value)
        return min(max(self.empty, self.low), self.high)


@dataclass(frozen=True)
class Flag:
    """True or false."""

    empty: bool = False

    def check(self, value: Any, place: Place, problems: Problems) -> bool:
        word = str(value).lower()
        if isinstance(value, (bool, str)) and word in TRUE | FALSE:
            return word in TRUE
        problems.add(_is_a(value, "true or false"), place)
        return self.empty


@dataclass(frozen=True)
class Scalar:
    """A text, number, truth value or nothing: what an environment variable or a setting can hold."""

    empty: None = None

    def check(self, value: Any, place: Place, problems: Problems) -> str | int | float | bool | None:
        if value is None or isinstance(value, bool):
            return value
        for plain in (str, int, float):
            if isinstance(value, plain):
                return plain(value)
        problems.add(_is_a(value, "a text, a number, true or false"), place)
        return None


@dataclass(frozen=True)
class Anything:
    """What a product of its own takes: passed on as plain data."""

    empty: None = None

    def check(self, value: Any, place: Place, problems: Problems) -> Any:
        if isinstance(value, Mapping):
            return {str(key): self.check(item, place / key, problems) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.check(item, place / at, problems) for at, item in enumerate(value)]
        return Scalar().check(value, place, problems)


@dataclass(frozen=True)
class Items:
    """A list."""

    item: Kind
    least: int = 0
    empty: list[Any] = field(default_factory=list)

    def check(self, value: Any, place: Place, problems: Problems) -> list[Any]:
        if not isinstance(value, (list, tuple)):
            problems.add(_is_a(value, "a list"), place)
            return []
        if len(value) < self.least:
            problems.add(f"has {len(value)} entries, must have at least {self.least}", place)
        return [self.item.check(item, place / at, problems) for at, item in enumerate(value)]


@dataclass(frozen=True)
class Table:
    """A dictionary whose keys are free, or follow a pattern."""

    item: Kind
    key: Text = Text()
    empty: dict[str, Any] = field(default_factory=dict)

    def check(self, value: Any, place: Place, problems: Problems) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            problems.add(_is_a(value, "a dictionary"), place)
            return {}
        keys = {self.key.check(key, place / key, problems): item for key, item in value.items()}
        return {key: self.item.check(item, place / key, problems) for key, item in keys.items() if key}


@dataclass(frozen=True)
class Field:
    """One key of a shape. A value of nothing counts as not given."""

    kind: Kind
    default: Any = None
    required: bool = False


def required(kind: Kind) -> Field:
    """A field that must be given."""
    return Field(kind, required=True)


@dataclass(frozen=True)
class Shape:
    """A dictionary with known keys."""

    fields: Mapping[str, Field]
    empty: Mapping[str, Any] = field(default_factory=dict)

    def check(self, value: Any, place: Place, problems: Problems) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            problems.add(_is_a(value, "a dictionary"), place)
            value = {}
        else:
            for key in value:
                if key not in self.fields:
                    problems.add("is not a known key", place / key, suggestion(str(key), list(self.fields)))
            self._missing(value, place, problems)
        checked = {name: self._one(name, value.get(name), place, problems) for name in self.fields}
        return {name: item for name, item in checked.items() if item is not ABSENT}

    def _missing(self, value: Mapping[str, Any], place: Place, problems: Problems) -> None:
        for name, known in self.fields.items():
            if known.required and value.get(name) is None:
                problems.add("is required and missing", place / name, f"add {name}")

    def _one(self, name: str, value: Any, place: Place, problems: Problems) -> Any:
        known = self.fields[name]
        if value is not None:
            return known.kind.check(value, place / name, problems)
        if known.required:
            return known.kind.empty
        return known.kind.check({}, place / name, problems) if known.default is INNER else known.default
