# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of NAME=value, as the package dotenv of npm and Node's own loadEnvFile read them. Private to this collection.

Neither knows an escape within quotes, so a value is written in quotes of a kind that it does not hold.
"""

from __future__ import annotations

import re
from typing import Sequence

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError

BLANK = r"[\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]"
# dotenv's own expression; JavaScript counts U+2028 and U+2029 among the ends of lines.
LINE = re.compile(
    rf"(?:(?<=[\n\u2028\u2029])|\A){BLANK}*(?:export{BLANK}+)?(?P<name>[A-Za-z0-9_.-]+)(?:{BLANK}*={BLANK}*?|:{BLANK}+?)"
    rf"(?P<value>{BLANK}*'(?:\\'|[^'])*'|{BLANK}*\"(?:\\\"|[^\"])*\"|{BLANK}*`(?:\\`|[^`])*`|[^#\r\n]+)?"
    rf"{BLANK}*(?:\#[^\n\r\u2028\u2029]*)?(?:(?=[\n\u2028\u2029])|\Z)"
)
QUOTED = re.compile(r"(?:(?<=[\n\r\u2028\u2029])|\A)(['\"`])(.*)\1(?:(?=[\n\r\u2028\u2029])|\Z)", re.DOTALL)
BLANKS = "".join(chr(code) for code in range(0x10000) if re.fullmatch(BLANK, chr(code)))
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# The same for these readers, for systemd and for a shell.
PLAIN = re.compile(r"[A-Za-z0-9_./:@+=,-]+")
BARE = re.compile(rf"[^#'\"`{BLANK[1:-1]}]+")


class Dotenv:
    """One name, one line, or several for a text in quotes."""

    name = "dotenv"

    def empty(self, _path: str) -> str:
        return ""

    def read(self, text: str, key: Sequence[str]) -> str | None:
        return _values(_lines(text)).get(_name(key))

    def write(self, text: str, key: Sequence[str], value: str) -> str:
        name, lines = _name(key), _lines(text)
        # The last one of a name counts.
        line = next((match for match in reversed(list(LINE.finditer(lines))) if match["name"] == name), None)
        if line:
            start, end = line.span("value") if line["value"] else (line.end("name"), line.end("name"))
            if line["value"]:
                stripped = line["value"].strip(BLANKS)
                start += len(line["value"]) - len(line["value"].lstrip(BLANKS)) if stripped else 0
                end = start + len(stripped)
            else:
                start = end = lines.index(re.search(r"[=:]", lines[start:])[0], start) + 1  # type: ignore[index]
            new = lines[:start] + _literal(value) + lines[end:]
        else:
            gap = "\n" if lines and not lines.endswith("\n") else ""
            new = f"{lines}{gap}{name}={_literal(value)}\n"
        if _values(new) != {**_values(lines), name: value}:
            raise ScaleoutError(
                f"{name} cannot be written without changing what else the file says",
                fix="look for a quote without its pair",
            )
        return new.replace("\n", "\r\n") if "\r\n" in text else new


def _name(key: Sequence[str]) -> str:
    if len(key) != 1 or not NAME.fullmatch(key[0]):
        raise ScaleoutError(
            f"{' > '.join(key)!r} is no name of a variable", fix="use letters, digits and underscores, on one level"
        )
    return key[0]


def _lines(text: str) -> str:
    lines = text.replace("\r\n", "\n")
    if "\r" in lines or ("\r\n" in text and lines.replace("\n", "\r\n") != text):
        raise ScaleoutError("its lines end in different ways", fix="let all of them end with LF, or all with CRLF")
    return lines


def _values(lines: str) -> dict[str, str]:
    found = {}
    for match in LINE.finditer(lines):
        value = (match["value"] or "").strip(BLANKS)
        inner = QUOTED.sub(lambda quoted: quoted[2], value)
        if value[:1] == '"':
            inner = inner.replace("\\n", "\n").replace("\\r", "\r")
        found[match["name"]] = inner
    return found


def _literal(value: str) -> str:
    if PLAIN.fullmatch(value) or (value.endswith("\\") and BARE.fullmatch(value)):
        return value
    fits = "\r" not in value and "\0" not in value and not value.endswith("\\")
    escaped = "\\n" in value or "\\r" in value
    for quote in ["'", *([] if escaped else ['"']), "`"]:
        if fits and quote not in value:
            return quote + value + quote
    raise ScaleoutError(
        "the value cannot be written to a dotenv file: it has all three kinds of quotes, a carriage return, a zero"
        " byte, or a backslash at its end beside blanks or quotes",
        fix="use another format or another value",
    )
