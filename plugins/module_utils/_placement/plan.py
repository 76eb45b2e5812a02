# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides which host has which job; touches nothing. Private to this collection.

A run works in phases, each planned from what the hosts showed after the one before: read, then remove from losers and
note on all hosts who may hold what, then write on owners. A host that fails in a phase is not among the reports of the
next, so what it may hold is not given to anybody else.

Of two runs at once each writes its notes on all hosts before it gives a job to one. A host takes nothing from a run
whose phase before saw other notes there, and a run that was late on one host while it removed gives no job to another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._placement.model import (
    ABSENT,
    SINGLE,
    SUSPENDED,
    Job,
    Note,
    Place,
    Plan,
    Report,
)


def ranked(job_id: str, hosts: Iterable[str]) -> list[str]:
    """The hosts by rendezvous hashing, the owner first.

    When a host joins or leaves, only the jobs move that it gets or had.
    """
    begun = hashlib.sha256(job_id.encode() + b"\0")

    def score(host: str) -> tuple[bytes, str]:
        hashed = begun.copy()
        hashed.update(host.encode())
        return hashed.digest(), host

    return sorted(hosts, key=score, reverse=True)


def shift(job_id: str, host: str, candidates: Collection[str], window: int) -> int:
    """By how many of `window` minutes a host runs a staggered job later.

    It is another number for each candidate, of whom there are no more than minutes.
    """
    return ranked(job_id, candidates).index(host) * window // len(candidates)


def plan(
    jobs: Iterable[Job], reports: Mapping[str, Report], drained: Collection[str], now: int, lost: Collection[str] = ()
) -> Plan:
    """Places all jobs. The list is complete: a job that is not in it is absent.

    `drained` hosts get no jobs, and one of them that cannot be seen is given up, unless it was `lost` in this very run.
    `now`, in seconds, numbers the turns.
    """
    newest = newest_notes(reports.values())
    shown: dict[str, dict[str, str]] = {}
    for host, report in reports.items():
        for job_id, strategy in report.shows.items():
            shown.setdefault(job_id, {})[host] = strategy

    wanted = {job.id: job for job in jobs}
    gone = {job_id: Job(job_id, state=ABSENT) for job_id in [*newest, *shown] if job_id not in wanted}
    found = Plan({host: [] for host in reports}, {host: [] for host in reports})
    for job in [*wanted.values(), *gone.values()]:
        place = _place(job, shown.get(job.id, {}), newest.get(job.id), reports.keys(), drained, lost, now)
        for host in place.holds:
            found.holds[host].append(job.id)
        for host in place.writes:
            found.writes[host].append(job.id)
        if place.note:
            found.notes[job.id] = place.note
        if place.waiting:
            found.waiting[job.id] = place.waiting
    return found


def newest_notes(reports: Iterable[Report]) -> dict[str, Note]:
    """What is known of each job."""
    newest: dict[str, Note] = {}
    for report in reports:
        for job_id, note in report.notes.items():
            if job_id not in newest or newest[job_id].turn < note.turn:
                newest[job_id] = note
    return newest


def moved(seen: Mapping[str, Note], there: Mapping[str, Note]) -> str:
    """A job that another run has moved since this host was seen, as its notes are not the same any more."""
    return min((job for job in {*seen, *there} if seen.get(job) != there.get(job)), default="")


def owners(jobs: Iterable[Job], drained: Collection[str] = ()) -> dict[str, str]:
    """Where jobs of the strategy single belong by what is declared."""
    single = (job for job in jobs if job.strategy == SINGLE and job.state != ABSENT)
    return {job.id: job.owner or ranked(job.id, job.candidates - set(drained))[0] for job in single}


def _place(
    job: Job,
    shown: Mapping[str, str],
    note: Note | None,
    seen: Collection[str],
    drained: Collection[str],
    lost: Collection[str],
    now: int,
) -> Place:
    if job.state == ABSENT:
        return _absent(shown, note, {*seen, *drained} - set(lost), now)
    eligible = (job.candidates | ({job.owner} if job.owner else set())) - set(drained)
    if not eligible or (job.owner and job.owner not in eligible):
        if job.state == SUSPENDED:
            # It rests, and drained hosts keep nothing.
            return _absent(shown, note, {*seen, *drained} - set(lost), now)
        what = f"its owner {job.owner} is" if job.owner else "all its candidates are"
        raise ScaleoutError(f"{what} drained", job.id, "name another, or suspend the job")
    noted = note.holders if note else ()
    unseen = {host for host in noted if host not in seen and (host in eligible or host in lost)}
    found = (_single if job.strategy == SINGLE else _on_all)(job, shown, note, seen, eligible, unseen, now)
    left = set(noted) - {*seen, *eligible, *drained, *unseen}
    return _remember(found, note, left, now) if note and left else found


def _remember(place: Place, note: Note, left: Collection[str], now: int) -> Place:
    """Holders that have left, and were not seen without it since. Nobody waits for them, but they are not forgotten."""
    found = place.note or note
    kept = _turn(note, found.strategy, {*found.holders, *left}, now)
    why = f"it may still run on {_names(left)}, no candidate and not seen in this run"
    return replace(place, note=kept, waiting="; ".join(text for text in (place.waiting, why) if text))


