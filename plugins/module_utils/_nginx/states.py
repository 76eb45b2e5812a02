# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# Pure: which servers may leave their upstreams.

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.model import NginxConfigError
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.upstreams import (
    ACTIVE,
    Pools,
    Server,
    Upstream,
)


@dataclass(frozen=True)
class Selection:
    """Which servers are meant: those that every list names. An empty list names all."""

    upstreams: Sequence[str] = ()
    hosts: Sequence[str] = ()
    servers: Sequence[str] = ()

    def has(self, upstream: Upstream, server: Server) -> bool:
        return (
            (not self.upstreams or upstream.name in self.upstreams)
            and (not self.hosts or server.host in self.hosts)
            and (not self.servers or server.name in self.servers)
        )


def select(pools: Pools, selection: Selection) -> list[tuple[Upstream, Server]]:
    """The servers that are meant. A name that nothing has is an error."""
    every = [(upstream, server) for upstream in pools.upstreams for server in upstream.servers]
    for option, wanted, known in (
        ("upstreams", selection.upstreams, {upstream.name for upstream in pools.upstreams}),
        ("hosts", selection.hosts, {server.host for _upstream, server in every}),
        ("servers", selection.servers, {server.name for _upstream, server in every}),
    ):
        unknown = sorted(set(wanted) - known)
        if unknown:
            there = ", ".join(sorted(known - {""})[:20]) or "nothing"
            raise NginxConfigError(
                f"{option}: this balancer has no {', '.join(unknown)}; it has {there}", stage="input"
            )
    return [(upstream, server) for upstream, server in every if selection.has(upstream, server)]


def out_for(pools: Pools, selected: Sequence[tuple[Upstream, Server]], reason: str) -> list[tuple[Upstream, Server]]:
    """Of the selected servers those that are out for this reason."""
    return [
        (upstream, server)
        for upstream, server in selected
        if pools.state(upstream, server) != ACTIVE and pools.reason(upstream, server) == reason
    ]


def change(pools: Pools, selected: Sequence[tuple[Upstream, Server]], state: str, reason: str = "") -> Pools:
    """The pools with these servers in this state. One that is out already keeps its reason."""
    states = {name: dict(servers) for name, servers in pools.states.items()}
    reasons = {name: dict(servers) for name, servers in pools.reasons.items()}
    for upstream, server in selected:
        before = states.setdefault(upstream.name, {}).pop(server.name, None)
        if state == ACTIVE:
            reasons.get(upstream.name, {}).pop(server.name, None)
            continue
        states[upstream.name][server.name] = state
        if reason and not before:
            reasons.setdefault(upstream.name, {})[server.name] = reason
    return Pools(pools.upstreams, _filled(states), _filled(reasons))


def _filled(by_upstream: Mapping[str, Mapping[str, str]]) -> dict[str, Mapping[str, str]]:
    return {upstream: servers for upstream, servers in by_upstream.items() if servers}


def left_over(before: Pools, after: Pools) -> list[tuple[Upstream, list[Server]]]:
    """The upstreams that lose servers, and those that stay. One that answers must be among them."""
    return [
        (upstream, after.active(upstream))
        for upstream in after.upstreams
        if set(before.active(upstream)) - set(after.active(upstream))
    ]


def refuse_last(
    staying: Sequence[tuple[Upstream, Sequence[Server]]], answers: Callable[[Upstream, Server], bool]
) -> None:
    """An upstream keeps a server that answers, or nothing is drained at all."""
    for upstream, servers in staying:
        if not any(answers(upstream, server) for server in servers):
            others = ", ".join(f"{server.name} ({server.endpoint})" for server in servers)
            why = f"none of the others answers: {others}" if others else "no other server is active"
            raise NginxConfigError(
                f"{upstream.name} would be left without a server: {why}. Nothing was drained."
                " Mend or activate another server first.",
                stage="last",
            )


def carry(upstreams: tuple[Upstream, ...], old: Pools) -> Pools:
    """New upstreams with the states of old ones; a server that is gone takes its state along."""
    names = {upstream.name: {server.name for server in upstream.servers} for upstream in upstreams}

    def kept(by_upstream: Mapping[str, Mapping[str, str]]) -> dict[str, Mapping[str, str]]:
        return _filled(
            {
                upstream: {server: text for server, text in servers.items() if server in names.get(upstream, ())}
                for upstream, servers in by_upstream.items()
            }
        )

    pools = Pools(upstreams, kept(old.states), kept(old.reasons))
    for upstream in upstreams:
        if not pools.active(upstream):
            raise NginxConfigError(
                f"{upstream.name} would have drained servers only ({', '.join(one.name for one in upstream.servers)}):"
                " activate one first, with the module nginx_upstream",
                stage="input",
            )
    return pools
