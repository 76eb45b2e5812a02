# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts may be taken out at the same time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.plugin_utils._batches import batches as split


def batches(hosts: Sequence[str], limit: int | str, capacity: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """The hosts in batches, in their order."""
    missing = [host for host in hosts if host not in capacity]
    if missing:
        raise AnsibleFilterError(f"batches: capacity lacks {', '.join(missing)}")
    try:
        return split(hosts, limit, capacity)
    except ScaleoutError as error:
        raise AnsibleFilterError(f"batches: {error}") from error


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """By name."""
        return {"batches": batches}
