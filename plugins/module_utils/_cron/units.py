# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a job: units of systemd, and what they read; pure. Private to this collection."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from ansible_collections.scaleout.webapp.plugins.module_utils._cron.model import Store, Wanted
from ansible_collections.scaleout.webapp.plugins.module_utils._cron.schedule import (
    Schedule,
    on_calendar,
    shifted,
    window,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._placement.plan import shift

UNITS = PurePosixPath("/etc/systemd/system")
SETTINGS = PurePosixPath("/etc/scaleout-webapp/cron")
STORES = PurePosixPath("/etc/scaleout-webapp/cron-store")
STAMPS = PurePosixPath("/var/lib/systemd/timers")
MARK = re.compile(r"^\[X-Scaleout\]\nCronSet=(?P<set>.+)\nJob=(?P<job>.+)\nStrategy=(?P<strategy>.+)$", re.MULTILINE)
HEADER = "# Of scaleout.webapp.singleton_cron, which replaces or removes this file.\n"


@dataclass(frozen=True)
class File:
    """Secret ones are for root alone, and never shown."""

    text: str
    secret: bool = False


@dataclass(frozen=True)
class Names:
    """Where things of a job are."""

    set: str
    job: str

    @property
    def stem(self) -> str:
        return f"scaleout-cron-{self.set}.{self.job}"

    @property
    def service(self) -> str:
        return f"{self.stem}.service"

    @property
    def timer(self) -> str:
        return f"{self.stem}.timer"

    @property
    def paths(self) -> dict[str, str]:
        """All that there may be; the timer goes first and the service comes last when they are removed."""
        return {
            "timer": str(UNITS / self.timer),
            "env": str(SETTINGS / f"{self.set}.{self.job}.env"),
            "guard": str(SETTINGS / f"{self.set}.{self.job}.json"),
            "service": str(UNITS / self.service),
        }

    @property
    def stamp(self) -> str:
        """Where systemd notes when a timer that catches up was last due."""
        return str(STAMPS / f"stamp-{self.timer}")


def store_path(name: str) -> str:
    """The file of a set that tells guards where they meet."""
    return str(STORES / f"{name}.json")


def store_file(url: str) -> File:
    return File(json.dumps({"url": url}) + "\n", secret=True)


def files(job: Wanted, names: Names, host: str, zone: str, guard: str, store: Store) -> dict[str, File]:
    """What is to be on the host; paths and contents."""
    schedule = schedule_on(job, host)
    paths = names.paths
    found = {paths["service"]: File(_service(job, names, guard))}
    if schedule:
        found[paths["timer"]] = File(_timer(job, names, schedule, zone))
    if job.strategy == "lease" and schedule:
        found[paths["guard"]] = File(_settings(job, names, host, schedule, zone, store), secret=True)
    elif job.env:
        lines = [f"{name}={_in_quotes(value, '`$')}\n" for name, value in sorted(job.env.items())]
        found[paths["env"]] = File("".join(lines), secret=True)
    return found


def schedule_on(job: Wanted, host: str) -> Schedule | None:
    """The schedule of this host: of its own where the job is staggered."""
    if job.strategy != "staggered" or job.schedule is None:
        return job.schedule
    return shifted(job.schedule, shift(job.id, host, job.candidates, window(job.schedule)))


def _mark(job: Wanted, names: Names) -> str:
    return f"\n[X-Scaleout]\nCronSet={names.set}\nJob={job.id}\nStrategy={job.strategy}\n"


def _service(job: Wanted, names: Names, guard: str) -> str:
    lines = [f"{HEADER}[Unit]", f"Description=Scheduled job {job.id} of {names.set}"]
    if job.strategy == "lease":
        # When the machine is shut down the guard still reaches the store, to give back what it has not started.
        lines.append("After=network.target")
    lines += ["", "[Service]", "Type=oneshot"]
    lines.append(f"SyslogIdentifier=cron-{job.id}")
    if job.strategy == "lease":
        lines.append(f"ExecStart={guard} run {names.paths['guard']}")
        # The guard stops the job at its limit, and is given time to say so.
        lines.append("TimeoutStopSec=30")
        # Killed, it looks again: whether it had come to start the job stands on the disk.
        lines += ["Restart=on-abnormal", "RestartSec=1"]
    else:
        lines += [f"User={job.user}", "WorkingDirectory=-~"]
        if job.env:
            lines.append(f"EnvironmentFile={names.paths['env']}")
        lines.append(f"ExecStart=/bin/sh -c {_argument(job.command)}")
        lines.append("TimeoutStopSec=10")
        if job.time_limit:
            lines.append(f"TimeoutStartSec={job.time_limit}")
    if job.schedule is None:
        lines += ["", "[Install]", "WantedBy=multi-user.target"]
    return "\n".join(lines) + "\n" + _mark(job, names)


def _timer(job: Wanted, names: Names, schedule: Schedule, zone: str) -> str:
    lines = [f"{HEADER}[Unit]", f"Description=When {job.id} of {names.set} is due", "", "[Timer]"]
    lines += [f"OnCalendar={expression}" for expression in on_calendar(schedule, zone)]
    lines += ["AccuracySec=1s", f"Persistent={'true' if job.catch_up else 'false'}"]
    lines += ["", "[Install]", "WantedBy=timers.target"]
    return "\n".join(lines) + "\n" + _mark(job, names)


def _settings(job: Wanted, names: Names, host: str, schedule: Schedule, zone: str, store: Store) -> str:
    content = {
        "set": names.set,
        "id": job.id,
        "node": host,
        "command": job.command,
        "user": job.user,
        "env": dict(job.env),
        "schedule": {**schedule.data(), "zone": zone},
        "time_limit": job.time_limit,
        "retry": job.retry,
        "store_failure": job.store_failure,
        "store": store.path,
        "max_skew": store.max_skew,
        "store_wait": store.wait,
        "history_days": store.history_days,
        "lease_seconds": store.lease_seconds,
    }
    return json.dumps(content, indent=1, sort_keys=True) + "\n"


def _argument(text: str) -> str:
    """One argument of ExecStart=, in which systemd finds nothing to replace."""
    return _in_quotes(text.replace("%", "%%").replace("$", "$$"), "")


def _in_quotes(text: str, escaped: str) -> str:
    return '"' + re.sub(f'([\\\\"{re.escape(escaped)}])', r"\\\1", text) + '"'
