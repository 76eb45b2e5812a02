# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's job of every minute, on real timers, while the tests before these killed hosts and stores."""

from __future__ import annotations

import os
from collections import Counter
from datetime import datetime, timedelta

from tests.cluster.cluster import Cluster
from tests.support.playbook import run


def beats(cluster: Cluster) -> Counter[datetime]:
    """How often the job ran in which minute, on all hosts together."""
    app = cluster.plan["apps"]["www"]
    found: Counter[datetime] = Counter()
    for name in app["hosts"]:
        lines = cluster.hosts[name].run("sh", "-c", f"cat {app['root']}/home/heartbeat 2>/dev/null || true")
        found.update(datetime.strptime(line.split()[0], "%Y-%m-%dT%H:%MZ") for line in lines.splitlines())
    return found


def test_each_minute_had_one_run(cluster: Cluster) -> None:
    """The guard allows no second one; a run that begins late is noted in the minute in which it began."""
    found = beats(cluster)
    assert len(found) >= 3, f"the job ran in {len(found)} minutes only"
    first, last = min(found), max(found)
    minutes = {first + timedelta(minutes=number) for number in range(int((last - first).total_seconds()) // 60 + 1)}
    assert sum(found.values()) == len(minutes), {str(minute): found[minute] for minute in sorted(minutes)}


def test_status_shows_the_last_run() -> None:
    done = run("playbooks/status.yml", inventory=os.environ["SCALEOUT_INVENTORY"])
    assert done.recap()
    (line,) = [line for line in done.output.splitlines() if line.split()[:2] == ["heartbeat", "lease"]]
    assert "exit code 0" in line
