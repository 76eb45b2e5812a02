# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JavaScript modules that export an object. Private to this collection."""

from __future__ import annotations

import json
import re

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._secrets.formats.code import DEEPEST, Code
from ansible_collections.scaleout.webapp.plugins.module_utils._secrets.formats.literals import (
    Entry,
    Other,
    Table,
    Text,
)

BLANK = re.compile(r"[\t\v\f \u00a0\ufeff\u1680\u2000-\u200a\u202f\u205f\u3000\r\n\u2028\u2029]+")
LINE_END = re.compile(r"[\r\n\u2028\u2029]")
ESCAPE = re.compile(
    r"\\(?:u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,8})\}|x([0-9A-Fa-f]{2})|(\r\n|[\r\n\u2028\u2029])|(0)(?![0-9])|([0-9ux])|(.))",
    re.DOTALL,
)
SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "v": "\v", "b": "\b", "f": "\f"}
REGEX = re.compile(r"/(?![*/])(?:[^\\/\[\r\n]|\\[^\r\n]|\[(?:[^\\\]\r\n]|\\[^\r\n])*\])+/[A-Za-z]*")
# What a value can stand behind.
BEFORE_VALUE = re.compile(r"[(,=:\[!&|?{;+\-*%<>~^]|=>")
WORDS_BEFORE_VALUE = frozenset(
    [
        "return",
        "typeof",
        "case",
        "in",
        "of",
        "delete",
        "void",
        "throw",
        "new",
        "instanceof",
        "await",
        "yield",
        "do",
        "else",
    ]
)
INTEGER = re.compile(r"(?:0|[1-9][0-9]{0,14})(?![0-9A-Za-z_$.])")
NULL = re.compile(r"(?:null|undefined)(?![\w$])")


class _Source(Code):
    language = "JavaScript"
    word = re.compile(r"(?:[^\W\d]|\$)(?:\w|\$)*")
    quotes = "'\"`"

    def blank(self) -> None:
        while True:
            found = BLANK.match(self.text, self.at)
            if found:
                self.at = found.end()
            elif self.ahead("/*"):
                self.at += 2
                self.past("*/", "a comment")
            elif self.ahead("//") or (self.at == 0 and self.ahead("#!")):
                end = LINE_END.search(self.text, self.at)
                self.at = end.start() if end else len(self.text)
            elif self.ahead("<!--") or self.ahead("-->"):
                self.stop("a comment of HTML")
            else:
                return

    def literal(self) -> Text | None:
        start, quote = self.at, self.text[self.at]
        self.at += 1
        plain = True
        while not self.ahead(quote):
            if self.at >= len(self.text) or (quote != "`" and self.text[self.at] in "\r\n"):
                self.stop("a text that does not end", start)
            if self.ahead("\\"):
                self.at += 2
            elif quote == "`" and self.ahead("${"):
                plain = False
                self.at += 2
                self.last = "{"
                self.skip("}")
                self.at += 1
            else:
                self.at += 1
        body = self.text[start + 1 : self.at]
        self.at += 1
        if not plain:
            return None
        if quote == "`":
            body = body.replace("\r\n", "\n").replace("\r", "\n")
        value = _unescaped(body)
        return None if value is None else Text(start, self.at, value)

    def special(self) -> bool:
        if not self.ahead("/"):
            return False
        if self.last == "}":
            self.stop("a / of which cannot be told what it is")
        if self.last and not BEFORE_VALUE.fullmatch(self.last) and self.last not in WORDS_BEFORE_VALUE:
            return False
        found = REGEX.match(self.text, self.at)
        if not found:
            self.stop("a regular expression that does not end")
        self.at, self.last = found.end(), '"'
        return True

    def table(self, depth: int = 0) -> Table:
        start = self.at
        if depth > DEEPEST:
            self.stop("it is nested too deeply")
        table = Table(start, start + 1)
        self.take("{")
        while not self.take("}"):
            self._entry(table, depth)
            self.blank()
            table.comma = self.at if self.take(",") else 0
            if not table.comma and self.peek() != "}":
                self.stop("a comma is missing")
        table.end = self.at
        return table

    def _entry(self, table: Table, depth: int) -> None:
        start = self.at
        name: str | None = None
        if self.text[start] in "'\"":
            text = self.literal()
            name = text.value if text else None
        else:
            name = self.match(self.word) or self.match(INTEGER) or None
        following = self.peek()
        if name in (None, "__proto__") or following not in (":", ",", "}", "("):
            # A spread, a computed name, a getter and the like.
            table.unsure = True
            name = ""
        if name and following == ":":
            self.take(":")
            table.entries.append(Entry(name, start, self._value(depth)))
            return
        self.at = start
        self.skip(",", "}")
        if self.at == start:
            self.stop("a comma too many")
        table.entries.append(Entry(name or "", start, Other(start, self.done)))

    def _value(self, depth: int) -> Text | Other | Table:
        self.blank()
        start, last = self.at, self.last
        char = self.text[start : start + 1]
        found: Text | Other | Table | None = None
        if char and char in self.quotes:
            found = self.literal()
        elif char == "{":
            found = self.table(depth + 1)
        else:
            null = NULL.match(self.text, start)
            if null:
                self.at = null.end()
                found = Other(start, self.at, empty=True)
        self.blank()
        if found and (self.ahead(",") or self.ahead("}")):
            return found
        self.at, self.last = start, last
        self.skip(",", "}")
        return Other(start, self.done)


