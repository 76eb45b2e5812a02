# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# What all parts of one task share: looking at every member, asking one, waiting. Nothing here changes a set.

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.client import UNAUTHORIZED, Commands
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.codes import PASSING, PAUSE
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.model import (
    Config,
    Live,
    Seen,
    ServerError,
    Step,
    UnreachableError,
    Wanted,
    normalise,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.wanted import complete_write_concern


@dataclass
class Outcome:
    """What was done, or would be. `before` and `after` are None where they cannot be read."""

    steps: list[Step] = field(default_factory=list)
    before: Live | None = None
    after: Live | None = None
    primary: str = ""
    warnings: list[str] = field(default_factory=list)
    message: str = ""


class NeedsLoginError(ScaleoutError):
    """The configuration is not told to strangers."""


@dataclass
class Session:
    """One task on one replica set."""

    wanted: Wanted
    client: Commands
    seed: str
    has_login: bool
    check: bool = False
    wait_timeout: float = 300
    max_lag: float = 10
    lost: frozenset[str] = frozenset()
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        self.deadline = self.clock() + self.wait_timeout
        self.names = [member.name for member in self.wanted.members]
        self.where = f"replica set {self.wanted.name}"
        self.outcome = Outcome()
        self.same = ""
        # What the last survey found.
        self.seen: dict[str, Seen] = {}
        self.given: frozenset[int] = frozenset()

    @property
    def over(self) -> bool:
        """Whether the time of the task is."""
        return self.clock() >= self.deadline

    def late(self) -> bool:
        """Pause, unless the time is over."""
        if self.over:
            return True
        self.sleep(PAUSE)
        return False

    def ask(self, address: str, name: str, value: Any = 1, **more: Any) -> dict[str, Any]:
        """Over loopback where that is the same process: it may do there what it refuses to strangers."""
        return self.client.command(self.seed if address == self.same else address, name, value, **more)

    # Looking

    def look_at(self, addresses: Iterable[str]) -> dict[str, Seen]:
        """Ask all at the same time, so that many silent ones cost no more than one."""
        once = list(dict.fromkeys(addresses))
        if not once:
            return {}
        with ThreadPoolExecutor(len(once)) as pool:
            return dict(zip(once, pool.map(self.client.look, once)))

    def survey(self) -> dict[str, Seen]:
        """Every listed member, and where the task started; refuses what cannot be a member of this set."""
        seen = self.look_at([*self.names, self.seed])
        process = seen[self.seed].process
        self.same = next((name for name in self.names if process is not None and seen[name].process == process), "")
        self._judge(seen)
        self.seen = seen
        return seen

    def _judge(self, seen: dict[str, Seen]) -> None:
        silent = [f"{one.address} ({one.cause})" for one in seen.values() if one.state == "silent"]
        if silent and not self.check:
            fix = "every listed member has to run and to be reachable from here"
            if len(silent) > len(self.names) // 2 and any(one.state == "member" for one in seen.values()):
                fix += (
                    "; most of them do not answer, so the set has no majority: if they are lost for good see force and"
                    " lost_members"
                )
            raise UnreachableError(f"no answer from {', '.join(silent)}", self.where, fix)
        for one in seen.values():
            if one.state == "standalone":
                raise ScaleoutError(
                    "it runs without a replica set", one.address, "start it with replication.replSetName"
                )
            if one.set_name and one.set_name != self.wanted.name:
                raise ScaleoutError(
                    f"it belongs to the replica set {one.set_name}, not to {self.wanted.name}",
                    one.address,
                    "list members of one set only",
                )
        processes: dict[str, str] = {}
        for name in self.names:
            other = processes.setdefault(str(seen[name].process or name), name)
            if other != name:
                raise ScaleoutError(f"{other} is the same process", name, "list each member under one name")

    def primary(self) -> str:
        """Who is primary, also while one is elected."""
        return self.survey_with_primary()[1]

    def survey_with_primary(self, recent: dict[str, Seen] | None = None) -> tuple[dict[str, Seen], str]:
        """What was seen just now need not be looked for again, if a primary is in it."""
        while True:
            seen = recent or self.survey()
            recent = None
            named = {one.primary for one in seen.values() if one.primary}
            known = {**self.look_at(named - set(seen)), **seen}
            # Who was just killed or wiped is the primary of others until they miss it.
            primary = next((name for name in sorted(named) if known[name].primary == name), "")
            if primary:
                return seen, primary
            self._require_majority()
            if self.late():
                states = ", ".join(f"{one.address} is {one.state}" for one in known.values())
                raise ScaleoutError(
                    f"no primary within {self.wait_timeout:g} s: {states}",
                    self.where,
                    "see that a majority of the voting members runs and that they reach each other;"
                    " for a majority that is lost for good see force and lost_members",
                )

    def _require_majority(self) -> None:
        """Who waits for a primary that can never come is told at once."""
        # Imported late: most calls need none of it, and would take longer.
        from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.quorum import left_of

        left = left_of(self)
        if left and not left.has_majority:
            raise UnreachableError(
                f"no majority of its voting members answers, so it has no primary: no answer from {left.told()}",
                self.where,
                "start them; if they are lost for good, run this task with force and these as lost_members",
            )

    # Reading

    def read(self, recent: dict[str, Seen] | None = None) -> Live:
        """The set as its primary and its members tell it."""
        while True:
            seen, primary = self.survey_with_primary(recent)
            recent = None
            try:
                config = Config.of(self.ask(primary, "replSetGetConfig")["config"])
                defaults = self.ask(primary, "getDefaultRWConcern")
            except ServerError as error:
                if error.code == UNAUTHORIZED:
                    raise self._needs_login(error) from error
                if error.code not in PASSING or self.late():
                    raise
            except UnreachableError:
                if self.late():
                    raise
            else:
                explicit = defaults.get("defaultWriteConcernSource", "global") == "global"
                concern = defaults.get("defaultWriteConcern") if explicit else None
                return self._live(config, primary, complete_write_concern(concern) if concern else None, seen)

    def _live(self, config: Config, primary: str, concern: dict[str, Any] | None, seen: dict[str, Seen]) -> Live:
        others = [member.name for member in config.members if member.name not in self.names]
        known = {**seen, **self.look_at(others)}
        self.given |= config.given
        renamed = {}
        for name in self.names:
            me = seen[name].me
            if config.find(name) is None and me in others and known[me].process in (None, seen[name].process):
                renamed[name] = me
        states = {name: known[name].state for name in (*self.names, *others)}
        return Live(config, primary, concern, states, renamed, self.given)

    def known(self, live: Live) -> Live:
        """With the numbers that others remember."""
        return replace(live, given=self.given | live.given)

    def _needs_login(self, error: ServerError) -> ScaleoutError:
        if self.has_login:
            return ServerError(f"{error.what}; the user needs the role clusterAdmin", error.where, error.code)
        return NeedsLoginError("authentication is on", error.where, "give login_user and login_password")

    def statuses(self, recent: str = "") -> dict[str, dict[str, Any]]:
        """How the primary sees each member; `lag` is what it is behind. Empty while a primary is elected.

        A primary that was seen just now need not be looked for.
        """
        primary = recent or self.primary()
        try:
            members = self.ask(primary, "replSetGetStatus")["members"]
        except (ServerError, UnreachableError) as error:
            if isinstance(error, ServerError) and error.code not in PASSING:
                raise
            return {}
        newest = max((one["optimeDate"] for one in members if one.get("state") == 1), default=None)
        states = {}
        for one in members:
            behind = newest - one["optimeDate"] if newest and "optimeDate" in one else None
            lag = max(0.0, behind.total_seconds()) if behind is not None else None
            states[normalise(one["name"])] = {**one, "lag": lag}
        return states
