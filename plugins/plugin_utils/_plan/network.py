# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What balancers and firewalls need to know. Private to this collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_interface
from typing import Any

from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.certificates import site_tls
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.model import GROUPS, App, Host, Inputs
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.references import OF_BALANCER, References
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.settings import (
    FIREWALL,
    VIP,
    checked,
    is_address,
    is_source,
)
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.stores import in_uri, shared_hosts
from ansible_collections.scaleout.webapp.plugins.plugin_utils._schema import Place, Problems, suggestion

HTTP, HTTPS = 80, 443
SSH = 22
FIRST_PRIORITY = 150


def web_ports(apps: Sequence[App]) -> list[int]:
    """Where the balancers listen for visitors."""
    return [HTTP, HTTPS] if any(app.declared["tls"] for app in apps) else [HTTP]


def plan_upstreams(apps: Sequence[App], problems: Problems) -> list[dict[str, Any]]:
    """One pool for each service, its instances in the order of the hosts."""
    return [_upstream(app, name, service, problems) for app in apps for name, service in app.services.items()]


def _upstream(app: App, name: str, service: Mapping[str, Any], problems: Problems) -> dict[str, Any]:
    balance = dict(service["balance"])
    weights, backup = balance.pop("weights", {}), balance.pop("backup", [])
    _check_balance(app, name, service, problems)
    return {
        "name": f"{app.name}-{name}",
        "servers": [
            {
                "name": f"{instance['host']}-{instance['port']}",
                "host": instance["host"],
                "address": in_uri(instance["address"]),
                "port": instance["port"],
                **({"weight": weights[instance["host"]]} if instance["host"] in weights else {}),
                **({"backup": True} if instance["host"] in backup else {}),
            }
            for instance in service["instances"]
        ],
        **balance,
        **(_sticky(app, name) if service["sticky"] else {}),
        "health_path": service["health"]["path"],
        "health_status": service["health"]["status"],
    }


def _sticky(app: App, service: str) -> dict[str, Any]:
    """Its cookie goes over TLS only where visitors have nothing else, be it that another balancer ends it."""
    tls = app.declared["tls"]
    only_tls = tls["redirect"] if tls else (app.declared["url"] or "").startswith("https://")
    secure = {"sticky_secure": True} if only_tls else {}
    return {"sticky_cookie": f"{app.name}_{service}_instance", **secure}


def _check_balance(app: App, name: str, service: Mapping[str, Any], problems: Problems) -> None:
    place, balance = app.place / "services" / name / "balance", service["balance"]
    hosts = [host.name for host in app.hosts]
    backup = balance.get("backup", [])
    for key, named in (("weights", balance.get("weights", {})), ("backup", backup)):
        for host in named:
            if host not in hosts:
                problems.add(f"{host} is no host of the app", place / key, suggestion(host, hosts[:20]))
    if (balance.get("method") == "hash") != ("key" in balance):
        problems.add("method hash and key belong together", place, "write {method: hash, key: $request_uri}")
    if backup and balance.get("method") in ("hash", "ip_hash"):
        problems.add(f"nginx has no backup servers with the method {balance['method']}", place / "backup")
    if hosts and not set(hosts) - set(backup):
        problems.add("names every host of the app", place / "backup", "leave one that is no backup")
    named = [instance["host"] for instance in service["instances"] if not is_address(instance["address"])]
    if service["sticky"] and named:
        problems.add(
            f"is sticky, for which balancers need IP addresses, and {', '.join(dict.fromkeys(named))} has none",
            app.place / "services" / name,
            "give the host webapp_address (or ansible_host)",
        )


