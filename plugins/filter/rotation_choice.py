# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which secrets a rotation is to change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from ansible_collections.scaleout.webapp.plugins.plugin_utils._rotation import choose


def rotation_choice(
    secrets: Sequence[Mapping[str, Any]],
    report: Mapping[str, Mapping[str, Any]],
    journal: Mapping[str, Mapping[str, Any]],
    values: Mapping[str, str],
    given: Mapping[str, str],
    wanted: str | Sequence[str] = "",
    older_than: object = "",
    begun: bool = False,
) -> dict[str, Any]:
    """The names, what will be noticed, and what speaks against it. No value is in it."""
    words = wanted.split(",") if isinstance(wanted, str) else wanted
    return choose(
        secrets,
        report,
        journal,
        unchanged=[name for name, value in given.items() if value == values.get(name)],
        given=list(given),
        wanted=[word.strip() for word in words if word.strip()],
        older_than=str(older_than),
        begun=begun,
        now=datetime.now(timezone.utc),
    )


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """By name."""
        return {"rotation_choice": rotation_choice}
