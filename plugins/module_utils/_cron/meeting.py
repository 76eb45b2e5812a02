# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sees that all guards of a job meet in one store; pure. Private to this collection."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._placement.model import Job, Report
from ansible_collections.scaleout.webapp.plugins.module_utils._placement.plan import newest_notes


def store_mark(url: str) -> str:
    """Scheme, hosts and database of a URL, without login and options.

    It is no URL again: Ansible would mask one that is the same as the option.
    """
    scheme, _separator, rest = url.partition("://")
    # The login first: what is wrong with a URL may be a ? or / in its password.
    return f"{scheme} at {rest.rpartition('@')[2].partition('?')[0]}"


def same_store(one: str, other: str) -> bool:
    """By their marks. A cluster stays the same while it has a host in common."""
    (scheme, hosts, database), (other_scheme, other_hosts, other_database) = map(_parts, (one, other))
    return (scheme, database) == (other_scheme, other_database) and not hosts.isdisjoint(other_hosts)


def see_that_guards_meet(
    jobs: Iterable[Job], reports: Mapping[str, Report], drained: Collection[str], lost: Collection[str], url: str
) -> None:
    """A host that is not seen goes on with the store that it has, so the others would start each run a second time."""
    mark = store_mark(url)
    old = sorted({report.store for report in reports.values() if report.store and not same_store(report.store, mark)})
    if not url or not old:
        return
    notes = newest_notes(reports.values())
    gone = set(drained) - set(lost)
    for job in jobs:
        note = notes.get(job.id)
        if job.strategy != "lease" or job.state != "present" or note is None or note.strategy != "lease":
            continue
        away = set(note.holders) - reports.keys() - gone
        if away:
            raise ScaleoutError(
                f"its guards meet in {', '.join(old)}, also that of {', '.join(sorted(away))}, not seen in this run; "
                f"if the others went to {mark}, two hosts would start each run",
                job.id,
                "run with all hosts, drain what is gone, or suspend the jobs in a run with all hosts first",
            )


def _parts(mark: str) -> tuple[str, set[str], str]:
    scheme, _separator, rest = mark.partition(" at ")
    hosts, _slash, database = rest.partition("/")
    return scheme, set(hosts.split(",")), database
