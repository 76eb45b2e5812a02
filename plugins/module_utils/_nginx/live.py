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

    def with_pools(self, pools: Pools, tree: str, version: tuple[int, ...]) -> Desired:
        """The same configuration, its servers in other states."""
        return self.with_files({TEXT_FILE: render(pools, version), DATA_FILE: dump(pools, self.given)}, tree)

    def with_files(self, changed: Mapping[str, str], tree: str) -> Desired:
        """The same configuration, some of its files with another content."""
        return desire(self.main, {**self.files, **changed}, tree)


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
    stripped = [_stripped(upstream) for upstream in given]
    live = read_live(disk, tree)
    pools = carry(read_upstreams(stripped), live.pools if live else Pools())
    return {**files, TEXT_FILE: render(pools, version), DATA_FILE: dump(pools, stripped)}


def _stripped(upstream: Mapping[str, Any]) -> dict[str, Any]:
    """Without what was not given."""
    kept = {key: value for key, value in upstream.items() if value is not None}
    servers = [{key: value for key, value in server.items() if value is not None} for server in kept["servers"]]
    return {**kept, "servers": servers}
