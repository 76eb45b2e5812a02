# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which host has which scheduled job."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.scaleout.webapp.plugins.module_utils._cron.client import read_notes, show_notes
from ansible_collections.scaleout.webapp.plugins.module_utils._cron.meeting import see_that_guards_meet
from ansible_collections.scaleout.webapp.plugins.module_utils._cron.model import read_jobs
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._placement.model import Report
from ansible_collections.scaleout.webapp.plugins.module_utils._placement.plan import plan


def cron_placement(
    jobs: Sequence[Mapping[str, Any]],
    reports: Mapping[str, Mapping[str, Any]],
    drained: Collection[str] = (),
    lost: Collection[str] = (),
    store_url: str = "",
) -> dict[str, Any]:
    """By host, what it holds in the end and what may be written there now."""
    try:
        wanted = [job.to_place() for job in read_jobs(jobs)]
        seen = {
            host: Report(report["shows"], read_notes(report["notes"]), report.get("store", ""))
            for host, report in reports.items()
        }
        see_that_guards_meet(wanted, seen, drained, lost, store_url)
        found = plan(wanted, seen, set(drained), int(time.time()), set(lost))
    except ScaleoutError as error:
        raise AnsibleFilterError(f"cron_placement: {error}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise AnsibleFilterError(f"cron_placement: these are no reports of singleton_cron: {error!r}") from error
    waiting: dict[str, list[str]] = {}
    for job, why in found.waiting.items():
        waiting.setdefault(why, []).append(job)
    return {
        "holds": found.holds,
        "writes": found.writes,
        "notes": show_notes(found.notes),
        "waiting": [f"{', '.join(jobs)}: {why}" for why, jobs in waiting.items()],
    }


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """By name."""
        return {"cron_placement": cron_placement}
