# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where jobs go: what holds for all clusters, and what is said when a job has to wait."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._placement.model import Job, Note, Report
from ansible_collections.scaleout.webapp.plugins.module_utils._placement.plan import owners, plan, ranked, shift
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.full import EXAMPLES

often = settings(max_examples=EXAMPLES, deadline=None)
HOSTS = [f"app{at}" for at in range(1, 8)]
names = st.sets(st.text("abcdefgh0123456789", min_size=1, max_size=6), min_size=2, max_size=12)


class Cluster:
    """Hosts that keep what the phases of a run wrote on them."""

    def __init__(self, hosts: list[str]) -> None:
        self.reports = {host: Report() for host in hosts}
        self.now = 0

    def run(self, jobs: list[Job], drained: set[str], phases: list[set[str]]) -> dict[str, str]:
        """One run, of which each phase reaches these hosts. What is still waiting in the end."""
        self.now += 1
        reports = {host: self.reports[host] for host in phases[0]}
        found = plan(jobs, reports, drained, self.now)
        for removing, reached in ((True, phases[0] & phases[1]), (False, phases[0] & phases[1] & phases[2])):
            for host in reached:
                kept = set(found.holds[host])
                shows = {job: how for job, how in self.reports[host].shows.items() if job in kept or not removing}
                if not removing:
                    shows.update({job.id: job.strategy for job in jobs if job.id in found.writes[host]})
                self.reports[host] = Report(shows, found.notes)
            self.check()
            reports = {host: self.reports[host] for host in reached}
            found = plan(jobs, reports, drained, self.now, phases[0] - reached)
        return found.waiting

    def check(self) -> None:
        """Nowhere twice, unless guarded."""
        for job, count in Counter(job for report in self.reports.values() for job in report.shows).items():
            strategies = {report.shows[job] for report in self.reports.values() if job in report.shows}
            assert count == 1 or strategies == {"lease"}, (job, self.reports)

    def holders(self, job: str) -> set[str]:
        return {host for host, report in self.reports.items() if job in report.shows}


reached = st.lists(st.sets(st.sampled_from(HOSTS)), min_size=3, max_size=3)
turns = st.lists(
    st.tuples(
        st.sets(st.sampled_from(HOSTS), max_size=1),
        st.sampled_from(["", *HOSTS]),
        st.sampled_from(["single", "single", "lease", "absent", "suspended"]),
        reached,
    ),
    max_size=12,
)


@often
@given(turns)
def test_never_on_two_hosts_whatever_fails_and_in_the_end_on_exactly_one(
    runs: list[tuple[set[str], str, str, list[set[str]]]],
) -> None:
    cluster = Cluster(HOSTS)
    job = Job("cleanup", candidates=frozenset(HOSTS))
    for drained, owner, strategy, phases in runs:
        if strategy in ("lease", "absent"):
            wanted = [replace(job, strategy=strategy)] if strategy == "lease" else []
        elif strategy == "suspended":
            wanted = [replace(job, state=strategy, owner=owner)]
        else:
            wanted = [replace(job, owner="" if owner in drained else owner)]
        # To drain a host that cannot be seen is to say that it runs nothing any more.
        for host in drained - phases[0]:
            cluster.reports[host] = Report({}, cluster.reports[host].notes)
        cluster.run(wanted, drained, phases)
    everybody = set(HOSTS)
    waiting = cluster.run([job], set(), [everybody] * 3)
    assert (cluster.holders("cleanup"), waiting) == ({ranked("cleanup", HOSTS)[0]}, {})


