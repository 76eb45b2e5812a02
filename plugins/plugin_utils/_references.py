# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""References in data, `${...}`: the only thing about a secret that a plan holds. Private to this collection."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.plugin_utils._schema import Place, suggestion

REFERENCE = re.compile(r"\$\{([^{}]*)\}")
SECRET = re.compile(r"\$\{secrets\.([^{}:]*)(?::([^{}]*))?\}")

ENCODINGS: Mapping[str, Callable[[str], str]] = {
    "": lambda value: value,
    "uri": lambda value: quote(value, safe=""),
    "json": lambda value: json.dumps(value)[1:-1],
}


def user_reference(password: str) -> str:
    """What stands in references for the user who logs in with a secret: another one while the secret changes.

    No secret can be called so.
    """
    return f"{password}.user"


def walk(value: Any, change: Callable[[str, Place], Any], place: Place) -> Any:
    """The same data with every text changed. Keys stay."""
    if isinstance(value, str):
        return change(value, place)
    if isinstance(value, Mapping):
        return {key: walk(item, change, place / key) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [walk(item, change, place / at) for at, item in enumerate(value)]
    return value


def resolve_secrets(value: Any, secrets: Mapping[str, Any], place: Place | None = None) -> Any:
    """Replace `${secrets.NAME}` and `${secrets.NAME:uri}` by values. What a value holds is never looked at again."""

    def change(text: str, at: Place) -> str:
        return SECRET.sub(lambda match: _encoded(match[1], match[2] or "", secrets, at), text)

    return walk(value, change, place or Place())


def _encoded(name: str, encoding: str, secrets: Mapping[str, Any], place: Place) -> str:
    if encoding not in ENCODINGS:
        raise ScaleoutError(
            f"the secret {name} is wanted in the encoding {encoding!r}",
            str(place),
            suggestion(encoding, ["uri", "json"]),
        )
    if name not in secrets:
        raise ScaleoutError(
            f"there is no secret called {name}", str(place), f"add {name} to webapp_secrets, in an encrypted file"
        )
    value = secrets[name]
    if value is None or isinstance(value, (bool, Mapping, list, tuple)) or not str(value):
        raise ScaleoutError(
            f"the secret {name} is not a text with something in it", str(place), f"give webapp_secrets.{name} a value"
        )
    return ENCODINGS[encoding](str(value))
