# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scheduled jobs of an app, as the role singleton_cron takes them. Private to this collection."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.scaleout.webapp.plugins.module_utils._cron.schedule import FIELDS, parse, too_many
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.model import App
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.references import OF_INSTANCE, References
from ansible_collections.scaleout.webapp.plugins.plugin_utils._schema import Place, Problems

# User and database where guards meet. An app of that name would have the same secret, which the plan refuses.
LEASES = "cron_leases"


def plan_jobs(
    app: App, references: References, config_dir: str, mongodb: bool, problems: Problems
) -> list[dict[str, Any]]:
    """Those of the profile and those of the inventory. `cron` is what singleton_cron takes."""
    layers = ((Place(app.profile.source), app.profile.data["jobs"]), (app.place, app.declared["jobs"]))
    found, names = [], set()
    for place, jobs in layers:
        for at, job in enumerate(jobs):
            here = place / "jobs" / at
            if job["name"] in names:
                problems.add(f"{job['name']} is there twice", here, "give each job a name of its own")
            names.add(job["name"])
            for what, key, fix in _wrong(app, job, mongodb):
                problems.add(what, here / key, fix)
            found.append(
                {
                    "name": job["name"],
                    "schedule": job["schedule"],
                    "strategy": job["strategy"],
                    "cron": _cron(app, job, _command(app, references, job, config_dir, here, problems)),
                }
            )
    return found


def leases(apps: Sequence[App]) -> list[str]:
    """The hosts whose guards meet in the store."""
    hosts = [host.name for app in apps if _has_leases(app) for host in app.hosts]
    return list(dict.fromkeys(hosts))


def _has_leases(app: App) -> bool:
    return any(job["strategy"] == "lease" for job in (*app.profile.data["jobs"], *app.declared["jobs"]))


def _wrong(app: App, job: Mapping[str, Any], mongodb: bool) -> Iterator[tuple[str, str, str]]:
    hosts = [host.name for host in app.hosts]
    try:
        schedule = parse(dict(zip(FIELDS, job["schedule"].split())), "schedule")
        if job["strategy"] == "staggered" and too_many(hosts, schedule):
            yield (
                "its schedule has fewer minutes than candidates",
                "schedule",
                "let it run less often, or on fewer hosts",
            )
    except ScaleoutError as error:
        yield error.what, "schedule", error.fix
    if job["owner"] is not None and job["owner"] not in hosts:
        yield f"{job['owner']} does not run {app.name}", "owner", f"name one of {', '.join(hosts)}"
    if job["owner"] is not None and job["strategy"] != "single":
        yield f"a job of strategy {job['strategy']} has no owner", "owner", "take it away"
    if job["retry"] and job["strategy"] != "lease":
        yield "only a job of strategy lease can be started again elsewhere", "retry", "take it away"
    if job["strategy"] == "lease" and not mongodb:
        fix = "put hosts into the group mongodb, or use strategy single"
        yield "needs MongoDB, where the guards of the hosts meet", "strategy", fix


def _command(
    app: App, references: References, job: Mapping[str, Any], config_dir: str, here: Place, problems: Problems
) -> str:
    """In the release that is there when it is due, with the environment of the app, whose file sh can read too."""
    own = re.search(r"\$\{(" + "|".join(map(re.escape, OF_INSTANCE)) + r")\}", job["command"])
    if own:
        remedy = "take it out: a job runs in the release that is there when it is due, with the environment of the app"
        problems.add(f"has ${{{own[1]}}}, which a job does not know", here / "command", remedy)
        return ""
    command = references.command(job["command"], here / "command", ())
    try:
        words = shlex.split(command)
    except ValueError as error:
        problems.add(f"cannot be read as a command ({error})", here / "command", "close the quotes")
        words = []
    line = " ".join(shlex.quote(word) for word in words)
    return f"set -a; . {config_dir}/environment; cd {app.root}/current && exec {line}"


def _cron(app: App, job: Mapping[str, Any], command: str) -> dict[str, Any]:
    fields = dict(zip(FIELDS, job["schedule"].split()))
    chosen = {"owner": job["owner"]} if job["owner"] is not None else {}
    if job["strategy"] == "lease":
        chosen = {"retry": job["retry"], "store_failure": job["store_failure"]}
    return {
        "id": job["name"],
        "job": command,
        **fields,
        "user": app.name,
        "strategy": job["strategy"],
        "candidates": [host.name for host in app.hosts],
        "time_limit": job["time_limit"],
        "catch_up": job["catch_up"],
        **chosen,
    }
