# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that hold one secret and nothing else, such as the keyFile of MongoDB. Private to this collection."""

from __future__ import annotations

from typing import Sequence


class Raw:
    """The secret is the whole text but for one line end at its end, which a new file gets and an old one keeps."""

    name = "raw"

    def empty(self, _path: str) -> str:
        return "\n"

    def read(self, text: str, _key: Sequence[str]) -> str | None:
        return text[:-1] if text.endswith("\n") else text

    def write(self, text: str, _key: Sequence[str], value: str) -> str:
        return value + "\n" if text.endswith("\n") or value.endswith("\n") or not text else value
