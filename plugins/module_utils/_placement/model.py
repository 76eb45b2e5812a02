# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs, what hosts show of them, and where they go. Private to this collection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ABSENT = "absent"
SINGLE = "single"
SUSPENDED = "suspended"


@dataclass(frozen=True)
class Job:
    """As far as its place depends on it. `state` is present, suspended or absent."""

    id: str
    strategy: str = SINGLE
    state: str = "present"
    candidates: frozenset[str] = frozenset()
    owner: str = ""


@dataclass(frozen=True)
class Note:
    """Who may hold a job, as of a turn; every host of a run keeps it for all jobs."""

    turn: int
    strategy: str = SINGLE
    holders: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """What one host shows: the strategies of the jobs it has, its notes, and the mark of the store of its guards."""

    shows: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, Note] = field(default_factory=dict)
    store: str = ""


@dataclass(frozen=True)
class Place:
    """Where a job is to be at the end of a phase: who keeps or gets it, and who may be given it now."""

    holds: frozenset[str]
    writes: frozenset[str]
    note: Note | None
    waiting: str = ""


@dataclass
class Plan:
    """The same by host. `waiting` says of each job that could not be put where it belongs why not."""

    holds: dict[str, list[str]] = field(default_factory=dict)
    writes: dict[str, list[str]] = field(default_factory=dict)
    notes: dict[str, Note] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)
