# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts may be taken out at the same time. Pure. Private to this collection."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError

PERCENT = re.compile(r"([1-9][0-9]?|100)%")


def batches(hosts: Sequence[str], limit: int | str, capacity: Mapping[str, int]) -> list[list[str]]:
    """The hosts in batches, in their order.

    `limit` is a number of hosts or a percentage of the capacity of all hosts, `capacity` how much each host of the app
    carries, also those that are in no batch. One host may always be taken out, and all of several never.
    """
    share = PERCENT.fullmatch(str(limit).strip())
    if not share and not re.fullmatch(r"[1-9][0-9]*", str(limit).strip()):
        raise ScaleoutError(f"{limit!r} is neither a number of hosts nor a percentage such as 25%", "app_batch")
    allowed = int(share[1]) * sum(capacity.values()) if share else int(limit)
    weight = {host: 100 * capacity[host] if share else 1 for host in hosts}
    found: list[list[str]] = []
    for host in hosts:
        last = found[-1] if found else []
        fits = sum(weight[name] for name in last) + weight[host] <= allowed and len(last) + 1 < len(capacity)
        if last and fits:
            last.append(host)
        else:
            found.append([host])
    return found
