# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PHP files that return an array. Private to this collection."""

from __future__ import annotations

import re

from ansible_collections.scaleout.webapp.plugins.module_utils._secrets.formats.code import DEEPEST, Code
from ansible_collections.scaleout.webapp.plugins.module_utils._secrets.formats.literals import (
    Entry,
    Other,
    Table,
    Text,
)

COMMENT_END = re.compile(r"[\r\n]|\?>")
OPENING = re.compile(r"<\?php(?=\s)")
SIMPLE = {"n": 10, "t": 9, "r": 13, "v": 11, "e": 27, "f": 12, "\\": 92, "$": 36, '"': 34}
ESCAPE = re.compile(r"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|u\{([0-9A-Fa-f]+)\}|(?!u\{)(.))", re.DOTALL)
VARIABLE = re.compile(r"\$[A-Za-z_{\x80-\U0010ffff]|\{\$")
HEREDOC = re.compile(r"<<<[ \t]*([\"']?)([A-Za-z_][A-Za-z0-9_]*)\1\r?\n")
INTEGER = re.compile(r"(?:0|[1-9][0-9]*)(?![0-9A-Za-z_.])")
ARRAY = re.compile(r"array(?=\s*\()", re.IGNORECASE)
NULL = re.compile(r"null(?![A-Za-z0-9_\x80-\U0010ffff(:\\])", re.IGNORECASE)


class _Source(Code):
    language = "PHP"
    word = re.compile(r"[$\\]*[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_\x80-\U0010ffff\\]*")
    quotes = "'\"`"

    def blank(self) -> None:
        while True:
            char = self.text[self.at : self.at + 1]
            if char and char in " \t\r\n":
                self.at += 1
            elif self.ahead("/*"):
                self.at += 2
                self.past("*/", "a comment")
            elif self.ahead("//") or (char == "#" and not self.ahead("#[")):
                end = COMMENT_END.search(self.text, self.at)
                self.at = end.start() if end else len(self.text)
            else:
                return

    def literal(self) -> Text | None:
        start, quote = self.at, self.text[self.at]
        self.at += 1
        while self.text[self.at : self.at + 1] != quote:
            if self.at >= len(self.text):
                self.stop("a text that does not end", start)
            self.at += 2 if self.text[self.at] == "\\" else 1
        body = self.text[start + 1 : self.at]
        self.at += 1
        if quote == "'":
            return Text(start, self.at, re.sub(r"\\([\\'])", r"\1", body))
        if quote == "`" or VARIABLE.search(ESCAPE.sub("", body)):
            return None
        return self._unescaped(start, body)

    def _unescaped(self, start: int, body: str) -> Text | None:
        def change(match: re.Match[str]) -> str:
            octal, hexadecimal, point, other = match.groups()
            if point:
                return chr(int(point, 16))
            if not (octal or hexadecimal) and other not in SIMPLE:
                return match[0]
            byte = int(octal, 8) % 256 if octal else int(hexadecimal, 16) if hexadecimal else SIMPLE[other]
            return bytes([byte]).decode("utf-8", "surrogateescape")

        if "\\" in ESCAPE.sub("", body):
            return None
        try:
            data = ESCAPE.sub(change, body).encode("utf-8", "surrogateescape")
            return Text(start, self.at, data.decode("utf-8"))
        except (ValueError, OverflowError):
            return None

    def special(self) -> bool:
        if self.ahead("?>"):
            self.stop("it leaves PHP")
        if self.ahead("__halt_compiler"):
            self.stop("it ends early")
        heredoc = HEREDOC.match(self.text, self.at)
        if not heredoc:
            return False
        end = re.compile(rf"^[ \t]*{heredoc[2]}(?![A-Za-z0-9_\x80-\U0010ffff])", re.MULTILINE).search(
            self.text, heredoc.end()
        )
        if not end:
            self.stop("a text that does not end")
        self.at, self.last = end.end(), '"'
        return True

    def table(self, depth: int = 0) -> Table | None:
        """The array that begins here; None if none does."""
        self.blank()
        start = self.at
        if self.match(ARRAY):
            self.take("(")
            closing = ")"
        elif self.take("["):
            closing = "]"
        else:
            return None
        if depth > DEEPEST:
            self.stop("it is nested too deeply")
        table = Table(start, self.at)
        while not self.take(closing):
            if self.peek() == ",":
                self.stop("a comma too many")
            self._entry(table, closing, depth)
            self.blank()
            table.comma = self.at if self.take(",") else 0
            if not table.comma and self.peek() != closing:
                self.stop("a comma is missing")
        table.end = self.at
        return table

    def _entry(self, table: Table, closing: str, depth: int) -> None:
        start = self.at
        if self.ahead("..."):
            table.unsure = True
            self.skip(",", closing)
            table.entries.append(Entry("", start, Other(start, self.at)))
            return
        name = self._name()
        if name is None:
            # No name, or a computed one.
            self.at = start
            self.skip(",", closing, "=>")
            if self.take("=>"):
                table.unsure = True
                self.skip(",", closing)
            else:
                table.counted = True
            table.entries.append(Entry("", start, Other(start, self.done)))
            return
        table.entries.append(Entry(name, start, self._value(closing, depth)))

    def _name(self) -> str | None:
        """A literal name and its arrow."""
        if self.text[self.at] in "'\"":
            text = self.literal()
            name = text.value if text else None
        else:
            name = self.match(INTEGER) or None
        return name if name is not None and self.take("=>") else None

    def _value(self, closing: str, depth: int) -> Text | Other | Table:
        self.blank()
        start = self.at
        found: Text | Other | Table | None
        if self.text[start : start + 1] in ("'", '"'):
            found = self.literal()
        elif NULL.match(self.text, start):
            self.at += 4
            found = Other(start, self.at, empty=True)
        else:
            found = self.table(depth + 1)
        self.blank()
        if found and (self.ahead(",") or self.ahead(closing)):
            return found
        self.at = start
        self.skip(",", closing)
        return Other(start, self.done)


class Php:
    """`<?php return [...];` or `array(...)`; comments, declare and use may stand before it, nothing behind it."""

    name = "PHP"
    brackets = ("[", "]")

    def empty(self, _path: str) -> str:
        return "<?php\n\nreturn [\n];\n"

    def table(self, text: str) -> Table:
        source = _Source(text)
        if not source.match(OPENING):
            source.stop("it does not begin with <?php")
        before = ";"
        depth = 0
        while True:
            source.blank()
            start = source.at
            token = source.token()
            if not token:
                source.stop("it returns no array")
            if token.lower() == "return":
                if depth or before not in (";", "}"):
                    source.stop("what it returns depends on something", start)
                break
            depth += (token in "([{") - (token in ")]}")
            before = token
        table = source.table()
        if table is None:
            source.stop("it returns something else than an array in brackets")
        if not source.take(";"):
            source.stop("something stands behind the array")
        source.blank()
        if source.ahead("?>"):
            source.at += 2
            if text[source.at :].strip():
                source.stop("something stands behind its end")
        elif source.at < len(text):
            source.stop("something stands behind the array")
        return table

    def entry(self, name: str) -> str:
        return f"{self.quoted(name)} => "

    def quoted(self, value: str) -> str:
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
