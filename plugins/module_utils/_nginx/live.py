# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# Pure: from options, or from what lies on disk, to a configuration with the states of its servers.

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.model import Desired, Disk, NginxConfigError
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.plan import (
    GENERATION,
    TREE,
    desire,
    generation_in,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.render import render
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.states import carry
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.upstreams import (
    DATA_FILE,
    TEXT_FILE,
    Pools,
    dump,
    read_upstreams,
)


@dataclass(frozen=True)
class Live:
    """The configuration on disk, as it was before placeholders were filled in."""

    main: str
    files: Mapping[str, str]
    given: Sequence[Mapping[str, Any]]
    pools: Pools

    def with_pools(
        self, pools: Pools, tree: str, version: tuple[int, ...], given: Sequence[Mapping[str, Any]] | None = None
    ) -> Desired:
        """The same configuration, with other upstreams, or its servers in other states."""
        data = dump(pools, self.given if given is None else given)
        return self.with_files({TEXT_FILE: render(pools, version), DATA_FILE: data}, tree)

    def with_files(self, changed: Mapping[str, str], tree: str) -> Desired:
        """The same configuration, some of its files with another content."""
        return desire(self.main, {**self.files, **changed}, tree)


def with_servers(
    live: Live, wanted: Mapping[str, Sequence[Mapping[str, Any]]], hosts: Sequence[str]
) -> tuple[Pools, list[Mapping[str, Any]]]:
    """The pools with these servers, by upstream, and their upstreams as they are kept. Servers keep their states.

    With `hosts` only servers of these change: those of other hosts stay as they are.
    """
    known = [given["name"] for given in live.given]
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        raise NginxConfigError(
            f"upstreams: this balancer has no {', '.join(unknown)}; it has {', '.join(known) or 'none'}."
            " Configure nginx first",
            stage="input",
        )
    given = [
        {**one, "servers": _merged(one["servers"], wanted[one["name"]], hosts)} if one["name"] in wanted else one
        for one in live.given
    ]
    return carry(read_upstreams(given), live.pools), given


def _merged(
    live: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]], hosts: Sequence[str]
) -> list[Mapping[str, Any]]:
    """In the order of what is wanted; what stays of other hosts and is not wanted comes last."""
    if not hosts:
        return list(wanted)
    kept = {_name(one): one for one in live if one.get("host", "") not in hosts}
    merged = [
        one if one.get("host", "") in hosts else kept.pop(_name(one))
        for one in wanted
        if one.get("host", "") in hosts or _name(one) in kept
    ]
    return [*merged, *kept.values()]


def _name(server: Mapping[str, Any]) -> str:
    return str(server.get("name") or f"{server['address']}:{server['port']}")


def read_live(disk: Disk, tree: str) -> Live | None:
    """None where no configuration with upstreams is there."""
    generation = generation_in(disk.main, tree) or ""
    found = disk.generations.get(generation, {})
    if disk.main is None or DATA_FILE not in found:
        return None

    def unfill(text: str) -> str:
        return text.replace(f"{tree}/{generation}", TREE).replace(generation, GENERATION)

    try:
        data = json.loads(found[DATA_FILE])
        pools = Pools(read_upstreams(data["upstreams"]), data["states"], data.get("reasons", {}))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise NginxConfigError(
            f"{tree}/{generation}/{DATA_FILE} is not as this module writes it; configure nginx again", stage="input"
        ) from None
    return Live(unfill(disk.main), {path: unfill(text) for path, text in found.items()}, data["upstreams"], pools)


def with_upstreams(
    files: Mapping[str, str], given: Sequence[Mapping[str, Any]], disk: Disk, tree: str, version: tuple[int, ...]
) -> dict[str, str]:
    """The files and those of the upstreams, whose servers stay in the states that they have on disk."""
    taken = sorted({TEXT_FILE, DATA_FILE} & set(files))
    if taken:
        raise NginxConfigError(f"files: {', '.join(taken)} comes from upstreams; take it away", stage="input")
    stripped = [stripped_of(upstream) for upstream in given]
    live = read_live(disk, tree)
    pools = carry(read_upstreams(stripped), live.pools if live else Pools())
    return {**files, TEXT_FILE: render(pools, version), DATA_FILE: dump(pools, stripped)}


def stripped_of(upstream: Mapping[str, Any]) -> dict[str, Any]:
    """Without what was not given."""
    kept = {key: value for key, value in upstream.items() if value is not None}
    servers = [{key: value for key, value in server.items() if value is not None} for server in kept["servers"]]
    return {**kept, "servers": servers}
