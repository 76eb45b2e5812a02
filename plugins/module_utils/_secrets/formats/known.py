# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads and writes one value in the text of a file, whatever its format. Private to this collection."""

from __future__ import annotations

from typing import Sequence

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._secrets.formats import literals
from ansible_collections.scaleout.webapp.plugins.module_utils._secrets.formats.dotenv import Dotenv
from ansible_collections.scaleout.webapp.plugins.module_utils._secrets.formats.javascript import JavaScript
from ansible_collections.scaleout.webapp.plugins.module_utils._secrets.formats.json import Json
from ansible_collections.scaleout.webapp.plugins.module_utils._secrets.formats.php import Php
from ansible_collections.scaleout.webapp.plugins.module_utils._secrets.formats.raw import Raw

FORMATS: dict[str, Json | Php | JavaScript | Dotenv | Raw] = {
    "json": Json(),
    "dotenv": Dotenv(),
    "php": Php(),
    "javascript": JavaScript(),
    "raw": Raw(),
}


def read(name: str, text: str, key: Sequence[str]) -> str | None:
    """The value in the file; None if there is none, or nothing in it."""
    known = FORMATS[name]
    if isinstance(known, (Dotenv, Raw)):
        return known.read(text, key) or None
    return literals.read(known, text, key) or None


def write(name: str, path: str, text: str | None, key: Sequence[str], value: str) -> str:
    """The text with the value in its place and every other character as before. None is a file that is not there."""
    known = FORMATS[name]
    before = known.empty(path) if text is None else text
    if isinstance(known, (Dotenv, Raw)):
        after = known.write(before, key, value)
    else:
        after = literals.write(known, before, key, value)
    if read(name, after, key) != value:
        raise ScaleoutError(
            f"a file of the format {name} cannot hold the value: it would be read as another one",
            fix="use another format or another value",
        )
    return after
