# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of names and values as they stand in a file, with their places in its text.

Shared by JSON, PHP and JavaScript. Private to this collection.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, Sequence

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError


@dataclass(frozen=True)
class Text:
    """A text in quotes, from `start` up to `end`."""

    start: int
    end: int
    value: str


@dataclass(frozen=True)
class Other:
    """Anything else; `empty` when it is the language's null."""

    start: int
    end: int
    empty: bool = False


@dataclass
class Table:
    """Two brackets and what stands between them, from `start` up to `end`; `inside` is behind the first bracket."""

    start: int
    inside: int
    end: int = 0
    entries: list[Entry] = field(default_factory=list)
    # Behind the comma after the last entry; 0 for none.
    comma: int = 0
    # Something in it may set any name: a spread, a computed name.
    unsure: bool = False
    # Some entries have numbers for names.
    counted: bool = False


@dataclass(frozen=True)
class Entry:
    """A name and its value; `start` is where the name begins."""

    name: str
    start: int
    value: Text | Other | Table


class Dialect(Protocol):
    """How a language writes such tables."""

    name: str
    brackets: tuple[str, str]

    def table(self, text: str) -> Table:
        """The outermost table of a file."""

    def entry(self, name: str) -> str:
        """What stands before the value."""

    def quoted(self, value: str) -> str:
        """The value as a literal."""


def read(dialect: Dialect, text: str, path: Sequence[str]) -> str | None:
    found, _rest = _find(dialect, text, path)
    return found.value if isinstance(found, Text) else None


def write(dialect: Dialect, text: str, path: Sequence[str], value: str) -> str:
    found, rest = _find(dialect, text, path)
    if isinstance(found, Table):
        return _inserted(dialect, text, found, rest, value)
    return text[: found.start] + dialect.quoted(value) + text[found.end :]


def _find(dialect: Dialect, text: str, path: Sequence[str]) -> tuple[Text | Other | Table, Sequence[str]]:
    """The value at the path, or the innermost table on the way and what of the path is not there yet."""
    table = dialect.table(text)
    for depth, name in enumerate(path):
        said = " > ".join(path[: depth + 1])
        if table.unsure or (table.counted and name.isdecimal()):
            raise ScaleoutError(
                f"what {said} holds cannot be told: entries beside it have no fixed names",
                line(text, table.start),
                "write names and values there as they are, or use another file",
            )
        known = [entry.value for entry in table.entries if entry.name == name]
        if len(known) > 1:
            raise ScaleoutError(f"{said} is there {len(known)} times", line(text, known[1].start), "leave one of them")
        if not known:
            return table, path[depth:]
        found = known[0]
        if depth == len(path) - 1:
            if isinstance(found, Text) or (isinstance(found, Other) and found.empty):
                return found, ()
            raise ScaleoutError(
                f"{said} is no text in quotes", line(text, found.start), "only literal texts can be read and replaced"
            )
        if not isinstance(found, Table):
            raise ScaleoutError(f"{said} holds no names", line(text, found.start), "correct the key")
        table = found
    raise ScaleoutError("no key is given", fix="name the entry that holds the secret")


def _inserted(dialect: Dialect, text: str, table: Table, path: Sequence[str], value: str) -> str:
    opening, closing = dialect.brackets
    new = dialect.entry(path[-1]) + dialect.quoted(value)
    for name in reversed(path[:-1]):
        new = f"{dialect.entry(name)}{opening}{new}{closing}"
    newline = "\r\n" if "\r\n" in text else "\n"
    if not table.entries:
        inside = text[table.inside : table.end - 1]
        before, after = text[: table.end - 1], text[table.end - 1 :]
        outer = _indent(text, table.start)
        if not inside.strip():
            before = before[: len(before) - len(inside)]
        return f"{before}{newline}{outer}{_unit(text)}{new}{newline}{outer}{after}"
    last = table.entries[-1]
    ahead = text[table.start : table.entries[0].start]
    gap = newline + _indent(text, last.start) if "\n" in ahead else " "
    if table.comma:
        return f"{text[: table.comma]}{gap}{new},{text[table.comma :]}"
    return f"{text[: last.value.end]},{gap}{new}{text[last.value.end :]}"


def _indent(text: str, at: int) -> str:
    """The blanks that begin the line."""
    begin = text.rfind("\n", 0, at) + 1
    whole = text[begin:at]
    return whole[: len(whole) - len(whole.lstrip(" \t"))]


def _unit(text: str) -> str:
    """By how much the file indents: as its first indented line."""
    for said in text.splitlines():
        if said[:1] in (" ", "\t") and said.strip():
            blanks = said[: len(said) - len(said.lstrip(" \t"))]
            return blanks if len(blanks) <= 8 else "  "
    return "  "


def line(text: str, at: int) -> str:
    return f"line {text.count(chr(10), 0, at) + 1}"
