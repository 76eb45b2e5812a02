# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long planning takes, and how that grows: python benchmarks/plan.py

Plans an Apostrophe site on 250, 500 and 1,000 app hosts with 4 instances each, and writes the upstreams of one balancer
as text.
Processor time, the best of three. Fails when the largest takes longer than the bound or growth is not linear.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[1]
# ./quickstart and ./test link the clone there.
sys.path.insert(0, str(REPO / ".ansible" / "collections"))

from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.model import Host, Inputs
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.planner import plan_cluster
from ansible_collections.scaleout.webapp.plugins.plugin_utils._profile import parse_profile

SIZES = (250, 500, 1000)
INSTANCES = 4
BOUND_SECONDS = 2.0
BOUND_GROWTH = 3.0
"""Twice the hosts may cost this much more: 2 is linear, 4 is quadratic; the rest is for a busy machine."""


def inputs(app_hosts: int) -> Inputs:
    """Two balancers, three MongoDB hosts, a cache, and so many app hosts."""
    groups = {
        "loadbalancer": ["lb1", "lb2"],
        "app": [f"app{at}" for at in range(app_hosts)],
        "mongodb": ["db1", "db2", "db3"],
        "cache": ["cache1"],
    }
    names = [name for members in groups.values() for name in members]
    hosts = {name: Host(name, f"10.{at // 62500}.{at // 250 % 250}.{at % 250 + 1}") for at, name in enumerate(names)}
    path = REPO / "profiles" / "apostrophe.yml"
    site = {
        "profile": "apostrophe",
        "domains": ["www.example.com"],
        "source": {"path": "/site"},
        "services": {"web": {"instances": INSTANCES}},
    }
    profile = parse_profile("apostrophe", path.read_text(encoding="utf-8"), str(path))
    return Inputs(hosts, groups, {"webapp_apps": {"www": site}, "webapp_redis": {}}, {"apostrophe": profile})


def upstream_lines(plan: dict[str, Any]) -> Iterator[str]:
    """What one balancer's configuration says about the pools."""
    for upstream in plan["upstreams"]:
        yield f"upstream {upstream['name']} {{"
        for server in upstream["servers"]:
            yield f"    server {server['address']}:{server['port']} max_fails=3 fail_timeout=5s;"
        yield "}"


def seconds(app_hosts: int) -> float:
    """The best of three."""
    given = inputs(app_hosts)
    best = float("inf")
    for _attempt in range(3):
        before = time.process_time()
        text = "\n".join(upstream_lines(plan_cluster(given)))
        best = min(best, time.process_time() - before)
        if text.count("server ") != app_hosts * INSTANCES:
            raise SystemExit("The text does not hold every instance.")
    return best


def main() -> int:
    """Print the figures; 1 when a bound is broken."""
    print(f"{'app hosts':>10} {'instances':>10} {'seconds':>9} {'ratio to the half':>18}")
    last = None
    broken = []
    for size in SIZES:
        took = seconds(size)
        ratio = took / last if last else None
        print(f"{size:>10} {size * INSTANCES:>10} {took:>9.3f} {f'{ratio:.2f}' if ratio else '':>18}")
        if ratio and ratio > BOUND_GROWTH:
            broken.append(f"{size} hosts cost {ratio:.2f} times as much as half of them")
        last = took
    if last and last > BOUND_SECONDS:
        broken.append(f"{SIZES[-1]} hosts took {last:.2f} s")
    print("; ".join(broken) or f"Under {BOUND_SECONDS:g} s, and linear.")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
