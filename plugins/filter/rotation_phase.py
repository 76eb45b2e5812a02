# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stores and apps are told in a phase of a rotation of secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.scaleout.webapp.plugins.plugin_utils._rotation import (
    cache_users,
    database_users,
    phases,
    values,
)


def rotation_phase(
    plan: Mapping[str, Any],
    now: Mapping[str, str],
    rotation: Mapping[str, Mapping[str, str]] | None = None,
    phase: str = "",
) -> dict[str, Any]:
    """The values of the secrets and the users of the stores. Without a rotation they are those of every day."""
    names = rotation or {}
    of_database, of_cache = ((plan[store] or {}).get("users", []) for store in ("mongodb", "redis"))
    return {
        "phases": phases([secret["kind"] for secret in names.values()]),
        # A value that looks like a template stays what it is.
        "secrets": wrap_var(values(now, names, of_database, phase)),
        "mongodb_users": database_users(of_database, list(names), phase),
        "redis_users": cache_users(of_cache, list(names), phase),
    }


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """By name."""
        return {"rotation_phase": rotation_phase}