def plan_site(app: App, references: References, problems: Problems) -> dict[str, Any]:
    """What the balancers serve for one app."""
    canonical = (app.declared["canonical"] or "").lower()
    domains = [domain.lower() for domain in app.declared["domains"]]
    if canonical and canonical not in domains:
        problems.add(f"{canonical} is none of the domains", app.place / "canonical", suggestion(canonical, domains))
    profile, place = app.profile.data, Place(app.profile.source)
    routes = [_route(app, route, references, place / "routes" / at) for at, route in enumerate(profile["routes"])]
    return {
        "name": app.name,
        "domains": domains,
        "default": app.declared["default"],
        **({"canonical": canonical} if canonical else {}),
        **({"tls": site_tls(app)} if app.declared["tls"] else {}),
        **({"limits": app.declared["limits"]} if "limits" in app.declared else {}),
        "body_limit": app.declared["body_limit"] or profile["body_limit"],
        "static_root": next((route["static_root"] for route in routes if route["path"] == "/"), None),
        "headers": references.variables(
            (profile["headers"], place / "headers"),
            (app.declared["headers"], app.place / "headers"),
            later=OF_BALANCER,
        ),
        "routes": routes,
    }


def _route(app: App, route: Mapping[str, Any], references: References, place: Place) -> dict[str, Any]:
    service = app.services.get(route["service"]) if route["service"] else None
    cors = route["cors"]
    return {
        "path": route["path"],
        "upstream": f"{app.name}-{route['service']}" if service else None,
        "static_root": f"{app.root}/static/{route['static_root']}" if route["static_root"] else None,
        "websocket": bool(service and service["websocket"]),
        "read_timeout": route["read_timeout"],
        "cors": {name: value for name, value in cors.items() if value != []} if cors else None,
        "headers": references.variables((route["headers"], place / "headers"), later=OF_BALANCER),
        **({"limits": route["limits"]} if "limits" in route else {}),
    }


def plan_vip(inputs: Inputs, problems: Problems) -> dict[str, Any] | None:
    """The virtual IP and who may hold it, the first balancer first."""
    if not inputs.settings.get("webapp_vip"):
        return None
    before = len(problems.found)
    vip: dict[str, Any] = checked(VIP, inputs.settings, "webapp_vip", problems)
    if len(problems.found) == before:
        _check_vip(vip, inputs, problems)
    holders = [
        {"host": host.name, "address": host.address, "priority": max(FIRST_PRIORITY - at, 1)}
        for at, host in enumerate(inputs.group("loadbalancer"))
    ]
    if is_address(vip["address"]):
        # As hosts show it.
        vip["address"] = str(ip_address(vip["address"]))
    return {**vip, "holders": holders}


def _check_vip(vip: Mapping[str, Any], inputs: Inputs, problems: Problems) -> None:
    place = Place(path="webapp_vip")
    if not is_address(vip["address"]):
        problems.add(
            f"{vip['address']!r} is not an IP address",
            place / "address",
            "write a free address of the balancers' network",
        )
        return
    address = ip_address(vip["address"])
    if vip["prefix"] > address.max_prefixlen:
        problems.add(f"is {vip['prefix']}, must be between 1 and {address.max_prefixlen}", place / "prefix")
        return
    own = {host.name: _addresses(host) for host in inputs.hosts.values()}
    owners = [name for name, addresses in own.items() if address in addresses]
    if owners:
        problems.add(
            f"{address} is the address of {', '.join(owners)}", place / "address", "take an address that no host has"
        )
    network = ip_interface(f"{address}/{vip['prefix']}").network
    if network.num_addresses > 2 and address in (network.network_address, getattr(network, "broadcast_address", None)):
        problems.add(
            f"{address} is not for a host in {network}", place / "address", "take one between the first and the last"
        )
    for host in inputs.group("loadbalancer"):
        has = own[host.name]
        if has and not any(one in network for one in has):
            problems.add(
                f"the balancer {host.name} ({', '.join(map(str, has))}) is not in {network} and cannot hold {address}",
                place / "prefix",
                "correct address and prefix, or the balancer's ansible_host or webapp_address",
            )


def _addresses(host: Host) -> list[IPv4Address | IPv6Address]:
    return [ip_address(text) for text in dict.fromkeys((host.address, host.login_address)) if is_address(text)]


