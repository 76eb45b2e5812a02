# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts that systemd reads: environment files and commands. Private to this collection."""

from __future__ import annotations

import re
import shlex
from typing import Any

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._release.references import fill

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What systemd's env-file parser takes back from a value in double quotes.
ESCAPED = re.compile(r'(["\\`$])')
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
PLAIN = re.compile(r"[A-Za-z0-9_@:,./=+-]+")


def environment_values(environment: dict[str, Any], references: dict[str, str], where: str) -> dict[str, str]:
    """Checked and filled in. Messages name the variable and never show its value."""
    values = {}
    for name, value in environment.items():
        place = f"{where}.{name}"
        if not VARIABLE.fullmatch(str(name)):
            raise ScaleoutError("is no name of an environment variable", place, "use letters, digits and '_'")
        if isinstance(value, bool):
            value = str(value).lower()
        if value is None or isinstance(value, (dict, list)):
            raise ScaleoutError("is no text", place, "give it a text, a number, true or false")
        text = fill(str(value), references, place)
        if CONTROL.search(text):
            raise ScaleoutError(
                "has a line break or another control character, which an environment file cannot carry",
                place,
                "take it out, or put the value into one of app_files",
            )
        values[str(name)] = text
    return values


def environment_text(values: dict[str, str]) -> str:
    """An EnvironmentFile= of systemd."""
    return "".join(f'{name}="{escaped(value)}"\n' for name, value in sorted(values.items()))


def escaped(value: str) -> str:
    return ESCAPED.sub(r"\\\1", value)


def arguments(command: str, references: dict[str, str], where: str) -> list[str]:
    """The words of a command; no shell looks at them. What a reference stands for stays in its word."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ScaleoutError(f"cannot be read as a command ({error})", where, "close the quotes") from error
    if not words:
        raise ScaleoutError("is empty", where, "give it a command")
    if CONTROL.search(command):
        raise ScaleoutError("has a line break or another control character", where, "write it in one line")
    return [fill(word, references, where) for word in words]


def exec_line(words: list[str]) -> str:
    """The same words for ExecStart=, where % and $ mean something."""
    return " ".join(_word(word) for word in words)


def _word(word: str) -> str:
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return text if PLAIN.fullmatch(word) else f'"{text}"'


def setting(value: str) -> str:
    """One quoted word of a list such as Environment= or ReadWritePaths=."""
    text = value.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{text}"'