def _absent(shown: Mapping[str, str], note: Note | None, settled: Collection[str], now: int) -> Place:
    """Nobody keeps it. Those who know of it remember it until every holder has been seen, or is drained."""
    unseen = [host for host in (note.holders if note else ()) if host not in settled]
    if unseen:
        why = f"it is to be removed, but may still be on {_names(unseen)}, not seen in this run"
        return Place(frozenset(), frozenset(), note, why)
    return Place(frozenset(), frozenset(), _moves(note, now) if shown else None)


def _single(
    job: Job,
    strategies: Mapping[str, str],
    note: Note | None,
    seen: Collection[str],
    eligible: Collection[str],
    unseen: Collection[str],
    now: int,
) -> Place:
    """`unseen` are those that may hold it and cannot be seen."""
    shown = frozenset(strategies)
    order = [job.owner] if job.owner else ranked(job.id, eligible)
    target = _target(order, shown & set(eligible), unseen, seen, bool(job.owner))

    def stay(why: str) -> Place:
        kept = note or (Note(now, SINGLE, tuple(sorted(shown))) if shown else None)
        return Place(shown, _alike(job, strategies), kept, why)

    if target in unseen:
        return stay(f"it is with {target}, not seen in this run{_and_stays(shown)}")
    if unseen:
        return stay(
            f"it may be on {_names(unseen)}, not seen in this run, so {target or order[0]} does not get it: "
            "run again when Ansible reaches that host, or drain it"
        )
    if not target:
        return stay(f"it belongs on {order[0]}, not seen in this run{_and_stays(shown)}")
    if target not in shown and _may_be_unknown(job, seen, eligible):
        return stay(f"{_too_few(job, seen)}, so {target} does not get it yet{_and_stays(shown)}")
    moved = frozenset([target])
    away = "" if target == order[0] else f"it belongs on {order[0]}, not seen in this run; {target} has it until then"
    return Place(moved, moved if shown <= moved else frozenset(), _turn(note, SINGLE, shown | moved, now), away)


def _target(
    order: list[str], shown: frozenset[str], unseen: Collection[str], seen: Collection[str], explicit: bool
) -> str:
    """Who is to have it: the first of the order, or whoever stands in for it while it cannot be seen; or nobody."""
    first = order[0]
    if first in seen or first in unseen:
        return first
    stays = next((host for host in order if host in shown), "") or (min(shown) if shown else "")
    return stays or ("" if explicit else next((host for host in order if host in seen), ""))


def _on_all(
    job: Job,
    shown: Mapping[str, str],
    note: Note | None,
    seen: Collection[str],
    eligible: Collection[str],
    unseen: Collection[str],
    now: int,
) -> Place:
    """Every candidate has it. What runs without regard to the others is removed before that."""
    if unseen and note and note.strategy == SINGLE:
        why = f"it was on {_names(unseen)} alone, not seen in this run, so no other host gets it"
        return Place(frozenset(shown), _alike(job, shown), note, why)
    if job.strategy not in shown.values() and _may_be_unknown(job, seen, eligible):
        why = f"{_too_few(job, seen)}, so nobody else gets it yet{_and_stays(shown)}"
        return Place(frozenset(shown), _alike(job, shown), note, why)
    here = frozenset(host for host in eligible if host in seen)
    others = {host for host, strategy in shown.items() if strategy != job.strategy}
    if others:
        return Place(here - others, frozenset(), _moves(note, now))
    return Place(here, here, _turn(note, job.strategy, eligible, now))


def _may_be_unknown(job: Job, seen: Collection[str], eligible: Collection[str]) -> bool:
    """Whether it may be with somebody of whom no host of this run knows.

    Whoever was given it in an earlier run is known to more than half of the candidates, or to all that count.
    """
    answered = sum(host in seen for host in job.candidates)
    return 2 * answered <= len(job.candidates) and not all(host in seen for host in eligible)


def _too_few(job: Job, seen: Collection[str]) -> str:
    answered = sum(host in seen for host in job.candidates)
    return f"{answered} of its {len(job.candidates)} candidates were seen in this run, which is not more than half"


def _alike(job: Job, shown: Mapping[str, str]) -> frozenset[str]:
    """Who has it already as it is to be, so that only its details may differ."""
    return frozenset(host for host, strategy in shown.items() if strategy == job.strategy)


def _turn(note: Note | None, strategy: str, holders: Iterable[str], now: int) -> Note:
    names = tuple(sorted(holders))
    if note and (note.strategy, note.holders) == (strategy, names):
        return note
    return Note(max(now, note.turn + 1) if note else now, strategy, names)


def _moves(note: Note | None, now: int) -> Note | None:
    """The same holders, until they are seen without it; a turn all the same, so that another run notices."""
    return replace(note, turn=max(now, note.turn + 1)) if note else None


def _and_stays(shown: Collection[str]) -> str:
    return f"; it stays on {_names(shown)}" if shown else ""


def _names(hosts: Iterable[str]) -> str:
    return ", ".join(sorted(hosts))
