# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long placing jobs takes, and how that grows: python benchmarks/placement.py

Places 250, 500 and 1,000 jobs on 100 hosts: first on hosts that have none, then where every host shows what it has and
knows of all jobs, and one of them has left. Processor time, the best of three. Fails when the largest takes longer
than the bound, growth is not linear, or more jobs move than that host had.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
# ./quickstart and ./test link the clone there.
sys.path.insert(0, str(REPO / ".ansible" / "collections"))

from ansible_collections.scaleout.webapp.plugins.module_utils._placement.model import Job, Plan, Report
from ansible_collections.scaleout.webapp.plugins.module_utils._placement.plan import plan

HOSTS = [f"app{at}" for at in range(100)]
SIZES = (250, 500, 1000)
BOUND_SECONDS = 1.0
BOUND_GROWTH = 3.0
"""Twice the jobs may cost this much more: 2 is linear, 4 is quadratic; the rest is for a busy machine."""


def jobs(count: int, hosts: list[str]) -> list[Job]:
    return [Job(f"job{at}", candidates=frozenset(hosts)) for at in range(count)]


def timed(wanted: list[Job], reports: dict[str, Report]) -> tuple[Plan, float]:
    """The plan, and the seconds of the fastest of three runs."""
    runs = []
    for _attempt in range(3):
        began = time.process_time()
        found = plan(wanted, reports, (), 1)
        runs.append(time.process_time() - began)
    return found, min(runs)


def main() -> int:
    """Print the figures; 1 when a bound is broken."""
    print(f"{'jobs':>6} {'first s':>8} {'again s':>8} {'ratio to the half':>18} {'moved':>6}")
    last = 0.0
    broken = []
    for size in SIZES:
        found, first = timed(jobs(size, HOSTS), {host: Report() for host in HOSTS})
        reports = {host: Report(dict.fromkeys(found.writes[host], "single"), found.notes) for host in HOSTS}
        after, again = timed(jobs(size, HOSTS[1:]), reports)
        held = {host: set(jobs) for host, jobs in found.holds.items()}
        moved = sum(len(set(jobs) - held[host]) for host, jobs in after.holds.items())
        ratio = again / last if last else None
        print(f"{size:>6} {first:>8.3f} {again:>8.3f} {f'{ratio:.2f}' if ratio else '':>18} {moved:>6}")
        if ratio and ratio > BOUND_GROWTH:
            broken.append(f"{size} jobs cost {ratio:.2f} times as much as half of them")
        if moved != len(held[HOSTS[0]]):
            broken.append(f"{moved} jobs moved, {HOSTS[0]} had {len(held[HOSTS[0]])}")
        last = again
    if max(first, last) > BOUND_SECONDS:
        broken.append(f"{SIZES[-1]} jobs took {max(first, last):.2f} s")
    print("; ".join(broken) or f"Under {BOUND_SECONDS:g} s, and linear.")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
