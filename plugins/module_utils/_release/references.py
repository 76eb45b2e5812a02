# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""References such as `${release.path}` in commands and environments. Private to this collection."""

from __future__ import annotations

import re

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError

# Only this shape is a reference, so that a password with "${" in it stays what it is.
REFERENCE = re.compile(r"\$\{([a-z_]+\.[a-z_.]+)\}")


def fill(text: str, values: dict[str, str], where: str) -> str:
    """Replace every reference. The message of an error never shows the text, which may be a secret."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise ScaleoutError(
                f"nothing is called ${{{match[1]}}} here", where, f"known are: {', '.join(sorted(values))}"
            )
        return values[match[1]]

    return REFERENCE.sub(value, text)


def names(text: str) -> set[str]:
    """The references in a text."""
    return set(REFERENCE.findall(text))
