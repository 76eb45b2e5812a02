# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances of systemd template units: wanted, live, and the steps between. Private to this collection."""

from __future__ import annotations

from dataclasses import dataclass, field

VARIABLE = "SCALEOUT_CONFIG"


@dataclass(frozen=True)
class Wanted:
    """One instance that is to run, and the digest of the configuration it is to run with."""

    unit: str
    digest: str
    digest_file: str
    url: str = ""
    status: int = 200
    timeout: float = 5
    start_timeout: float = 90

    @property
    def template(self) -> str:
        return template_of(self.unit)


@dataclass(frozen=True)
class Live:
    """One instance as systemd and the kernel show it. Digest and folder are those of the running process."""

    unit: str
    running: bool = False
    enabled: bool = False
    digest: str = ""
    folder: str = ""


@dataclass(frozen=True)
class Step:
    """What is to be done to one unit: start, restart, enable, stop (with disable) or forget (a template)."""

    action: str
    unit: str


@dataclass(frozen=True)
class Plan:
    """Steps in groups: those of a group may be done at once, the groups one after the other."""

    groups: list[list[Step]] = field(default_factory=list)

    @property
    def steps(self) -> list[Step]:
        return [step for group in self.groups for step in group]


def template_of(unit: str) -> str:
    return unit.partition("@")[0] + "@.service"


def instance_of(unit: str) -> str:
    return unit.partition("@")[2]
