# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# Pure: how results look.

from __future__ import annotations

from typing import Any

from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.model import (
    FIELDS,
    Live,
    Member,
    Step,
    unmarked,
)


def plain(value: Any) -> Any:
    """What JSON can carry; the server's own types as text."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def differences(name: str, before: Live | None, after: Live | None, steps: list[Step]) -> list[dict[str, Any]]:
    """Every member before and after, and how one becomes the other."""
    if not steps:
        return []
    numbered = "".join(f"{number}. {step.what} ({step.why})\n" for number, step in enumerate(steps, 1))
    return [
        {"before": _shape(before), "after": _shape(after), "before_header": name, "after_header": name},
        {"prepared": f"steps of {name}:\n{numbered}"},
    ]


def _shape(live: Live | None) -> dict[str, Any]:
    if live is None:
        return {}
    settings = {key: value for key, value in live.config.settings.items() if key != "replicaSetId"}
    shape: dict[str, Any] = {
        "members": {member.name: _member(member) for member in live.config.members},
        "settings": plain(settings),
    }
    if live.write_concern is not None:
        shape["default_write_concern"] = plain(live.write_concern)
    return shape


def _member(member: Member) -> dict[str, Any]:
    fields = {name: getattr(member, name) for name in FIELDS}
    return {"_id": member.id, **fields, "tags": unmarked(member.tags)}
