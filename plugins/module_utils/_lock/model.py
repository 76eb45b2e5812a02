# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who holds the deploy lock, and what a second one may do about it; touches nothing. Private to this collection."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError

VERSION = 1


@dataclass(frozen=True)
class Process:
    """The ansible process that holds the lock, so that it can be asked on its own machine whether it is still there.

    `machine` names the machine and its process namespace, `boot` one run of it; `start` tells apart two processes that
    got the same number. Empty where the system does not tell.
    """

    machine: str = ""
    boot: str = ""
    pid: int = 0
    start: str = ""


@dataclass(frozen=True)
class Holder:
    """One run. `note` is what the run writes for the one that takes over after its death."""

    run: str
    owner: str
    reason: str
    since: str
    process: Process = field(default_factory=Process)
    note: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.owner} since {self.since} ({self.reason or 'no reason given'})"


def load(text: str, path: str) -> Holder | None:
    """The holder in a lock file; None where the file is empty, as it is after a crash of the machine."""
    if not text.strip():
        return None
    try:
        data = json.loads(text)
        if data.pop("version") != VERSION:
            raise ValueError
        return Holder(**{**data, "process": Process(**data["process"])})
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ScaleoutError(
            "it is no deploy lock of this version", path, "see that nobody deploys, then remove the file"
        ) from None


def dump(holder: Holder) -> str:
    return json.dumps({"version": VERSION, **asdict(holder)}, indent=1, sort_keys=True) + "\n"


def is_dead(holder: Process, here: Process, start_now: str) -> bool:
    """Whether the holder certainly runs no more, as seen from a process on `here`.

    `start_now` is when the process that has the holder's number on this machine began, empty if there is none. A holder
    on another machine, or in another container, is never called dead.
    """
    if not holder.machine or holder.machine != here.machine or not (holder.boot and holder.start):
        return False
    return holder.boot != here.boot or holder.start != start_now
