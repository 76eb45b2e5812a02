# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long planning takes, and how that grows: python benchmarks/plan.py

Plans an Apostrophe site on 250, 500 and 1,000 app hosts with 4 instances each, and renders what the role nginx writes
for one balancer from the plan: the upstreams as its module does, the sites by the role's own template.
Processor time, the best of three. Fails when the largest takes longer than the bound or growth is not linear.
"""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import Any

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template

REPO = Path(__file__).resolve().parents[1]
# ./quickstart and ./test link the clone there.
sys.path.insert(0, str(REPO / ".ansible" / "collections"))

from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.render import render
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.upstreams import Pools, read_upstreams
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.model import Host, Inputs
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.planner import plan_cluster
from ansible_collections.scaleout.webapp.plugins.plugin_utils._profile import parse_profile

ROLE = REPO / "roles" / "nginx"
SITES = f"{{{{ lookup('ansible.builtin.template', '{ROLE / 'templates' / 'sites.conf.j2'}') }}}}"
NGINX = (1, 22, 1)
DEFAULTS = {
    **yaml.safe_load((ROLE / "defaults" / "main.yml").read_text(encoding="utf-8")),
    "ansible_managed": "Ansible managed",
}
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


def rendered(plan: dict[str, Any]) -> str:
    """What the role nginx writes for one balancer."""
    upstreams = render(Pools(read_upstreams(plan["upstreams"])), NGINX)
    templar = Templar(
        loader=DataLoader(), variables={**DEFAULTS, "nginx_upstreams": plan["upstreams"], "nginx_sites": plan["sites"]}
    )
    return upstreams + str(templar.template(trust_as_template(SITES)))


def seconds(app_hosts: int) -> tuple[float, float]:
    """Of the plan and of the text; of the three runs the one that took least."""
    given = inputs(app_hosts)
    runs = []
    for _attempt in range(3):
        began = time.process_time()
        plan = plan_cluster(given)
        planned = time.process_time()
        text = rendered(plan)
        runs.append((planned - began, time.process_time() - planned))
        if len(re.findall("^ +server [0-9.]+:[0-9]+ ", text, re.MULTILINE)) != app_hosts * INSTANCES:
            raise SystemExit("The text does not hold every instance.")
    return min(runs, key=sum)


def main() -> int:
    """Print the figures; 1 when a bound is broken."""
    init_plugin_loader()
    print(f"{'app hosts':>10} {'instances':>10} {'plan s':>8} {'text s':>8} {'both s':>8} {'ratio to the half':>18}")
    last = 0.0
    broken = []
    for size in SIZES:
        plan, text = seconds(size)
        took = plan + text
        ratio = took / last if last else None
        shown = f"{ratio:.2f}" if ratio else ""
        print(f"{size:>10} {size * INSTANCES:>10} {plan:>8.3f} {text:>8.3f} {took:>8.3f} {shown:>18}")
        if ratio and ratio > BOUND_GROWTH:
            broken.append(f"{size} hosts cost {ratio:.2f} times as much as half of them")
        last = took
    if last > BOUND_SECONDS:
        broken.append(f"{SIZES[-1]} hosts took {last:.2f} s")
    print("; ".join(broken) or f"Under {BOUND_SECONDS:g} s, and linear.")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
