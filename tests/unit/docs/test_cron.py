# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example of the guide to scheduled jobs is one that the role takes."""

from __future__ import annotations

import textwrap
from pathlib import Path

import yaml
from ansible_collections.scaleout.webapp.plugins.filter.cron_placement import cron_placement
from ansible_collections.scaleout.webapp.plugins.module_utils._cron.model import read_jobs
from ansible_collections.scaleout.webapp.plugins.module_utils._cron.schedule import on_calendar
from ansible_collections.scaleout.webapp.plugins.module_utils._cron.units import schedule_on

TOP = Path(__file__).resolve().parents[3]
HOSTS = ["app1", "app2"]


def test_the_jobs_of_mosparo() -> None:
    guide = (TOP / "docs" / "cron.md").read_text(encoding="utf-8")
    block = guide[guide.index("    # group_vars/all/cron.yml\n") :].partition("\n\n")[0]
    given = yaml.safe_load(textwrap.dedent(block))
    spec = yaml.safe_load((TOP / "roles/singleton_cron/meta/argument_specs.yml").read_text())["argument_specs"]["main"]
    assert set(given) <= set(spec["options"])
    assert {key for job in given["singleton_cron_jobs"] for key in job} <= set(
        spec["options"]["singleton_cron_jobs"]["options"]
    )
    jobs = [{**job, "candidates": HOSTS} for job in given["singleton_cron_jobs"]]
    zone = given["singleton_cron_timezone"]
    when = {
        job.id: [on_calendar(found, zone) for host in HOSTS if (found := schedule_on(job, host))]
        for job in read_jobs(jobs)
    }
    assert when["mosparo-cleanup"] == [["*-*-* 00,02,04,06,08,10,12,14,16,18,20,22:13:00 Europe/Zurich"]] * 2
    assert when["mosparo-rules"] == [["*-*-* 03:36:00 Europe/Zurich"]] * 2
    assert sorted(when["mosparo-geoip"]) == [["*-*-* 04:25:00 Europe/Zurich"], ["*-*-* 04:55:00 Europe/Zurich"]]
    placed = cron_placement(jobs, {host: {"shows": {}, "notes": {}} for host in HOSTS})
    holders = {job["id"]: [host for host in HOSTS if job["id"] in placed["writes"][host]] for job in jobs}
    assert {job: len(hosts) for job, hosts in holders.items()} == {
        "mosparo-cleanup": 2,
        "mosparo-rules": 1,
        "mosparo-geoip": 2,
    }