@often
@given(names, st.randoms())
def test_order_does_not_matter(hosts: set[str], random: object) -> None:
    shuffled = list(hosts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    jobs = [Job(f"job{at}", candidates=frozenset(hosts)) for at in range(20)]
    assert ranked("job", sorted(hosts)) == ranked("job", shuffled)
    reports = {host: Report() for host in sorted(hosts)}
    one = plan(jobs, reports, (), 1)
    other = plan(jobs[::-1], {host: reports[host] for host in shuffled}, (), 1)
    assert {host: set(held) for host, held in one.holds.items()} == {
        host: set(held) for host, held in other.holds.items()
    }
    assert (one.notes, one.waiting) == (other.notes, other.waiting)


@often
@given(names, st.text("xyz", min_size=1, max_size=5))
def test_movement_is_minimal(hosts: set[str], joins: str) -> None:
    before = owners([Job(f"job{at}", candidates=frozenset(hosts)) for at in range(50)])
    after = owners([Job(f"job{at}", candidates=frozenset(hosts | {joins})) for at in range(50)])
    assert {after[job] for job in after if after[job] != before[job]} <= {joins}
    leaves = min(hosts)
    left = owners([Job(f"job{at}", candidates=frozenset(hosts - {leaves})) for at in range(50)])
    assert {before[job] for job in left if left[job] != before[job]} <= {leaves}


def test_the_load_spreads() -> None:
    hosts = frozenset(f"app{at}" for at in range(10))
    counts = Counter(owners([Job(f"job{at}", candidates=hosts) for at in range(10_000)]).values())
    # Ten standard deviations around the thousand that each would have.
    assert all(700 < counts[host] < 1300 for host in hosts), counts


@often
@given(names, st.integers(12, 60))
def test_staggered_minutes_are_all_different_and_within_the_window(hosts: set[str], window: int) -> None:
    shifts = [shift("cleanup", host, hosts, window) for host in hosts]
    assert len(set(shifts)) == len(hosts)
    assert min(shifts) == 0
    assert max(shifts) < window


def placed(
    job: Job, *seen: str, drained: set[str] | None = None, shows: dict[str, Note] | None = None
) -> tuple[dict[str, list[str]], str]:
    """What is written where when these are seen, and some of them know who holds it."""
    reports = {host: Report() for host in seen}
    for host, note in (shows or {}).items():
        reports[host] = Report({job.id: job.strategy} if host in note.holders else {}, {job.id: note})
    found = plan([job], reports, drained or set(), 100)
    return {host: jobs for host, jobs in found.writes.items() if jobs}, found.waiting.get(job.id, "")


JOB = Job("cleanup", candidates=frozenset(["app1", "app2", "app3"]))
FIRST, SECOND, THIRD = ranked("cleanup", JOB.candidates)


def test_an_explicit_owner_wins() -> None:
    assert placed(replace(JOB, owner=THIRD), *JOB.candidates) == ({THIRD: ["cleanup"]}, "")
    assert placed(JOB, *JOB.candidates) == ({FIRST: ["cleanup"]}, "")


def test_nothing_moves_off_an_owner_that_is_not_seen() -> None:
    known = Note(7, holders=(SECOND,))
    nothing, why = placed(JOB, THIRD, shows={FIRST: known})
    assert nothing == {}
    assert why.startswith(f"it may be on {SECOND}, not seen in this run, so {FIRST} does not get it")
    # Drained, or no candidate any more, it is given up.
    assert placed(JOB, THIRD, drained={SECOND}, shows={FIRST: known}) == ({FIRST: ["cleanup"]}, "")
    fewer = replace(JOB, candidates=JOB.candidates - {SECOND})
    assert placed(fewer, THIRD, shows={FIRST: known})[0].popitem()[1] == ["cleanup"]


def test_the_loser_is_seen_without_it_before_the_owner_gets_it() -> None:
    known = Note(7, holders=(SECOND,))
    reports = {host: Report() for host in JOB.candidates} | {SECOND: Report({"cleanup": "single"}, {"cleanup": known})}
    removing = plan([JOB], reports, (), 100)
    assert removing.holds == {FIRST: ["cleanup"], SECOND: [], THIRD: []}
    assert removing.writes == {FIRST: [], SECOND: [], THIRD: []}
    assert removing.notes["cleanup"] == Note(100, holders=tuple(sorted([FIRST, SECOND])))
    # The loser fails: nobody gets it.
    told = {host: Report({}, removing.notes) for host in (FIRST, THIRD)}
    failed = plan([JOB], told, (), 101)
    assert failed.writes[FIRST] == []
    assert SECOND in failed.waiting["cleanup"]
    # It is done.
    written = plan([JOB], {**told, SECOND: Report({}, removing.notes)}, (), 101)
    assert written.writes[FIRST] == ["cleanup"]
    assert written.notes["cleanup"] == Note(101, holders=(FIRST,))


def test_a_small_limit_places_nothing_new() -> None:
    nothing, why = placed(JOB, FIRST)
    assert nothing == {}
    assert "1 of its 3 candidates were seen in this run, which is not more than half" in why


def test_a_host_that_is_down_from_the_start_is_stood_in_for() -> None:
    written, why = placed(JOB, SECOND, THIRD)
    assert written == {SECOND: ["cleanup"]}
    assert why == f"it belongs on {FIRST}, not seen in this run; {SECOND} has it until then"


def test_what_is_not_listed_is_removed_and_remembered_until_its_holder_is_seen() -> None:
    known = Note(7, holders=(SECOND,))
    found = plan([], {FIRST: Report({}, {"old": known})}, (), 100)
    assert found.notes == {"old": known}
    assert found.waiting["old"].startswith(f"it is to be removed, but may still be on {SECOND}")
    # Drained, it runs nothing, unless it was there a moment ago.
    found = plan([], {FIRST: Report({}, {"old": known})}, {SECOND}, 100)
    assert (found.notes, found.waiting) == ({}, {})
    assert plan([], {FIRST: Report({}, {"old": known})}, {SECOND}, 100, {SECOND}).notes == {"old": known}
    found = plan([], {FIRST: Report({}, {"old": known}), SECOND: Report({"old": "single"})}, (), 100)
    assert (found.notes, found.holds, found.waiting) == ({"old": replace(known, turn=100)}, {FIRST: [], SECOND: []}, {})
    found = plan([], {FIRST: Report({}, {"old": known}), SECOND: Report({}, {"old": known})}, (), 101)
    assert (found.notes, found.holds, found.waiting) == ({}, {FIRST: [], SECOND: []}, {})


def test_a_holder_that_is_no_candidate_any_more_is_remembered_until_it_is_seen() -> None:
    known = Note(7, holders=(SECOND,))
    fewer = replace(JOB, candidates=JOB.candidates - {SECOND})
    told = {FIRST: Report({}, {"cleanup": known}), THIRD: Report({}, {"cleanup": known})}
    found = plan([fewer], told, (), 100)
    [owner] = [host for host, jobs in found.writes.items() if jobs]
    assert found.waiting["cleanup"] == f"it may still run on {SECOND}, no candidate and not seen in this run"
    assert found.notes["cleanup"] == Note(100, holders=tuple(sorted([owner, SECOND])))
    # The same in the next run, which changes nothing.
    written = {host: Report({"cleanup": "single"} if host == owner else {}, found.notes) for host in told}
    again = plan([fewer], written, (), 200)
    assert (again.notes, again.waiting) == (found.notes, found.waiting)
    # It is drained, or comes back and loses what it has.
    drained = plan([fewer], written, {SECOND}, 300)
    assert (drained.notes["cleanup"].holders, drained.waiting) == ((owner,), {})
    back = plan([fewer], {**written, SECOND: Report({"cleanup": "single"})}, (), 300)
    assert (back.holds[SECOND], back.holds[owner], back.waiting) == ([], ["cleanup"], {})
    # A candidate again, and still not seen: nobody else gets it.
    assert plan([JOB], told, (), 300).writes == {FIRST: [], THIRD: []}


def test_nobody_left() -> None:
    with pytest.raises(ScaleoutError, match="all its candidates are drained"):
        placed(JOB, FIRST, drained=set(JOB.candidates))
    with pytest.raises(ScaleoutError, match=f"its owner {FIRST} is drained"):
        placed(replace(JOB, owner=FIRST), SECOND, drained={FIRST})


@pytest.mark.parametrize(
    ("job", "drained"), [(JOB, set(JOB.candidates)), (replace(JOB, owner=FIRST), {FIRST})], ids=["all", "owner"]
)
def test_suspended_and_nobody_left(job: Job, drained: set[str]) -> None:
    """As the error says. Nothing is on a drained host, also when it rests."""
    known = Note(7, holders=(FIRST,))
    rests = replace(job, state="suspended")
    reports = {FIRST: Report({"cleanup": "single"}, {"cleanup": known}), SECOND: Report({}, {"cleanup": known})}
    found = plan([rests], reports, drained, 100)
    assert (found.holds, found.writes) == ({FIRST: [], SECOND: []},) * 2
    assert (found.notes, found.waiting) == ({"cleanup": replace(known, turn=100)}, {})
    after = plan([rests], {host: Report({}, found.notes) for host in reports}, drained, 101)
    assert (after.holds, after.notes, after.waiting) == ({FIRST: [], SECOND: []}, {}, {})
    # In service again, and resumed.
    assert plan([job], {host: Report() for host in JOB.candidates}, (), 102).writes[FIRST] == ["cleanup"]
