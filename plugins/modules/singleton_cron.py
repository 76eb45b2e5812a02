#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scheduled jobs of one host. The role singleton_cron calls it in phases, so that losers go before owners."""

from __future__ import annotations

DOCUMENTATION = r"""
module: singleton_cron
short_description: Scheduled jobs that run on exactly one host, at different times, or behind a guard
version_added: 0.1.0
description:
  - Makes the scheduled jobs of a set be on this host as they should, one call for any number of them, as timers of systemd.
  - Timers and not F(/etc/cron.d), because only a timer has a time zone of its own, can start a job while systemd keeps the output, exit code and
    run time of the last one, replaces or loses its schedule without touching a job that runs, and never starts a job beside itself. Cron fields are
    converted exactly, including cron's rule that one of O(jobs[].day) and O(jobs[].weekday) is enough where both are restricted. Hosts need systemd.
  - A job is known by O(jobs[].id). Whatever else of it changes, the same timer is replaced. The list is complete, others of the set are removed.
  - Units that do not say that they belong to the set are never changed or removed. When a name is taken by such a unit, the module fails.
  - A job that runs is left to its end, also when it is changed, moved, suspended or removed.
  - By itself, with O(phase=all), the module puts each job where its declaration says, without a look at other hosts. The role
    P(scaleout.webapp.singleton_cron#role) uses the other phases to clean the losers before the owner gets a job, and moves nothing off a host
    that it cannot see.
options:
  name:
    description: Name of the set of jobs. Sets do not see each other.
    type: str
    default: webapp
  host:
    description: Name of this host, as in O(jobs[].candidates).
    type: str
    required: true
  jobs:
    description: The jobs. All of the set, or, with O(phase=write), those that O(ids) names, and with O(phase=read) those that this host may be given.
    type: list
    elements: dict
    default: []
    suboptions:
      id:
        description: What the job is known by, of small letters, digits, C(-) and C(_).
        type: str
        required: true
      job:
        description:
          - The command, for C(/bin/sh). A C(%) is nothing special, unlike in a crontab. Everybody on the host can read it.
          - Not needed with O(jobs[].state=absent).
        type: str
      minute:
        description: Minute as in a crontab, such as V(17), V(*/15) or V(0-29/5,45).
        type: str
        default: "*"
      hour:
        description: Hour as in a crontab.
        type: str
        default: "*"
      day:
        description: Day of the month as in a crontab.
        type: str
        default: "*"
      month:
        description: Month as in a crontab, V(1) to V(12) or V(jan) to V(dec).
        type: str
        default: "*"
      weekday:
        description: Day of the week as in a crontab, V(0) to V(7) or V(sun) to V(sat).
        type: str
        default: "*"
      special_time:
        description: In place of the five fields. V(reboot) is when a host has started, and cannot be had with O(jobs[].strategy=lease).
        type: str
        choices: [annually, daily, hourly, monthly, reboot, weekly, yearly]
      user:
        description: Who runs it.
        type: str
        default: root
      env:
        description: Variables for the job.
        type: dict
        default: {}
      strategy:
        description:
          - V(single) is on one host, O(jobs[].owner) or the one that rendezvous hashing chooses among O(jobs[].candidates).
          - V(staggered) is on all candidates, on each at other minutes of the same hour.
          - V(lease) is on all candidates behind a guard, which lets one of them start it, keyed by the scheduled time. Needs O(store_url).
        type: str
        choices: [single, staggered, lease]
        default: single
      state:
        description: V(suspended) keeps everything in its place, and starts nothing.
        type: str
        choices: [present, suspended, absent]
        default: present
      candidates:
        description: Hosts that may run it. Their order does not matter.
        type: list
        elements: str
        default: []
      owner:
        description: The host that runs it. Wins over the hash.
        type: str
      time_limit:
        description: Seconds after which the job is stopped with everything that it started. V(0) is none.
        type: int
        default: 0
      catch_up:
        description:
          - Whether a host that was down when the job was due runs it once when it is up again.
          - Of a job that was suspended, or is new on the host, nothing is caught up.
        type: bool
        default: false
      retry:
        description:
          - With O(jobs[].strategy=lease), whether the job is started again when the host that ran it dies or stops it half-way. Only for a job
            that does no harm when it is done one and a half times.
          - Without it the run is recorded as lost, and with it after ten attempts.
        type: bool
        default: false
      store_failure:
        description:
          - What a guard does when the store does not answer for O(store_wait) seconds. V(skip) does not start the job, V(run) does, on
            every host that cannot ask.
          - Required with O(jobs[].strategy=lease).
        type: str
        choices: [skip, run]
  secret_env:
    description:
      - By O(jobs[].id), variables for the job that are never shown. On the host only root can read them, and of course the job.
      - Not an option of each job, as Ansible notes O(jobs) in the journal of the host.
    type: dict
    default: {}
  timezone:
    description:
      - Time zone of all schedules. In one with summer time, what falls into the hour that is skipped does not run, and the repeated hour
        runs once.
    type: str
    default: UTC
  phase:
    description:
      - V(read) only reports, and fails where this host cannot have O(jobs), as a user, the time zone or the guard is missing, the store is
        refused, or a unit of that name is somebody else's.
      - V(remove) removes the jobs that O(ids) does not name, and writes O(notes).
      - V(write) writes the jobs that O(ids) names, and O(notes).
      - V(all) removes and writes by what is declared.
    type: str
    choices: [all, read, remove, write]
    default: all
  ids:
    description: Jobs that stay, or are written, from P(scaleout.webapp.cron_placement#filter).
    type: list
    elements: str
    default: []
  notes:
    description: Who may hold which job, from P(scaleout.webapp.cron_placement#filter).
    type: dict
    default: {}
  seen:
    description:
      - The C(notes) of RV(report) of the phase before. The module fails, and changes nothing, when the host has others, as another run has
        moved a job since. Not looked at in check mode, or without this option.
    type: dict
  store_url:
    description:
      - Where guards meet. V(mongodb://), V(mysql://) (MariaDB) and V(postgresql://) keep the promise of O(jobs[].strategy=lease), the last
        two as long as no replica takes over that may miss what was committed.
      - V(redis://) with an append-only file is best effort. It may forget the last second when its machine dies.
      - A store that forgets on a restart is refused.
    type: str
  store_wait:
    description: Seconds that a guard waits for a store that does not answer. V(0) asks once.
    type: int
    default: 60
  max_skew:
    description: Seconds that the clock of a host may differ from that of the store. A guard on a host with more starts nothing, and fails.
    type: int
    default: 90
  lease_seconds:
    description: Seconds without a sign of life after which the other guards take a host for dead, at least V(5).
    type: int
    default: 20
  history_days:
    description: Days for which runs are remembered in the store, at least V(1).
    type: int
    default: 30
  guard:
    description: The program of the guard on the host. The role brings it.
    type: path
    default: /usr/local/lib/scaleout-webapp/cron-guard
attributes:
  check_mode:
    description: A missing user or time zone and a refused store are warnings. Without the guard they are not looked at.
    support: full
  diff_mode:
    description: Shows units. Of files with variables only that they differ.
    support: full
extends_documentation_fragment: [scaleout.webapp.failure]
author:
  - The scaleout.webapp builders (@scaleout)
"""

