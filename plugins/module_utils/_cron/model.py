# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scheduled job as it is given, and what of it is on a host. Private to this collection."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.scaleout.webapp.plugins.module_utils._cron.schedule import (
    FIELDS,
    Schedule,
    parse,
    special,
    too_many,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._placement.model import ABSENT, Job

REBOOT = "reboot"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
USER = re.compile(r"[a-z_][a-z0-9_.-]*\$?")
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True)
class Wanted:
    """One job. Without a schedule it runs when a host has started."""

    id: str
    command: str
    schedule: Schedule | None
    user: str = "root"
    env: Mapping[str, str] = field(default_factory=dict)
    strategy: str = "single"
    state: str = "present"
    candidates: Sequence[str] = ()
    owner: str = ""
    time_limit: int = 0
    catch_up: bool = False
    retry: bool = False
    store_failure: str = ""

    def to_place(self) -> Job:
        return Job(self.id, self.strategy, self.state, frozenset(self.candidates), self.owner)


@dataclass(frozen=True)
class Store:
    """Where guards meet, by the file `path`. Raises for numbers that let no job run."""

    path: str
    max_skew: int = 90
    wait: int = 60
    history_days: int = 30
    lease_seconds: int = 20

    def __post_init__(self) -> None:
        for name, value, least, why in (
            ("max_skew", self.max_skew, 0, "clocks differ by no less than nothing"),
            ("store_wait", self.wait, 0, "0 asks once"),
            ("history_days", self.history_days, 1, "a run that is not remembered could be started twice"),
            ("lease_seconds", self.lease_seconds, 5, "a store needs time to answer before a host is taken for dead"),
        ):
            if value < least:
                raise ScaleoutError(f"{value} is too little", name, f"use {least} or more: {why}")


def read_jobs(given: Sequence[Mapping[str, Any]]) -> list[Wanted]:
    """Jobs as options of a task, checked; the first thing that is wrong is raised."""
    jobs = [_read(job, at) for at, job in enumerate(given, 1)]
    ids = [job.id for job in jobs]
    twice = sorted({job_id for job_id in ids if ids.count(job_id) > 1}) if len(set(ids)) < len(ids) else []
    if twice:
        raise ScaleoutError(f"two jobs have the id {', '.join(twice)}", "jobs", "give each an id of its own")
    return jobs


def _read(given: Mapping[str, Any], at: int) -> Wanted:
    job_id = str(given.get("id") or "")
    # Never the job, which may have secrets.
    where = f"job {job_id}" if job_id else f"job {at} of the list"
    if not NAME.fullmatch(job_id):
        raise ScaleoutError(
            "its id cannot be used", where, "small letters, digits, dashes and underscores, at most 63, are possible"
        )
    state, strategy = given.get("state") or "present", given.get("strategy") or "single"
    if state == ABSENT:
        return Wanted(job_id, "", None, state=ABSENT)
    env = {str(name): str(value) for part in ("env", "secret_env") for name, value in (given.get(part) or {}).items()}
    found = Wanted(
        id=job_id,
        command=str(given.get("job") or "").strip(),
        schedule=_schedule(given, where),
        user=given.get("user") or "root",
        env=env,
        strategy=strategy,
        state=state,
        candidates=tuple(given.get("candidates") or ()),
        owner=given.get("owner") or "",
        time_limit=int(given.get("time_limit") or 0),
        catch_up=bool(given.get("catch_up")),
        retry=bool(given.get("retry")),
        store_failure=given.get("store_failure") or "",
    )
    for wrong, what, fix in _rules(found):
        if wrong:
            raise ScaleoutError(what, where, fix)
    return found


def _schedule(given: Mapping[str, Any], where: str) -> Schedule | None:
    fields = {name: str(given.get(name, "*")) for name in FIELDS}
    chosen = given.get("special_time")
    if not chosen:
        return parse(fields, where)
    if set(fields.values()) != {"*"}:
        raise ScaleoutError(f"special_time is {chosen}, and there are fields of a schedule too", where, "keep one")
    return None if chosen == REBOOT else special(chosen)


def _rules(job: Wanted) -> list[tuple[bool, str, str]]:
    lease = job.strategy == "lease"
    bad = sorted(name for name in job.env if not VARIABLE.fullmatch(name))
    broken = sorted(name for name, value in job.env.items() if CONTROL.search(value))
    return [
        (not job.command, "it has no command", "set job"),
        (bool(CONTROL.search(job.command)), "its command has more than one line", "put it into a script"),
        (not job.candidates, "no host may run it", "name its candidates"),
        (bool(job.owner) and job.strategy != "single", f"a job of strategy {job.strategy} has no owner", "drop owner"),
        (
            job.strategy == "staggered" and job.schedule is not None and too_many(job.candidates, job.schedule),
            "its schedule has fewer minutes than candidates",
            "let it run less often, or on fewer hosts",
        ),
        (not USER.fullmatch(job.user), f"{job.user!r} is no name of a user", "set user"),
        (bool(bad), f"these are no names of variables: {', '.join(bad)}", "letters, digits and underscores serve"),
        (bool(broken), f"these variables have more than one line: {', '.join(broken)}", "put them into a file"),
        (job.time_limit < 0, "its time_limit is negative", "0 is none"),
        (
            lease and job.schedule is None,
            "every start of a host is another time, which no two hosts share, so no lease can be taken on it",
            "use strategy single or staggered for reboot",
        ),
        (
            lease and not job.store_failure,
            "it does not say what to do when the store is down",
            "set store_failure to skip (rather not at all) or run (rather on several hosts)",
        ),
        (job.retry and not lease, "only a job of strategy lease can be started again elsewhere", "drop retry"),
    ]
