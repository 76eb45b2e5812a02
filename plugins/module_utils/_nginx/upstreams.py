# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# Pure: what upstreams are, from options or from disk and back.

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.model import NginxConfigError

ACTIVE, DRAINING, DRAINED = "active", "draining", "drained"
TEXT_FILE, DATA_FILE = "upstreams.conf", "upstreams.json"

States = Mapping[str, Mapping[str, str]]
"""By upstream and server, for servers that are not active."""

Reasons = Mapping[str, Mapping[str, str]]
"""By upstream and server, why one is not active; absent where nobody said."""


@dataclass(frozen=True)
class Server:
    """One process behind an upstream. IPv6 addresses are in brackets."""

    name: str
    address: str
    port: int
    host: str = ""
    weight: int = 1
    backup: bool = False

    @property
    def endpoint(self) -> str:
        return f"{self.address}:{self.port}"


@dataclass(frozen=True)
class Upstream:
    """A pool of processes, and how requests are spread over them."""

    name: str
    servers: tuple[Server, ...]
    method: str = "round_robin"
    key: str = ""
    consistent: bool = True
    max_fails: int = 3
    fail_timeout: int = 5
    keepalive: int = 64
    keepalive_timeout: int = 4
    sticky_cookie: str = ""
    sticky_secure: bool = False
    health_path: str = ""
    health_status: int = 200

    def identity(self, server: Server) -> str:
        """What a cookie calls a server: tells a visitor nothing, and outlives a change of address."""
        return hashlib.sha256(f"{self.name}/{server.name}".encode()).hexdigest()[:12]

    def alone(self, server: Server) -> str:
        """The upstream that has this server only."""
        return f"{self.name}.{self.identity(server)}"


@dataclass(frozen=True)
class Pools:
    """The upstreams of a balancer, which of their servers are out, and why."""

    upstreams: tuple[Upstream, ...] = ()
    states: States = field(default_factory=dict)
    reasons: Reasons = field(default_factory=dict)

    def state(self, upstream: Upstream, server: Server) -> str:
        return self.states.get(upstream.name, {}).get(server.name, ACTIVE)

    def reason(self, upstream: Upstream, server: Server) -> str:
        return self.reasons.get(upstream.name, {}).get(server.name, "")

    def active(self, upstream: Upstream) -> list[Server]:
        return [server for server in upstream.servers if self.state(upstream, server) == ACTIVE]


def read_upstreams(given: Sequence[Mapping[str, Any]]) -> tuple[Upstream, ...]:
    """Options of a module, or what lies on disk. Absent and null mean the usual value."""
    upstreams = tuple(_upstream({key: value for key, value in one.items() if value is not None}) for one in given)
    for upstream in upstreams:
        _check(upstream)
    names = [upstream.name for upstream in upstreams]
    cookies = [upstream.sticky_cookie for upstream in upstreams if upstream.sticky_cookie]
    for what, found in (("name", names), ("sticky_cookie", cookies)):
        twice = _twice(found)
        if twice:
            raise NginxConfigError(f"upstreams: two have the {what} {', '.join(twice)}", stage="input")
    return upstreams


def _upstream(given: dict[str, Any]) -> Upstream:
    servers = tuple(
        _server({key: value for key, value in one.items() if value is not None}) for one in given["servers"]
    )
    return Upstream(**{**given, "servers": servers})


def _server(given: dict[str, Any]) -> Server:
    named = {"name": f"{given['address']}:{given['port']}", **given}
    address = named["address"].strip("[]")
    if ":" in address:
        try:
            named["address"] = f"[{ip_address(address)}]"
        except ValueError:
            raise NginxConfigError(f"upstreams: {named['address']!r} is no address", stage="input") from None
    return Server(**named)


def _check(upstream: Upstream) -> None:
    def wrong(what: str) -> NginxConfigError:
        return NginxConfigError(f"upstreams: {upstream.name}: {what}", stage="input")

    if not upstream.servers:
        raise wrong("has no servers; give it one, or take it and its routes away")
    for what, found in (
        ("name", [server.name for server in upstream.servers]),
        ("address and port", [server.endpoint for server in upstream.servers]),
    ):
        twice = _twice(found)
        if twice:
            raise wrong(f"two servers have the {what} {', '.join(twice)}")
    if (upstream.method == "hash") != bool(upstream.key):
        raise wrong("method hash and key belong together, such as key: $request_uri")
    if upstream.method in ("hash", "ip_hash") and any(server.backup for server in upstream.servers):
        raise wrong(f"nginx allows no backup servers with the method {upstream.method}")
    if all(server.backup for server in upstream.servers):
        raise wrong("all servers are backup servers; leave one that is not")
    if upstream.sticky_cookie:
        for server in upstream.servers:
            try:
                ip_address(server.address.strip("[]"))
            except ValueError:
                raise wrong(f"is sticky, which needs IP addresses, and {server.name} has {server.address}") from None


def _twice(names: Sequence[str]) -> list[str]:
    return sorted(name for name, count in Counter(names).items() if count > 1)


def dump(pools: Pools, given: Sequence[Mapping[str, Any]]) -> str:
    """What a later run reads back: the upstreams as they were given, and the states with their reasons."""
    data: dict[str, Any] = {"upstreams": list(given), "states": pools.states}
    if pools.reasons:
        data["reasons"] = pools.reasons
    return json.dumps(data, indent=1, sort_keys=True) + "\n"
