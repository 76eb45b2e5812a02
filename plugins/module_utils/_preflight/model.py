# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host should carry, and what it is. Private to this collection."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Port:
    """A TCP port that must be free, or held by its owner: a unit's or a process's name, wildcards allowed."""

    port: int
    owner: str


@dataclass(frozen=True)
class Account:
    """An account that a service gets, or one that is there."""

    name: str
    home: str
    shell: str = ""


@dataclass(frozen=True)
class Wanted:
    """What is declared for one host. Zero and empty mean: not looked at."""

    memory_mb: int = 0
    reserved_memory_mb: int = 0
    processes: int = 0
    reserved_cores: int = 0
    free_disk_mb: int = 0
    ports: list[Port] = field(default_factory=list)
    port_sharers: list[str] = field(default_factory=list)
    """Owners, wildcards allowed, that hand their ports to each other."""
    addresses: list[str] = field(default_factory=list)
    interfaces: list[str] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)
    distributions: list[str] = field(default_factory=list)
    systemd: bool = False
    time_sync: bool = False


@dataclass(frozen=True)
class Listener:
    """Who listens on a port: names of processes and units, empty when they cannot be seen."""

    port: int
    names: frozenset[str]


@dataclass(frozen=True)
class Host:
    """What a host is, as far as it was asked."""

    memory_mb: int = 0
    cores: int = 1
    free_disk_mb: dict[str, int] = field(default_factory=dict)
    listeners: list[Listener] = field(default_factory=list)
    foreign_addresses: list[str] = field(default_factory=list)
    interfaces: list[str] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)
    """Of the wanted ones those that are there."""
    distribution: str = ""
    systemd: bool = True
    time_synchronised: bool | None = None


@dataclass(frozen=True)
class Findings:
    """Failures stop the run, warnings do not."""

    failures: list[str]
    warnings: list[str]