EXAMPLES = r"""
- name: Nightly cleanup on one of the application's hosts, warming the cache on each at other minutes
  scaleout.webapp.singleton_cron:
    host: "{{ inventory_hostname }}"
    jobs:
      - id: cleanup
        minute: "17"
        hour: "3"
        user: www
        job: /opt/webapp/www/current/bin/cleanup
        candidates: "{{ groups.app }}"
      - id: warm-cache
        minute: "*/30"
        user: www
        job: /opt/webapp/www/current/bin/warm
        strategy: staggered
        candidates: "{{ groups.app }}"

- name: See what ran
  scaleout.webapp.singleton_cron:
    host: "{{ inventory_hostname }}"
    phase: read
  register: jobs
"""

RETURN = r"""
name:
  description: Name of the set of jobs.
  returned: success
  type: str
report:
  description: What is on the host now, or would be in check mode, as P(scaleout.webapp.cron_placement#filter) wants it.
  returned: success
  type: dict
  sample:
    shows: {cleanup: lease}
    notes: {cleanup: {turn: 1767225600, strategy: lease, holders: [app1, app2]}}
    store: mysql at db1.example.com/cron
moved:
  description: Name of the set, of which another run has moved a job since O(seen).
  returned: failure for this reason
  type: str
removed:
  description: Jobs that were removed.
  returned: success
  type: list
  elements: str
written:
  description: Jobs of which something was written, started or stopped.
  returned: success
  type: list
  elements: str
running:
  description: Jobs of the set that run on this host right now, also some that were removed from it in this call.
  returned: success
  type: list
  elements: str
last:
  description:
    - The last run of each job on this host, since the host started, times in seconds since 1970. Of jobs behind a guard, the guard's own
      C(cron-guard history) tells more.
  returned: success
  type: dict
  sample: {cleanup: {running: false, started: 1767225600, ended: 1767225613, exit_code: 0, result: success, next: 1767312000}}
"""

