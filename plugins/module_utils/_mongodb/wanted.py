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
    MAX_DELAY,
    MAX_INT,
    MAX_MEMBERS,
    SETTINGS,
    Wanted,
    WantedMember,
    normalise,
    plain_number,
    unmarked,
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
        texts = {str(tag): str(text) for tag, text in value.items()}
        return unmarked(texts) if key == "tags" else {view: normalise(text) for view, text in texts.items()}
    if key in ("hidden", "arbiter_only", "build_indexes"):
        try:
            return boolean(value)
        except TypeError:
            raise ScaleoutError(f"{key} must be true or false, not {value!r}", name) from None
    highest = {"votes": 1, "priority": 1000, "secondary_delay_secs": MAX_DELAY}[key]
    return _number(name, key, value, 0, highest, whole=key != "priority")


def _number(where: str, key: str, value: Any, lowest: int, highest: int, whole: bool = True) -> Any:
    number = plain_number(value)
    kinds = int if whole else (int, float)
    if isinstance(number, bool) or not isinstance(number, kinds) or not lowest <= number <= highest:
        kind = "whole number" if whole else "number"
        raise ScaleoutError(f"{key} must be a {kind} of at least {lowest} and at most {highest}, not {value!r}", where)
    return number


def _settings(raw: dict[str, Any]) -> dict[str, Any]:
    return {key: _setting(key, value) for key, value in raw.items() if value is not None}


def _setting(key: str, value: Any) -> Any:
    if key not in SETTINGS:
        raise ScaleoutError(f"{key} is no setting of a replica set", "settings", f"known are {', '.join(SETTINGS)}")
    kind = SETTINGS[key]
    if isinstance(kind, int):
        return _number("settings", key, value, kind, MAX_INT)
    plain = plain_number(value)
    if not isinstance(plain, kind):
        shape = "true or false" if kind is bool else "a dictionary"
        raise ScaleoutError(f"{key} must be {shape}, not {value!r}", "settings")
    return plain


def _write_concern(raw: dict[str, Any] | None) -> dict[str, Any] | None:
    if raw is None:
        return None
    unknown = sorted(set(raw) - {"w", "j", "wtimeout"})
    if unknown or raw.get("w") is None:
        said = f"unknown key {unknown[0]}" if unknown else "w is missing"
        raise ScaleoutError(said, "default_write_concern", "give w, and optionally j and wtimeout")
    plain = {key: plain_number(value) for key, value in raw.items() if value is not None}
    if not isinstance(plain["w"], str):
        _number("default_write_concern", "w", raw["w"], 1, MAX_MEMBERS)
    if not isinstance(plain.get("j", True), bool):
        raise ScaleoutError(f"j must be true or false, not {raw['j']!r}", "default_write_concern")
    _number("default_write_concern", "wtimeout", plain.get("wtimeout", 0), 0, MAX_INT)
    return complete_write_concern(plain)


def complete_write_concern(document: dict[str, Any]) -> dict[str, Any]:
    """With what the server fills in, without what it adds for itself."""
    known: dict[str, Any] = {key: plain_number(document[key]) for key in ("w", "j", "wtimeout") if key in document}
    return {"wtimeout": 0, **known}
