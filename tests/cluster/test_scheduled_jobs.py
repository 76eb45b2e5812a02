# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's job of every minute, on real timers, while the tests before these killed hosts and stores."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from tests.cluster.cluster import Cluster, Site, wait_until
from tests.support.full import LONG
from tests.support.playbook import run

GUARD = "/usr/local/lib/scaleout-webapp/cron-guard"
SETTINGS = "/etc/scaleout-webapp/cron/www.heartbeat.json"


def history(cluster: Cluster) -> list[dict[str, Any]]:
    """The runs of the job on all hosts, as the store of the guards has them, but for one that is under way."""
    host = cluster.hosts[cluster.plan["apps"]["www"]["hosts"][0]]
    told = json.loads(host.run(GUARD, "history", "--json", "--count", "1000", SETTINGS))
    return [one for one in told["www/heartbeat"] if one["state"] != "running"]


def beats(cluster: Cluster) -> Counter[str]:
    """What the job itself wrote: how often it ran at which host."""
    app = cluster.plan["apps"]["www"]
    found: Counter[str] = Counter()
    for name in app["hosts"]:
        lines = cluster.hosts[name].run("sh", "-c", f"cat {app['root']}/home/heartbeat 2>/dev/null || true")
        found[name] = len(lines.splitlines())
    return found


def test_each_minute_has_one_run(cluster: Cluster) -> None:
    before, runs, after = beats(cluster), history(cluster), beats(cluster)
    fires = [datetime.strptime(one["fire"], "%Y-%m-%dT%H:%M:%SZ") for one in runs]
    assert len(fires) >= 3, f"the job ran {len(fires)} times only"
    assert fires == [fires[0] + timedelta(minutes=number) for number in range(len(fires))]
    assert {one["state"] for one in runs} == {"finished"}
    for host in before:
        # Where a test had taken the environment away, the job failed before it could write.
        noted = sum(one["node"] == host and one["exit_code"] == 0 for one in runs)
        assert before[host] - 1 <= noted <= after[host], f"{host} ran it another number of times than the store knows"


def test_status_shows_the_last_run() -> None:
    done = run("playbooks/status.yml", inventory=os.environ["SCALEOUT_INVENTORY"])
    assert done.recap()
    (line,) = [line for line in done.output.splitlines() if line.split()[:2] == ["heartbeat", "lease"]]
    assert "exit code 0" in line


@LONG
def test_jobs_rest_in_maintenance_until_it_is_over(cluster: Cluster, visitor: Site) -> None:
    """Also through a run of site, which leaves them at rest."""
    inventory = os.environ["SCALEOUT_INVENTORY"]
    hosts = [cluster.hosts[name] for name in cluster.plan["apps"]["www"]["hosts"]]

    def timers() -> set[str]:
        ask = ("systemctl", "is-active", "scaleout-cron-www.heartbeat.timer")
        return {host.run(*ask, check=False).strip() for host in hosts}

    assert timers() == {"active"}
    try:
        assert run("playbooks/maintenance.yml", "-e", "webapp_maintenance=on", inventory=inventory).changed() > 0
        assert visitor.get("/").status_code == 503
        assert timers() == {"inactive"}
        assert run("playbooks/site.yml", "--tags", "cron", inventory=inventory).changed() == 0
        assert timers() == {"inactive"}
        beaten = beats(cluster)
        time.sleep(70)
        assert beats(cluster) == beaten
    finally:
        done = run("playbooks/maintenance.yml", "-e", "webapp_maintenance=off", inventory=inventory)
    assert done.changed() > 0
    assert timers() == {"active"}
    assert visitor.get("/").status_code == 200
    wait_until(lambda: beats(cluster) != beaten, 90, "the job runs again")