class Firewall:
    """The rules of each host: only what others of the plan need from it."""

    def __init__(self, inputs: Inputs, apps: Sequence[App], stores: Mapping[str, Any], problems: Problems) -> None:
        self.settings: dict[str, Any] = checked(FIREWALL, inputs.settings, "webapp_firewall", problems)
        self.web_ports = web_ports(apps)
        self.balancers = [host.address for host in inputs.group("loadbalancer")]
        app_hosts = [host.address for host in inputs.group("app")]
        members = [host.address for host in inputs.group("mongodb")]
        self.clients = {
            "mongodb": ("app and mongodb", list(dict.fromkeys([*app_hosts, *members]))),
            "redis": ("app", app_hosts),
            "memcached": ("app", app_hosts),
        }
        self.stores = {name: store for name, store in stores.items() if store}
        self.holders: dict[str, set[str]] = {"mongodb": {host.name for host in inputs.group("mongodb")}}
        for name in ("redis", "memcached"):
            if name in self.stores:
                self.holders[name] = {host["host"] for host in shared_hosts(self.stores[name])}
        self._check_sources(problems)
        if self.settings["enabled"]:
            self._check_addresses(inputs, problems)

    def rules(
        self, host: Host, groups: Iterable[str], instances: Sequence[Mapping[str, Any]], vip: bool
    ) -> list[dict[str, Any]]:
        """What is let in. Loopback, answers and SSH at the port of the login are the role's own business."""
        groups = set(groups)
        rules = []
        if host.ssh_port != SSH:
            # That may be the port of something in between that forwards to the usual one.
            rules.append(_rule([SSH], "tcp", self.settings["ssh_sources"], "SSH behind a forwarded port"))
        if "loadbalancer" in groups:
            rules.append(_rule(self.web_ports, "tcp", ["any"], "web from any"))
            if vip:
                rules.append(_rule([], "vrrp", self.balancers, "vrrp from loadbalancer"))
        ports: dict[str, list[int]] = {}
        for instance in instances:
            ports.setdefault(f"{instance['app']}-{instance['service']}", []).append(instance["port"])
        rules += [_rule(ports[name], "tcp", self.balancers, f"{name} from loadbalancer") for name in ports]
        for name, store in self.stores.items():
            if host.name in self.holders[name]:
                who, sources = self.clients[name]
                rules.append(_rule([store["port"]], "tcp", sources, f"{name} from {who}"))
        rules += [
            _rule(extra["ports"], extra["protocol"], extra["sources"], extra["comment"])
            for extra in self.settings["extra"]
            if groups & set(extra["groups"])
        ]
        # A host reaches itself over loopback.
        others = [
            {**rule, "sources": [source for source in rule["sources"] if source != host.address]} for rule in rules
        ]
        return [rule for rule in others if rule["sources"]]

    def plan(self) -> dict[str, Any]:
        """What is the same on every host."""
        return {"enabled": self.settings["enabled"], "ssh_sources": self.settings["ssh_sources"]}

    def _check_sources(self, problems: Problems) -> None:
        place = Place(path="webapp_firewall")
        lists = [(place / "ssh_sources", self.settings["ssh_sources"])]
        lists += [
            (place / "extra" / at / "sources", extra["sources"]) for at, extra in enumerate(self.settings["extra"])
        ]
        for here, sources in lists:
            for at, source in enumerate(sources):
                if source and not is_source(source):
                    problems.add(f"{source!r} is no IP address, network or any", here / at)

    def _check_addresses(self, inputs: Inputs, problems: Problems) -> None:
        for name in dict.fromkeys(host for group in GROUPS for host in inputs.groups.get(group, ())):
            if not is_address(inputs.hosts[name].address):
                problems.add(
                    f"the address of {name} is {inputs.hosts[name].address!r}, and a firewall needs IP addresses",
                    "inventory",
                    f"give {name} webapp_address (or ansible_host), or set webapp_firewall: {{enabled: false}}",
                )


def _rule(ports: Sequence[int], protocol: str, sources: Sequence[str], comment: str) -> dict[str, Any]:
    return {"ports": list(ports), "protocol": protocol, "sources": list(sources), "comment": comment}
