# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan as text. Pure. Private to this collection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.network import SSH

SHOWN = 20


@dataclass
class Node:
    """A line with what hangs below it."""

    text: str
    below: list[Node] = field(default_factory=list)


def plan_text(plan: Mapping[str, Any]) -> str:
    """A picture of the cluster, then what each host carries, then what to know about it."""
    parts = [*_tree(_cluster(plan)), "", *_hosts(plan), "", *_secrets(plan), *_warnings(plan)]
    return "\n".join(parts).rstrip() + "\n"


def _tree(node: Node, first: str = "", rest: str = "") -> Iterator[str]:
    yield first + node.text
    for at, child in enumerate(node.below):
        last = at == len(node.below) - 1
        yield from _tree(child, rest + ("`-- " if last else "+-- "), rest + ("    " if last else "|   "))


def _shortened(nodes: Sequence[Node]) -> list[Node]:
    if len(nodes) <= SHOWN:
        return list(nodes)
    return [*nodes[: SHOWN - 1], Node(f"... and {len(nodes) - SHOWN + 1} more")]


def _cluster(plan: Mapping[str, Any]) -> Node:
    """Visitors come in at the top."""
    inside = [
        Node("balancers (nginx)", _shortened([Node(line) for line in _balancers(plan)])),
        *(_app(plan, name, app) for name, app in plan["apps"].items()),
    ]
    stores = list(_stores(plan))
    if stores:
        inside.append(Node("stores", stores))
    vip = plan["vip"]
    if vip:
        return Node("visitors", [Node(f"virtual IP {vip['address']}/{vip['prefix']} on {vip['interface']}", inside)])
    return Node("visitors", inside)


def _balancers(plan: Mapping[str, Any]) -> Iterator[str]:
    priorities = {holder["host"]: holder["priority"] for holder in plan["vip"]["holders"]} if plan["vip"] else {}
    issuer = (plan["acme"] or {}).get("issuer")
    for name, host in plan["hosts"].items():
        if "loadbalancer" in host["groups"]:
            issues = "  issues certificates" if name == issuer else ""
            held = f"  priority {priorities[name]}" if name in priorities else ""
            yield f"{name}  {host['address']}{_zone(host)}{held}{issues}"


def _zone(host: Mapping[str, Any]) -> str:
    return f"  zone {host['zone']}" if host["zone"] else ""


def _app(plan: Mapping[str, Any], name: str, app: Mapping[str, Any]) -> Node:
    site = next(site for site in plan["sites"] if site["name"] == name)
    unknown = " and every unknown name" if site["default"] else ""
    source = next(f"{kind} {value}" for kind, value in app["source"].items())
    services = [
        _service(plan, service, app["services"][service], _paths(site, f"{name}-{service}"))
        for service in app["services"]
    ]
    steps = [step["name"] for step in (*app["build"], *app["release_steps"])]
    return Node(
        f"{name} ({app['profile']})  {', '.join(app['domains'])}{unknown}",
        [
            *services,
            Node(f"release  {app['release'] or 'newest'} from {source}; {', '.join(steps) or 'no steps'}"),
            *(
                Node(f"shared  {path['path']} -> {path['target'] or 'kept on each host'}")
                for path in app["shared_paths"]
            ),
            *(Node(f"job  {job['name']}  {job['schedule']}  {job['strategy']}") for job in app["jobs"]),
        ],
    )


def _paths(site: Mapping[str, Any], upstream: str) -> str:
    return " ".join(route["path"] for route in site["routes"] if route["upstream"] == upstream)


def _service(plan: Mapping[str, Any], name: str, service: Mapping[str, Any], paths: str) -> Node:
    ports: dict[str, list[int]] = {}
    for instance in service["instances"]:
        ports.setdefault(instance["host"], []).append(instance["port"])
    lines = [
        Node(f"{host}  {plan['hosts'][host]['address']}{_zone(plan['hosts'][host])}  {_ports(found)}")
        for host, found in ports.items()
    ]
    kinds = [kind for kind in ("sticky", "websocket") if service[kind]]
    count = len(service["instances"])
    about = [f"{count} process{'' if count == 1 else 'es'}", f"{service['memory_mb']} MB each", *kinds]
    return Node(
        f"{name}  {paths or 'no route'}  {', '.join(about)}, health {service['health']['path']}", _shortened(lines)
    )


def _ports(ports: Sequence[int]) -> str:
    return f":{ports[0]}-{ports[-1]}" if len(ports) > 2 else " ".join(f":{port}" for port in ports)


def _stores(plan: Mapping[str, Any]) -> Iterator[Node]:
    names = {host["address"]: name for name, host in plan["hosts"].items()}
    mongodb, redis, memcached = plan["mongodb"], plan["redis"], plan["memcached"]
    if mongodb:
        members = [Node(_member(member, names)) for member in mongodb["members"]]
        users = ", ".join(user["name"] for user in mongodb["users"]) or "none"
        yield Node(f"MongoDB replica set {mongodb['replica_set']}  databases: {users}", _shortened(members))
    if redis:
        users = ", ".join(user["name"] for user in redis["users"])
        lasting = "append-only file" if redis["persistence"] == "aof" else "no persistence"
        yield Node(f"Redis  {redis['maxmemory_mb']} MB, {lasting}  users: {users}", _listed(redis))
    if memcached:
        yield Node(f"Memcached  {memcached['memory_mb']} MB", _listed(memcached))


def _member(member: Mapping[str, Any], names: Mapping[str, str]) -> str:
    address = member["host"].rpartition(":")[0].strip("[]")
    kinds = [kind for kind in ("arbiter_only", "hidden") if member.get(kind)]
    votes = "" if member.get("votes", 1) else "  no vote"
    return f"{names[address]}  {member['host']}  {' '.join(kinds) or 'priority ' + str(member['priority'])}{votes}"


def _listed(store: Mapping[str, Any]) -> list[Node]:
    return _shortened([Node(f"{host['host']}  {host['address']}:{store['port']}") for host in store["hosts"]])


def _hosts(plan: Mapping[str, Any]) -> Iterator[str]:
    header = ("host", "address", "groups", "processes", "memory", "lets in")
    rows = [
        (
            name,
            host["address"],
            ",".join(host["groups"]),
            str(host["processes"]),
            f"{host['memory_mb']} MB",
            _lets_in(host) if plan["firewall"]["enabled"] else "everything (no firewall)",
        )
        for name, host in list(plan["hosts"].items())[:SHOWN]
    ]
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    for row in (header, *rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
    if len(plan["hosts"]) > SHOWN:
        yield f"... and {len(plan['hosts']) - SHOWN} more"


def _lets_in(host: Mapping[str, Any]) -> str:
    rules = host["firewall"]
    shown = [f"{'/'.join(map(str, rule['ports'])) or rule['protocol']} ({rule['comment']})" for rule in rules]
    return ", ".join(["ssh" if host["ssh_port"] == SSH else f"ssh at {host['ssh_port']}", *shown])


def _secrets(plan: Mapping[str, Any]) -> Iterator[str]:
    if plan["secrets"]:
        yield "secrets: " + ", ".join(secret["name"] for secret in plan["secrets"])


def _warnings(plan: Mapping[str, Any]) -> Iterator[str]:
    for warning in plan["warnings"]:
        yield f"warning: {warning}"
