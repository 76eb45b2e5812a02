# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a store keeps of one fire, and what a store has to do."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

# Somebody takes it and may or may not have started it yet.
TAKEN = "taken"
RUNNING = "running"
FINISHED = "finished"
# Its host died half-way, or cannot tell.
LOST = "lost"
# Nobody started it: the host that took it died before.
FREE = "free"
# The fire before it still ran.
SKIPPED = "skipped"
OPEN = (TAKEN, RUNNING)
UNSETTLED = (*OPEN, FREE)


@dataclass(frozen=True)
class Record:
    """One fire of one job. `token` is of who took it last, `writer` of who wrote the revision."""

    job: str
    fire: str
    state: str
    token: str
    node: str
    writer: str
    revision: int = 1
    attempt: int = 1
    # Started after somebody else's death: the next fire waits for it.
    late: bool = False
    started: str = ""
    # When its host last said that it goes on, by that host's clock: for people, no guard decides by it.
    alive: str = ""
    seconds: float | None = None
    exit_code: int | None = None
    timed_out: bool = False
    why: str = ""
    tail: str = ""

    @property
    def key(self) -> str:
        return f"{self.job}/{self.fire}"

    def dump(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)


def load(text: str) -> Record:
    return Record(**json.loads(text))


class StoreDown(Exception):
    """The store did not answer, or not for sure: what was asked for may have been done."""


class StoreRefused(Exception):
    """This store cannot keep the promise, whatever is tried."""


class Store:
    """Keeps records by key. Each change is one revision; of two writers of the same one gets it.

    All methods raise StoreDown. `create` and `swap` may be called again after that, with the same arguments: what has
    been done already counts as done.
    """

    def check(self) -> float:
        """The store's clock, in seconds since 1970. Raises StoreRefused where it would forget. Changes nothing."""
        raise NotImplementedError

    def make(self) -> None:
        """Makes what records are kept in, where that is not there yet."""

    def create(self, record: Record) -> bool:
        """Whether this writer's record is the first of its key, and is kept for good."""
        raise NotImplementedError

    def swap(self, record: Record) -> bool:
        """Replaces the revision before this record's, if it is the last one. For good too."""
        raise NotImplementedError

    def get(self, job: str, fire: str) -> Record | None:
        """The last revision that is kept for good."""
        raise NotImplementedError

    def unsettled(self, job: str, before: str) -> list[Record]:
        """Those of fires before this one that are not over, the oldest first."""
        raise NotImplementedError

    def last(self, job: str, count: int) -> list[Record]:
        """The last ones of all, the oldest first."""
        raise NotImplementedError

    def forget(self, job: str, before: str) -> None:
        """Drops fires before this one."""
        raise NotImplementedError

    def close(self) -> None:
        """Says goodbye."""
