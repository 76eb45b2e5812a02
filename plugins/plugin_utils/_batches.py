# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts may be taken out at the same time. Pure. Private to this collection."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError

PERCENT = re.compile(r"([1-9][0-9]?|100)%")


def batches(hosts: Sequence[str], limit: int | str, capacity: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """The hosts in batches, in their order.

    `limit` is a number of hosts, or a percentage of the instances of each service. `capacity` has for each host that
    is there the service of each of its instances. One host may always be taken out, and all hosts of a service never,
    unless it has only one.
    """
    share = PERCENT.fullmatch(str(limit).strip())
    if not share and not re.fullmatch(r"[1-9][0-9]*", str(limit).strip()):
        raise ScaleoutError(f"{limit!r} is neither a number of hosts nor a percentage such as 25%", "app_batch")
    instances = Counter(service for services in capacity.values() for service in services)
    everywhere = Counter(service for services in capacity.values() for service in set(services))
    found: list[list[str]] = []
    for host in hosts:
        batch = [*found[-1], host] if found else []
        out = Counter(service for name in batch for service in capacity[name])
        gone = Counter(service for name in batch for service in set(capacity[name]))
        if share:
            fits = all(100 * count <= int(share[1]) * instances[service] for service, count in out.items())
        else:
            fits = len(batch) <= int(limit)
        if batch and fits and all(count < everywhere[service] for service, count in gone.items()):
            found[-1] = batch
        else:
            found.append([host])
    return found
