# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON files. Private to this collection."""

from __future__ import annotations

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._secrets.formats.literals import (
    Entry,
    Other,
    Table,
    Text,
)

BLANK = re.compile(r"[ \t\r\n]*")
SCALAR = re.compile(r"[^\s,\]}]+")


class Json:
    """Any JSON whose outermost value is an object."""

    name = "JSON"
    brackets = ("{", "}")

    def empty(self, _path: str) -> str:
        return "{}\n"

    def table(self, text: str) -> Table:
        try:
            whole = json.loads(text)
        except json.JSONDecodeError as error:
            raise ScaleoutError(f"it is no JSON: {error.msg}", f"line {error.lineno}", "correct it") from None
        except RecursionError:
            raise ScaleoutError("it is nested too deeply", fix="correct it") from None
        if not isinstance(whole, dict):
            raise ScaleoutError("its outermost value is no object", fix="give a file that begins with {")
        return self._table(text, self._blank(text, 0))

    def entry(self, name: str) -> str:
        return f"{self.quoted(name)}: "

    def quoted(self, value: str) -> str:
        return json.dumps(value, ensure_ascii=False)

    @staticmethod
    def _blank(text: str, at: int) -> int:
        match = BLANK.match(text, at)
        return match.end() if match else at

    def _value(self, text: str, at: int) -> Text | Other | Table:
        """The text is valid, so nothing is checked again."""
        if text[at] == '"':
            value, end = scanstring(text, at + 1, True)
            return Text(at, end, value)
        if text[at] in "{[":
            table = self._table(text, at)
            return table if text[at] == "{" else Other(at, table.end)
        match = SCALAR.match(text, at)
        end = match.end() if match else at
        return Other(at, end, text[at:end] == "null")

    def _table(self, text: str, start: int) -> Table:
        """An object, or an array as an object without names."""
        table, names = Table(start, start + 1), text[start] == "{"
        at = self._blank(text, start + 1)
        while text[at] not in "}]":
            begin, name = at, ""
            if names:
                name, at = scanstring(text, at + 1, True)
                at = self._blank(text, self._blank(text, at) + 1)
            value = self._value(text, at)
            table.entries.append(Entry(name, begin, value))
            at = self._blank(text, value.end)
            if text[at] == ",":
                at = self._blank(text, at + 1)
        table.end = at + 1
        return table
