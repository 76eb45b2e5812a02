# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# Pure: upstreams in, text out.

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest

from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.upstreams import (
    ACTIVE,
    DRAINED,
    DRAINING,
    Pools,
    Server,
    Upstream,
)

NATIVE_STICKY = (1, 29, 6)


def render(pools: Pools, version: tuple[int, ...]) -> str:
    """The upstreams as nginx reads them, and the variables that routes to sticky ones use."""
    native = version >= NATIVE_STICKY
    blocks = [text for upstream in pools.upstreams for text in _blocks(pools, upstream, native)]
    if any(upstream.sticky_cookie for upstream in pools.upstreams) and not native:
        blocks.insert(0, _shared_maps())
    return "\n".join(blocks)


def _blocks(pools: Pools, upstream: Upstream, native: bool) -> Iterator[str]:
    yield _pool(pools, upstream, native)
    if not upstream.sticky_cookie:
        return
    if not native:
        for server in upstream.servers:
            if pools.state(upstream, server) != DRAINED:
                yield _block(
                    f"upstream {upstream.alone(server)}",
                    [
                        f"server {server.endpoint};",
                        f"keepalive {upstream.keepalive};",
                        f"keepalive_timeout {upstream.keepalive_timeout}s;",
                    ],
                )
    yield from _sticky_maps(pools, upstream, native)


def _pool(pools: Pools, upstream: Upstream, native: bool) -> str:
    methods = {
        "round_robin": [],
        "least_conn": ["least_conn;"],
        "ip_hash": ["ip_hash;"],
        "hash": [f'hash "{upstream.key}"{" consistent" if upstream.consistent else ""};'],
    }
    lines = [f"zone {upstream.name} {64 + 2 * len(upstream.servers)}k;", *methods[upstream.method]]
    lines += [_server_line(pools, upstream, server, native) for server in _in_turns(upstream.servers)]
    if native and upstream.sticky_cookie:
        secure = " secure" if upstream.sticky_secure else ""
        lines.append(f"sticky cookie {upstream.sticky_cookie} path=/ httponly samesite=lax{secure};")
    lines += [
        f"keepalive {max(upstream.keepalive, 2 * len(upstream.servers))};",
        f"keepalive_timeout {upstream.keepalive_timeout}s;",
    ]
    return _block(f"upstream {upstream.name}", lines)


def _server_line(pools: Pools, upstream: Upstream, server: Server, native: bool) -> str:
    sticky = native and bool(upstream.sticky_cookie)
    words = [f"server {server.endpoint}"]
    words += [f"weight={server.weight}"] if server.weight != 1 else []
    words += [f"max_fails={upstream.max_fails}", f"fail_timeout={upstream.fail_timeout}s"]
    words += ["backup"] if server.backup else []
    words += [f"route={upstream.identity(server)}"] if sticky else []
    state = pools.state(upstream, server)
    words += ["drain" if sticky and state == DRAINING else "down"] if state != ACTIVE else []
    return " ".join(words) + ";"


def _in_turns(servers: Sequence[Server]) -> list[Server]:
    """Addresses take turns, so that a retry goes to another host."""
    by_address: dict[str, list[Server]] = {}
    for server in servers:
        by_address.setdefault(server.address, []).append(server)
    return [server for turn in zip_longest(*by_address.values()) for server in turn if server]


def _shared_maps() -> str:
    return "\n".join(
        [
            "# The server that answered: the last one that was tried.",
            _map("$upstream_addr", "$sticky_address", {'"~(?<sticky_last>[^ ,]+)$"': "$sticky_last"}),
            _map("$scheme", "$sticky_secure", {"https": '"; Secure"'}),
        ]
    )


def _sticky_maps(pools: Pools, upstream: Upstream, native: bool) -> Iterator[str]:
    """Three variables for each route: where to, whether to give up when that failed, and the cookie to set."""
    cookie, usable = upstream.sticky_cookie, [one for one in upstream.servers if pools.state(upstream, one) != DRAINED]
    if native:
        yield _map("$host", f"${cookie}_upstream", {}, upstream.name)
        yield _map("$host", f"${cookie}_set_cookie", {})
    else:
        secure = "; Secure" if upstream.sticky_secure else "$sticky_secure"
        yield _map(
            f"$cookie_{cookie}",
            f"${cookie}_upstream",
            {upstream.identity(server): upstream.alone(server) for server in usable},
            upstream.name,
        )
        yield _map(
            "$sticky_address",
            f"${cookie}_answered",
            {f'"{server.endpoint}"': upstream.identity(server) for server in upstream.servers},
        )
        yield _map(
            f'"$status|${cookie}_answered|$cookie_{cookie}"',
            f"${cookie}_set_cookie",
            {
                '"~^50[24]\\|"': '""',
                '"~^[0-9]+\\|\\|"': '""',
                '"~^[0-9]+\\|([0-9a-f]+)\\|\\1$"': '""',
            },
            f'"{cookie}=${cookie}_answered; Path=/; HttpOnly; SameSite=Lax{secure}"',
        )
    # A request that is not idempotent goes to the pool only when not a byte of it was sent. The pool gets none twice.
    pool, sent = upstream.name.replace(".", "\\."), "(POST|LOCK|PATCH)\\|[^|]*[1-9][^|]*\\|"
    yield _map(
        f'"${cookie}_upstream|$request_method|$upstream_bytes_sent|$upstream_status"',
        f"${cookie}_give_up",
        {
            f'"~^{pool}\\|.*504$"': "504",
            f'"~^{pool}\\|"': "502",
            f'"~\\|{sent}.*504$"': "504",
            f'"~\\|{sent}"': "502",
        },
    )


def _map(source: str, target: str, entries: Mapping[str, str], default: str = '""') -> str:
    return _block(
        f"map {source} {target}", [f"default {default};", *(f"{key} {value};" for key, value in entries.items())]
    )


def _block(head: str, lines: Sequence[str]) -> str:
    inner = "".join(f"    {line}\n" for line in lines)
    return f"{head} {{\n{inner}}}\n"
