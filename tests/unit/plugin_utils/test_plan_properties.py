# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every plan."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import replace
from types import FrameType
from typing import Any

from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.model import Inputs, PlanError
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.planner import plan_cluster
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.text import plan_text
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.full import EXAMPLES
from tests.unit.plugin_utils.plan_inputs import GROUPS, app, cluster, shipped

often = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
POOL = [f"h{at}" for at in range(1, 13)]
OPAQUE = "opaque-value-of-a-secret"


@st.composite
def clusters(draw: st.DrawFn) -> Inputs:
    """Any cluster, right or wrong: groups overlap, apps may want the same ports, hosts have numbers of their own."""
    members = st.lists(st.sampled_from(POOL), unique=True, min_size=1, max_size=8)
    groups = {group: draw(members) for group in GROUPS}
    names = draw(st.lists(st.sampled_from(["www", "shop", "blog"]), unique=True, min_size=1))
    apps: dict[str, Any] = {}
    for at, name in enumerate(names):
        web = {"port": draw(st.sampled_from([3000, 3003, 4000, 5000])), "instances": draw(st.integers(1, 4))}
        apps[name] = app(at, profile=draw(st.sampled_from(["plain", "apostrophe"])), services={"web": web})
    numbers = st.fixed_dictionaries({name: st.fixed_dictionaries({"web": st.integers(0, 4)}) for name in names})
    used = sorted({host for hosts in groups.values() for host in hosts})
    hosts = {host: {"instances": draw(numbers)} for host in used if draw(st.booleans())}
    return cluster(apps, groups=groups, hosts=hosts, redis={}, memcached={})


def planned(inputs: Inputs) -> dict[str, Any] | None:
    """The plan, or nothing where the cluster cannot be."""
    try:
        return plan_cluster(inputs)
    except PlanError:
        return None


def instances_of(plan: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [
        (instance["unit"], name, instance["port"])
        for name, host in plan["hosts"].items()
        for instance in host["instances"]
    ]


@often
@given(clusters())
def test_no_port_is_twice_on_a_host(inputs: Inputs) -> None:
    plan = planned(inputs)
    if plan is None:
        return
    for name, host in plan["hosts"].items():
        ports = [instance["port"] for instance in host["instances"]]
        ports += [27017] * ("mongodb" in host["groups"])
        ports += [
            plan[store]["port"]
            for store in ("redis", "memcached")
            if plan[store] and name in [one["host"] for one in plan[store]["hosts"]]
        ]
        assert len(ports) == len(set(ports)), name


@often
@given(clusters())
def test_every_instance_is_in_exactly_one_upstream(inputs: Inputs) -> None:
    plan = planned(inputs)
    if plan is None:
        return
    served = Counter(
        (f"{upstream['name']}@{server['port']}.service", server["host"], server["port"])
        for upstream in plan["upstreams"]
        for server in upstream["servers"]
    )
    assert served == Counter(instances_of(plan))
    assert set(served.values()) == {1}
    routed = {route["upstream"] for site in plan["sites"] for route in site["routes"]}
    assert routed == {upstream["name"] for upstream in plan["upstreams"]}


@often
@given(clusters())
def test_numbers_and_memory_add_up(inputs: Inputs) -> None:
    plan = planned(inputs)
    if plan is None:
        return
    services = [service for one in plan["apps"].values() for service in one["services"].values()]
    total = sum(len(service["instances"]) for service in services)
    assert total == len(instances_of(plan)) == sum(host["processes"] for host in plan["hosts"].values())
    needed = sum(len(service["instances"]) * service["memory_mb"] for service in services)
    needed += plan["mongodb"]["memory_mb"] * len(plan["mongodb"]["members"])
    needed += sum(plan["redis"]["maxmemory_mb"] for _host in plan["redis"]["hosts"]) if plan["redis"] else 0
    needed += sum(plan["memcached"]["memory_mb"] for _host in plan["memcached"]["hosts"])
    assert needed == sum(host["memory_mb"] for host in plan["hosts"].values())


@often
@given(clusters(), st.randoms(use_true_random=False))
def test_the_order_of_dictionaries_does_not_matter(inputs: Inputs, random: Any) -> None:
    def shuffled(data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        keys = list(data)
        random.shuffle(keys)
        return {key: shuffled(data[key]) for key in keys}

    other = replace(
        inputs, groups=shuffled(inputs.groups), settings=shuffled(inputs.settings), profiles=shuffled(inputs.profiles)
    )
    assert json.dumps(planned(inputs)) == json.dumps(planned(other))


@often
@given(clusters())
def test_a_port_is_open_only_to_those_who_need_it(inputs: Inputs) -> None:
    plan = planned(inputs)
    if plan is None:
        return
    addresses = {host["address"]: set(host["groups"]) for host in plan["hosts"].values()}
    for host in plan["hosts"].values():
        instance_ports = {instance["port"] for instance in host["instances"]}
        opened = set()
        for rule in host["firewall"]:
            opened |= set(rule["ports"])
            assert host["address"] not in rule["sources"]
            if rule["sources"] == ["any"]:
                assert rule["ports"] == [80]
            elif set(rule["ports"]) & instance_ports:
                assert all("loadbalancer" in addresses[source] for source in rule["sources"])
            else:
                assert all(addresses[source] & {"app", "mongodb"} for source in rule["sources"])
        balancers = [
            address for address, groups in addresses.items() if "loadbalancer" in groups and address != host["address"]
        ]
        assert not balancers or instance_ports <= opened


@often
@given(clusters())
def test_a_plan_is_plain_data_without_secrets_and_can_be_shown(inputs: Inputs) -> None:
    wanted = {
        name: {**one, "secrets": {"key": {}}, "environment": {"K": "${secrets.key}"}}
        for name, one in inputs.settings["webapp_apps"].items()
    }
    settings = {**inputs.settings, "webapp_apps": wanted, "webapp_secrets": {f"{name}_key": OPAQUE for name in wanted}}
    plan = planned(replace(inputs, settings=settings))
    if plan is None:
        return
    text = json.dumps(plan, allow_nan=False)
    assert json.loads(text) == plan
    assert OPAQUE not in text + plan_text(plan)
    names = {secret["name"] for secret in plan["secrets"]}
    assert {f"{name}_key" for name in wanted} <= names


def operations(hosts: int) -> int:
    """Lines of the planner that run for a cluster of so many app hosts: the same on every machine."""
    groups = {**GROUPS, "app": [f"app{at}" for at in range(1, hosts + 1)]}
    site = app(profile="apostrophe", services={"web": {"instances": 4}})
    inputs = cluster({"www": site}, groups=groups, profiles=[shipped("apostrophe")])
    count = 0

    def trace(frame: FrameType, event: str, _arg: Any) -> Any:
        nonlocal count
        if "plugin_utils" not in frame.f_code.co_filename:
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        plan_cluster(inputs)
    finally:
        sys.settrace(before)
    return count


def test_work_grows_no_faster_than_the_number_of_hosts() -> None:
    small, middle, large = operations(100), operations(200), operations(400)
    assert middle - small > 0
    assert (large - middle) / (middle - small) < 2.1
