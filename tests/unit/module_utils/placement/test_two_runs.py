# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs at once, whose steps on the hosts come in any order."""

from __future__ import annotations

import random
from collections.abc import Iterator

from ansible_collections.scaleout.webapp.plugins.module_utils._placement.model import Job, Report
from ansible_collections.scaleout.webapp.plugins.module_utils._placement.plan import moved, plan
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.full import EXAMPLES

HOSTS = ["app1", "app2", "app3", "app4", "app5"]
Hosts = dict[str, Report]


def run(hosts: Hosts, job: Job, order: random.Random, now: int) -> Iterator[bool]:
    """As the role, one step on one host at a time; the last word is whether it failed nowhere."""

    def each(names: Hosts) -> list[str]:
        return order.sample(sorted(names), len(names))

    read: Hosts = {}
    for host in each(hosts):
        read[host] = hosts[host]
        yield False
    found = plan([job], read, set(), now)
    yield False
    removed: Hosts = {}
    for host in each(read):
        if not moved(read[host].notes, hosts[host].notes):
            shows = {name: how for name, how in hosts[host].shows.items() if name in found.holds[host]}
            removed[host] = hosts[host] = Report(shows, found.notes)
        yield False
    if len(removed) < len(read):
        return
    found = plan([job], removed, set(), now)
    yield False
    late = False
    for host in each(removed):
        if moved(removed[host].notes, hosts[host].notes):
            late = True
        else:
            written = dict.fromkeys(found.writes[host], job.strategy)
            hosts[host] = Report({**hosts[host].shows, **written}, found.notes)
        yield False
    yield not late


def holders(hosts: Hosts) -> set[str]:
    return {host for host, report in hosts.items() if report.shows}


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.integers(2, 5),
    st.lists(st.sampled_from(HOSTS), min_size=2, max_size=2),
    st.lists(st.integers(0, 3), min_size=2, max_size=2),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_a_job_that_two_runs_move_is_never_on_two_hosts(
    count: int, owners: list[str], turns: list[int], placed: bool, order: random.Random
) -> None:
    names = HOSTS[:count]
    hosts: Hosts = {host: Report() for host in names}
    jobs = [Job("cleanup", candidates=frozenset(names), owner=owner if owner in names else "") for owner in owners]
    if placed:
        assert list(run(hosts, Job("cleanup", candidates=frozenset(names)), order, 0))[-1]
    said = [False, False]
    live = {at: run(hosts, jobs[at], order, turns[at]) for at in range(2)}
    while live:
        at = order.choice(sorted(live))
        word = next(live[at], None)
        if word is None:
            del live[at]
        else:
            said[at] = word
        assert len(holders(hosts)) <= 1, hosts
    if all(said):
        assert holders(hosts)
    assert list(run(hosts, jobs[0], order, 9))[-1]
    assert len(holders(hosts)) == 1
