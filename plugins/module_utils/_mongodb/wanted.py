# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# Pure: from the user's words to the model.

from __future__ import annotations

from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.model import (
    FIELDS,
    SETTINGS,
    Wanted,
    WantedMember,
    normalise,
    plain_number,
)


def parse_wanted(
    name: str, members: list[Any], settings: dict[str, Any] | None, write_concern: dict[str, Any] | None
) -> Wanted:
    """Check what can be checked without asking a server."""
    parsed = tuple(_member(member) for member in members)
    if not parsed:
        raise ScaleoutError("the list is empty", "members", "list every member of the replica set")
    seen: set[str] = set()
    for member in parsed:
        if member.name in seen:
            raise ScaleoutError(f"{member.name} is listed twice", "members", "list each member once")
        seen.add(member.name)
    return Wanted(name, parsed, _settings(settings or {}), _write_concern(write_concern))


def lost_of(wanted: Wanted, force: bool, lost_members: list[str]) -> frozenset[str]:
    """Who is lost, where force is given."""
    lost = frozenset(normalise(name) for name in lost_members)
    if lost and not force:
        raise ScaleoutError("they are for force only", "lost_members", "set force, or leave them out")
    if force and not lost:
        raise ScaleoutError("none is named", "lost_members", "name every member that is lost for good")
    both = sorted(lost & {member.name for member in wanted.members})
    if both:
        raise ScaleoutError(f"{', '.join(both)} is listed too", "lost_members", "list it in one of both")
    return lost


def _member(raw: Any) -> WantedMember:
    if isinstance(raw, str):
        return WantedMember(normalise(raw))
    if not isinstance(raw, dict) or not isinstance(raw.get("host"), str):
        raise ScaleoutError(f"{raw!r} is no member", "members", "write host:port, or a dictionary with host")
    name = normalise(raw["host"])
    unknown = sorted(set(raw) - {"host", *FIELDS})
    if unknown:
        raise ScaleoutError(
            f"{name} has the unknown key {unknown[0]}", "members", f"known are host, {', '.join(FIELDS)}"
        )
    given = {key: _value(name, key, value) for key, value in raw.items() if key != "host" and value is not None}
    return WantedMember(name, given)


def _value(name: str, key: str, value: Any) -> Any:
    if key in ("tags", "horizons"):
        if not isinstance(value, dict):
            raise ScaleoutError(f"{key} must be a dictionary, not {value!r}", name)
        return {str(tag): str(text) for tag, text in value.items()}
    if key in ("hidden", "arbiter_only", "build_indexes"):
        try:
            return boolean(value)
        except TypeError:
            raise ScaleoutError(f"{key} must be true or false, not {value!r}", name) from None
    number = plain_number(value)
    highest = {"votes": 1, "priority": 1000}.get(key)
    whole = key != "priority"
    if (
        isinstance(number, bool)
        or not isinstance(number, int if whole else (int, float))
        or not 0 <= number <= (number if highest is None else highest)
    ):
        upper = "" if highest is None else f" and at most {highest}"
        raise ScaleoutError(
            f"{key} must be a {'whole ' if whole else ''}number of at least 0{upper}, not {value!r}", name
        )
    return number


def _settings(raw: dict[str, Any]) -> dict[str, Any]:
    for key in raw:
        if key not in SETTINGS:
            raise ScaleoutError(f"{key} is no setting of a replica set", "settings", f"known are {', '.join(SETTINGS)}")
    return {key: plain_number(value) for key, value in raw.items() if value is not None}


def _write_concern(raw: dict[str, Any] | None) -> dict[str, Any] | None:
    if raw is None:
        return None
    unknown = sorted(set(raw) - {"w", "j", "wtimeout"})
    if unknown or raw.get("w") is None:
        said = f"unknown key {unknown[0]}" if unknown else "w is missing"
        raise ScaleoutError(said, "default_write_concern", "give w, and optionally j and wtimeout")
    return complete_write_concern({key: plain_number(value) for key, value in raw.items() if value is not None})


def complete_write_concern(document: dict[str, Any]) -> dict[str, Any]:
    """With what the server fills in, without what it adds for itself."""
    known: dict[str, Any] = {key: plain_number(document[key]) for key in ("w", "j", "wtimeout") if key in document}
    return {"wtimeout": 0, **known}
