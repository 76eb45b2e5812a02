# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run uses of the files and git repositories that the inventory names. Pure. Private to this collection."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PARTS = ("source", "runtime", "tls", "mongodb")


@dataclass(frozen=True)
class Usage:
    """Parts that the tags choose, and hosts that the limit leaves; None: all of them."""

    parts: Collection[str] = PARTS
    hosts: Collection[str] | None = None
    groups: Mapping[str, Sequence[str]] | None = None

    def of_app(self, app: Any) -> Collection[str]:
        """The parts of an app that are used. Apps are unchecked here."""
        own = app.get("hosts") if isinstance(app, Mapping) else None
        hosts = own if isinstance(own, Sequence) and not isinstance(own, str) else self._group("app")
        parts = {"source", "runtime"} if self._any_of(hosts) else set()
        return (parts | ({"tls"} if self._any_of(self._group("loadbalancer")) else set())) & set(self.parts)

    def of_mongodb(self) -> Collection[str]:
        return {"mongodb"} & set(self.parts) if self._any_of(self._group("mongodb")) else set()

    def _group(self, name: str) -> Sequence[str]:
        return (self.groups or {}).get(name, ())

    def _any_of(self, hosts: Sequence[Any]) -> bool:
        return self.hosts is None or any(host in self.hosts for host in hosts)


def parts_of_run(uses: Mapping[str, Sequence[str]], run: Collection[str], skip: Collection[str]) -> set[str]:
    """The parts that a playbook uses when it is run with these tags.

    Each part has the tags under which it is used, first the one that all its tasks have; without tags it always is.
    """
    return {part for part, tags in uses.items() if not tags or (_chosen(tags, run) and tags[0] not in skip)}


def _chosen(tags: Sequence[str], run: Collection[str]) -> bool:
    return bool({"all", "tagged", *tags} & set(run))