def _unescaped(body: str) -> str | None:
    """None where an escape is not understood."""
    wrong = False

    def change(match: re.Match[str]) -> str:
        nonlocal wrong
        four, braces, two, line_end, zero, bad, other = match.groups()
        if line_end:
            return ""
        number = four or braces or two
        if number and int(number, 16) < 0x110000:
            return chr(int(number, 16))
        if number or bad:
            wrong = True
        return "\0" if zero else SIMPLE.get(other, other) or ""

    value = ESCAPE.sub(change, body)
    try:
        return None if wrong else value.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeError:
        return None


class JavaScript:
    """`module.exports = {...}` or `export default {...}`; other statements may stand before it, nothing behind it."""

    name = "JavaScript"
    brackets = ("{", "}")

    def empty(self, path: str) -> str:
        return "export default {\n};\n" if path.endswith(".mjs") else "module.exports = {\n};\n"

    def table(self, text: str) -> Table:
        source = _Source(text)
        table = None
        while table is None:
            before = source.last
            token = source.token()
            if not token:
                source.stop("it neither says module.exports = {...} nor export default {...}")
            if token in "([{":
                source.at -= 1
                self._bracket(source)
            elif self._exports(source, token, before):
                if source.peek() != "{":
                    source.stop("it exports something else than an object in braces")
                table = source.table()
        source.take(";")
        if source.peek():
            source.stop("something stands behind the object that it exports")
        return table

    @staticmethod
    def _bracket(source: _Source) -> None:
        """Pass over a bracket with everything in it."""
        opening = source.token()
        closing = {"(": ")", "[": "]", "{": "}"}[opening]
        start = source.at
        source.skip(closing)
        if re.search(r"\bexports\b", source.text[start : source.at]):
            source.stop("what it exports depends on something", start)
        source.take(closing)

    @staticmethod
    def _exports(source: _Source, token: str, before: str) -> bool:
        if token == "export":
            if not (source.peek() and source.match(source.word) == "default"):
                source.stop("it exports more than one object")
            return True
        if token == "exports" or (token == "module" and before == "."):
            source.stop("it exports in another way than module.exports = {...}")
        if token != "module":
            return False
        if not (source.take(".") and source.peek() and source.match(source.word) == "exports" and source.take("=")):
            source.stop("it exports in another way than module.exports = {...}")
        if source.ahead("=") or source.ahead(">"):
            source.stop("it exports in another way than module.exports = {...}")
        return True

    def entry(self, name: str) -> str:
        if name == "__proto__":
            raise ScaleoutError("__proto__ is no name of a value in JavaScript", fix="use another key")
        return f"{name if re.fullmatch(r'[A-Za-z_$][A-Za-z0-9_$]*', name) else self.quoted(name)}: "

    def quoted(self, value: str) -> str:
        return json.dumps(value, ensure_ascii=False).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