import json
import pwd
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scaleout.webapp.plugins.module_utils._cron.client import (
    Change,
    Client,
    Late,
    last_runs,
    read_notes,
    show_notes,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._cron.meeting import store_mark
from ansible_collections.scaleout.webapp.plugins.module_utils._cron.model import NAME, Store, Wanted, read_jobs
from ansible_collections.scaleout.webapp.plugins.module_utils._cron.units import Names, files, store_file, store_path
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._placement.plan import owners

ZONES = Path("/usr/share/zoneinfo")
REFUSED = 78
Ask = Callable[[list, str], tuple]  # Python 3.8 evaluates this line: no list[str] here.
FIELD = {"type": "str", "default": "*"}


def see_that_it_can_run(wanted: list[Wanted], params: dict[str, Any]) -> None:
    """What a job needs of the host."""
    if wanted and params["timezone"] != "UTC" and not (ZONES / params["timezone"]).is_file():
        raise ScaleoutError(
            f"this host does not know the time zone {params['timezone']}", "timezone", "install tzdata, or use UTC"
        )
    for job in wanted:
        try:
            pwd.getpwnam(job.user)
        except KeyError:
            raise ScaleoutError(f"there is no user {job.user}", f"job {job.id}", "make it first") from None
    if any(job.strategy == "lease" for job in wanted) and not Path(params["guard"]).is_file():
        raise ScaleoutError("the guard is not there", params["guard"], "use the role singleton_cron, which brings it")


def with_secrets(jobs: list[dict[str, Any]], secrets: dict[str, Any]) -> list[dict[str, Any]]:
    """Jobs with the variables that came apart from them."""
    strangers = sorted(secrets.keys() - {job["id"] for job in jobs})
    if strangers:
        raise ScaleoutError(f"there is no job {', '.join(strangers)}", "secret_env", "name ids of jobs")
    return [{**job, "secret_env": secrets.get(job["id"])} for job in jobs]


class Turn:
    """One call of the module."""

    def __init__(self, params: dict[str, Any], client: Client, ask: Ask, check: bool) -> None:
        self.params = params
        self.client = client
        self.ask = ask
        self.warnings: list[str] = []
        self.check = check
        self.phase = params["phase"]
        if not NAME.fullmatch(params["name"]):
            raise ScaleoutError(f"the set cannot be called {params['name']!r}", "name", "use an id such as webapp")
        self.jobs = read_jobs(with_secrets(params["jobs"], params["secret_env"]))
        self.store = Store(
            store_path(params["name"]),
            params["max_skew"],
            params["store_wait"],
            params["history_days"],
            params["lease_seconds"],
        )
        self.diff: list[dict[str, str]] = []
        self.written: list[str] = []
        self.changed = False

    def result(self) -> dict[str, Any]:
        """Another run that would change the same waits until this one is through with the host."""
        with nullcontext() if self.check or self.phase == "read" else self.client.alone():
            return self._result()

    def _result(self) -> dict[str, Any]:
        given = read_notes(self.params["notes"])
        if self.params["seen"] is not None and not self.check:
            self.client.see_that_nobody_moved(read_notes(self.params["seen"]))
        report = self.client.report()
        shows, notes = dict(report.shows), dict(report.notes)
        stays, writes = self.ids()
        gone = [job for job in shows if job not in stays] if self.phase in ("remove", "all") else []
        known = sorted({*shows, *writes})
        if self.phase == "read":
            writes = {job.id for job in self.jobs if self.params["host"] in (job.owner, *job.candidates)}
        wanted = [job for job in self.jobs if job.id in writes and job.state != "absent"]
        change = self.look(wanted)
        if gone:
            self.apply(self.client.to_remove(gone))
            shows = {job: strategy for job, strategy in shows.items() if job in stays}
        if self.phase in ("write", "all"):
            self.write(wanted, change)
            shows.update({job.id: job.strategy for job in wanted})
            if "lease" not in shows.values():
                # A password that no guard here needs any more.
                self.apply(self.client.to_write_store(self.store.path, None))
        if self.phase in ("remove", "write"):
            self.note(given, notes)
            notes = given
        states = self.client.states(known)
        running = [job for job, last in last_runs(states, known, self.client.name).items() if last["running"]]
        return {
            "changed": self.changed,
            "name": self.client.name,
            "report": {"shows": shows, "notes": show_notes(notes), "store": self.store_in_use()},
            "removed": gone,
            "written": self.written,
            "running": running,
            "last": last_runs(states, sorted(shows), self.client.name),
            "diff": self.diff,
        }

    def store_in_use(self) -> str:
        """Which one guards of this host use, without login; nothing where there is none, or only root may know."""
        try:
            return store_mark(json.loads(self.client.place(self.store.path).read_text(encoding="utf-8"))["url"])
        except (FileNotFoundError, PermissionError, ValueError, KeyError, TypeError):
            return ""

    def ids(self) -> tuple[set[str], set[str]]:
        """Which jobs stay, and which are written."""
        if self.phase != "all":
            return set(self.params["ids"]), set(self.params["ids"])
        single = owners([job.to_place() for job in self.jobs])
        here = {
            job.id
            for job in self.jobs
            if job.state != "absent"
            and self.params["host"] in (single.get(job.id), *job.candidates)
            and single.get(job.id, self.params["host"]) == self.params["host"]
        }
        return here, here

    def apply(self, change: Change) -> None:
        self.changed = self.changed or bool(change)
        self.diff += change.shown()
        if change and not self.check:
            self.client.apply(change)

    def look(self, wanted: list[Wanted]) -> Change:
        """What is to change for these jobs, but for the store. Raises where the host cannot have them.

        It comes before all changes: a job that is taken from its loser first, and refused then, runs nowhere.
        """
        names = {job.id: Names(self.client.name, job.id) for job in wanted}
        host, zone, guard = (self.params[name] for name in ("host", "timezone", "guard"))
        change = self.client.to_write(
            {job.id: (job, files(job, names[job.id], host, zone, guard, self.store)) for job in wanted}
        )
        guarded = [job.id for job in wanted if job.strategy == "lease"]
        if guarded and not self.params["store_url"]:
            raise ScaleoutError(f"{guarded[0]} needs a store for its leases", "store_url", "set it")
        if self.check and guarded and not Path(guard).is_file():
            # The role brings it in this run, and with it what else is missing.
            return change
        try:
            see_that_it_can_run(wanted, self.params)
            if guarded:
                self.see_store(guarded[0])
        except ScaleoutError as error:
            if not self.check:
                raise
            # A task before this one may bring it.
            self.warnings.append(str(error))
        return change

    def see_store(self, job: str) -> None:
        """Whether it keeps the promise. One that does not answer may do so later."""
        # The URL is on no disk, and guards use the one that they have, until the store is known to serve.
        look = ["--look"] if self.check else []
        asked = [self.params["guard"], "check", "/dev/stdin", *look]
        code, said = self.ask(asked, store_file(self.params["store_url"]).text)
        if code == REFUSED:
            raise ScaleoutError(said.strip(), "store_url", f"{job} needs one that remembers who started what")
        if code:
            self.warnings.append(said.strip())

    def write(self, wanted: list[Wanted], change: Change) -> None:
        """The store before the jobs that need it."""
        if any(job.strategy == "lease" for job in wanted):
            self.apply(self.client.to_write_store(self.store.path, store_file(self.params["store_url"])))
        self.written = [job.id for job in wanted if change.touches(Names(self.client.name, job.id))]
        self.apply(change)

    def note(self, given: dict[str, Any], there: dict[str, Any]) -> None:
        if given == there:
            return
        self.changed = True
        for job in sorted({*given, *there}):
            texts = [", ".join(notes[job].holders) + "\n" if job in notes else "" for notes in (there, given)]
            if texts[0] != texts[1]:
                header = f"who may hold {job}"
                self.diff.append(
                    {"before_header": header, "after_header": header, "before": texts[0], "after": texts[1]}
                )
        if not self.check:
            self.client.write_notes(given)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "default": "webapp"},
            "host": {"type": "str", "required": True},
            "jobs": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "id": {"type": "str", "required": True},
                    "job": {"type": "str"},
                    "minute": FIELD,
                    "hour": FIELD,
                    "day": FIELD,
                    "month": FIELD,
                    "weekday": FIELD,
                    "special_time": {
                        "type": "str",
                        "choices": ["annually", "daily", "hourly", "monthly", "reboot", "weekly", "yearly"],
                    },
                    "user": {"type": "str", "default": "root"},
                    "env": {"type": "dict", "default": {}},
                    "strategy": {"type": "str", "choices": ["single", "staggered", "lease"], "default": "single"},
                    "state": {"type": "str", "choices": ["present", "suspended", "absent"], "default": "present"},
                    "candidates": {"type": "list", "elements": "str", "default": []},
                    "owner": {"type": "str"},
                    "time_limit": {"type": "int", "default": 0},
                    "catch_up": {"type": "bool", "default": False},
                    "retry": {"type": "bool", "default": False},
                    "store_failure": {"type": "str", "choices": ["skip", "run"]},
                },
            },
            "secret_env": {"type": "dict", "default": {}, "no_log": True},
            "timezone": {"type": "str", "default": "UTC"},
            "phase": {"type": "str", "choices": ["all", "read", "remove", "write"], "default": "all"},
            "ids": {"type": "list", "elements": "str", "default": []},
            "notes": {"type": "dict", "default": {}},
            "seen": {"type": "dict"},
            "store_url": {"type": "str", "no_log": True},
            "store_wait": {"type": "int", "default": 60},
            "max_skew": {"type": "int", "default": 90},
            "history_days": {"type": "int", "default": 30},
            "lease_seconds": {"type": "int", "default": 20},
            "guard": {"type": "path", "default": "/usr/local/lib/scaleout-webapp/cron-guard"},
        },
        supports_check_mode=True,
    )

    def run(argv: list[str]) -> str:
        # Times are read as UTC, and names of days in English.
        code, out, err = module.run_command(argv, environ_update={"TZ": "UTC", "LC_ALL": "C"})
        if code != 0:
            raise ScaleoutError(err.strip() or f"ended with {code}", " ".join(argv))
        return str(out)

    def ask(argv: list[str], told: str) -> tuple[int, str]:
        code, out, err = module.run_command(argv, data=told)
        return code, out + err

    try:
        turn = Turn(module.params, Client(module.params["name"], run), ask, module.check_mode)
        result = turn.result()
    except Late as error:
        module.fail_json(msg=str(error), moved=module.params["name"], **error.data())
    except ScaleoutError as error:
        module.fail_json(msg=str(error), **error.data())
    except OSError as error:
        module.fail_json(msg=f"cannot look at the jobs of this host, or change them: {error}")
    for warning in turn.warnings:
        module.warn(warning)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
