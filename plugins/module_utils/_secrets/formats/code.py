# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads over the source text of a program, as much as is needed to find literals. Private to this collection."""

from __future__ import annotations

import re
from typing import NoReturn

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._secrets.formats.literals import Text, line

PAIRS = {"(": ")", "[": "]", "{": "}"}
# Deeper ones are no configuration.
DEEPEST = 100


class Code:
    """A place in a text that moves forward. What is not understood is refused."""

    language = ""
    word = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
    number = re.compile(r"\.?[0-9](?:[0-9A-Za-z_.]|(?<=[eE])[+-])*")
    quotes = "'\""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        # The last token that was passed, for what depends on it, and where it ended.
        self.last = ""
        self.done = 0

    def stop(self, what: str, at: int | None = None) -> NoReturn:
        where = line(self.text, self.at if at is None else at)
        raise ScaleoutError(f"it is no {self.language} of the kind that can be read: {what}", where, "simplify it")

    def blank(self) -> None:
        """Pass over blanks and comments."""
        raise NotImplementedError

    def literal(self) -> Text | None:
        """Pass over the text in quotes that begins here; None if its value depends on something."""
        raise NotImplementedError

    def special(self) -> bool:
        """Pass over what only this language has, if it begins here."""
        return False

    def ahead(self, text: str) -> bool:
        return self.text.startswith(text, self.at)

    def peek(self) -> str:
        self.blank()
        return self.text[self.at : self.at + 1]

    def take(self, text: str) -> bool:
        """Pass over it, if it comes next."""
        self.blank()
        if not self.ahead(text):
            return False
        self.at += len(text)
        self.done, self.last = self.at, text[-1]
        return True

    def match(self, pattern: re.Pattern[str]) -> str:
        """Pass over what matches here; empty if nothing does."""
        found = pattern.match(self.text, self.at)
        if not found:
            return ""
        self.at, self.last = found.end(), found[0]
        return found[0]

    def past(self, text: str, what: str) -> None:
        end = self.text.find(text, self.at)
        if end < 0:
            self.stop(f"{what} that does not end")
        self.at = end + len(text)

    def token(self) -> str:
        """Pass over one token; empty at the end of the text."""
        passed = self._token()
        self.done = self.at
        return passed

    def _token(self) -> str:
        char = self.peek()
        if not char or self.special():
            return char
        if char in self.quotes:
            self.literal()
            self.last = '"'
            return char
        found = self.match(self.word) or self.match(self.number)
        if found:
            return found
        if self.ahead("=>"):
            char = "=>"
        self.at += len(char)
        self.last = char
        return char

    def skip(self, *until: str) -> None:
        """Pass over an expression, up to a token of its own level."""
        closing: list[str] = []
        while True:
            char = self.peek()
            if not char:
                self.stop("a bracket that is not closed")
            if not closing and any(self.ahead(end) for end in until):
                return
            token = self.token()
            if token in PAIRS:
                closing.append(PAIRS[token])
            elif token in PAIRS.values() and (not closing or closing.pop() != token):
                self.stop(f"a {token} without its pair")
            if len(closing) > DEEPEST:
                self.stop("it is nested too deeply")
