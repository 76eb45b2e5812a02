# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who listens where, and no port twice on one host. Private to this collection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.model import Inputs
from ansible_collections.scaleout.webapp.plugins.plugin_utils._schema import Place, Problems

STATUS_PORT = 8079
SSH = "SSH"
SHOWN_HOSTS = 3
UNITS = {"nginx": "nginx", "mongodb": "mongod", "redis": "redis-server", "memcached": "memcached"}


def check_ports(
    inputs: Inputs,
    hosts: Mapping[str, dict[str, Any]],
    stores: Mapping[str, Any],
    web: Sequence[int],
    problems: Problems,
) -> None:
    """Report every pair of owners of one port once, however many hosts it concerns."""
    fixed = _fixed_owners(inputs, stores, web)
    clashes: dict[tuple[str, str], dict[str, list[int]]] = {}
    for name, host in hosts.items():
        owners: dict[int, str] = {}
        for owner, port in _claims(inputs, name, host, fixed):
            first = owners.setdefault(port, owner)
            if first != owner:
                clashes.setdefault((first, owner), {}).setdefault(name, []).append(port)
    for (first, second), where in clashes.items():
        ports = sorted({port for found in where.values() for port in found})
        names = list(where)
        more = f" and {len(names) - SHOWN_HOSTS} more hosts" if len(names) > SHOWN_HOSTS else ""
        listed = ", ".join(map(str, ports))
        place, remedy = _remedy(first, second)
        problems.add(
            f"port {listed} is wanted by {first} and by {second} on {', '.join(names[:SHOWN_HOSTS])}{more}",
            place,
            remedy,
        )


def listens(plan: Mapping[str, Any], inputs: Inputs, web: Sequence[int]) -> dict[str, dict[str, Any]]:
    """For each host the TCP ports it opens, with the unit that may hold them, and addresses and network interfaces that
    must be its own."""
    fixed = _fixed_owners(inputs, plan, web)
    binding = {name for name, app in plan["apps"].items() if _binds(app)}
    found = {}
    for name, host in plan["hosts"].items():
        owners = fixed.get(name, ())
        stores = any(owner != "nginx" for owner, _port in owners)
        holds = plan["vip"] is not None and "loadbalancer" in host["groups"]
        apps = any(instance["app"] in binding for instance in host["instances"])
        found[name] = {
            "addresses": [host["address"]] if stores or holds or apps else [],
            "interfaces": [plan["vip"]["interface"]] if holds else [],
            "ports": [
                *({"port": port, "owner": UNITS[owner]} for owner, port in owners),
                *({"port": one["port"], "owner": _holder(plan, one)} for one in host["instances"]),
            ],
        }
    return found


def _holder(plan: Mapping[str, Any], instance: Mapping[str, Any]) -> str:
    """Who may listen there when a run begins."""
    app = instance["app"]
    # Another service of the app gives its port free when the app is converged.
    return plan["apps"][app]["services"][instance["service"]]["port_holder"] or f"{app}-*@{instance['port']}"


def _binds(app: Mapping[str, Any]) -> bool:
    """Whether it is told the address of its host, to listen there."""
    told = [app["environment"], *(service["environment"] for service in app["services"].values())]
    commands = [service["command"] for service in app["services"].values()]
    return any("${host.address}" in text for text in chain(commands, *(values.values() for values in told)))


def _fixed_owners(inputs: Inputs, stores: Mapping[str, Any], web: Sequence[int]) -> dict[str, list[tuple[str, int]]]:
    fixed: dict[str, list[tuple[str, int]]] = {}
    for host in inputs.group("loadbalancer"):
        fixed[host.name] = [("nginx", port) for port in (*web, STATUS_PORT)]
    for host in inputs.group("mongodb"):
        if stores["mongodb"]:
            fixed.setdefault(host.name, []).append(("mongodb", stores["mongodb"]["port"]))
    for store in ("redis", "memcached"):
        for listed in stores[store]["hosts"] if stores[store] else []:
            fixed.setdefault(listed["host"], []).append((store, stores[store]["port"]))
    return fixed


def _claims(
    inputs: Inputs, name: str, host: Mapping[str, Any], fixed: Mapping[str, list[tuple[str, int]]]
) -> Iterator[tuple[str, int]]:
    yield SSH, inputs.hosts[name].ssh_port
    yield from fixed.get(name, ())
    for instance in host["instances"]:
        yield f"{instance['app']}-{instance['service']}", instance["port"]


def _remedy(first: str, second: str) -> tuple[Place | str, str]:
    """Where the one that is easier to move has its port, and how to move it. An app before a store; nginx stays."""
    movable = [owner for owner in (second, first) if owner not in ("nginx", SSH)]
    owner = next((owner for owner in movable if "-" in owner), movable[0] if movable else "")
    if "-" in owner:
        app, service = owner.split("-")
        place = Place(path=f"webapp_apps.{app}.services.{service}.port")
        return place, f"give {owner} another port: webapp_apps.{app}.services: {{{service}: {{port: N}}}}"
    if owner:
        return Place(path=f"webapp_{owner}.port"), f"give {owner} another port: webapp_{owner}: {{port: N}}"
    return "inventory", "let the SSH server listen at another port, and give the host that as ansible_port"
