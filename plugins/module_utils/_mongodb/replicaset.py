# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# The state machine: look, decide, do one step, look again. What it does to servers goes through the client it is given.

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.client import UNAUTHORIZED
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.model import (
    Config,
    Live,
    LoginRefusedError,
    Seen,
    ServerError,
    Step,
    UnreachableError,
    Wanted,
    normalise,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.plan import (
    founder_of,
    initial,
    initiation,
    make_plan,
    warnings,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.wanted import complete_write_concern

ALREADY_INITIALIZED = 23
MAX_TIME_EXPIRED = 50
INCOMPATIBLE = 103
# An election, a change that is not committed yet, or one of somebody else that is under way: all pass.
NOT_DONE = (109, 117, 308, 10058, 10107, 13435, 13436)
# What was under way when the primary lost its office may have been done.
PASSING = (*NOT_DONE, 91, 189, 11600, 11602)

STEP_SECONDS = 30
HEARTBEAT_SECONDS = 20
PAUSE = 0.5


class Commands(Protocol):
    """What of the client is needed here."""

    def command(self, address: str, name: str, value: Any = 1, login: bool = True, **more: Any) -> dict[str, Any]:
        """Run one command on one member."""

    def look(self, address: str) -> Seen:
        """Ask one address what it is."""


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
class ReplicaSet:
    """One task on one replica set."""

    wanted: Wanted
    client: Commands
    seed: str
    has_login: bool
    check: bool = False
    wait_timeout: float = 300
    max_lag: float = 10
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        self.deadline = self.clock() + self.wait_timeout
        self.names = [member.name for member in self.wanted.members]
        self.outcome = Outcome()
        self.same: str = ""

    def converge(self) -> Outcome:
        if self._is_new():
            config = initial(self.wanted)
            self.outcome.after = Live(config, founder_of(config), self.wanted.write_concern)
            if self.check:
                self.outcome.steps.append(initiation(config))
                self.outcome.warnings += warnings(config)
                return self.outcome
            self._found(config)
        try:
            self._change()
        except NeedsLoginError as error:
            self._compare_names(error)
        except LoginRefusedError as error:
            if not self.outcome.steps:
                raise
            fix = "make the first user with mongodb_user and first_user, then run this task again"
            raise LoginRefusedError(
                f"the set is initiated and has no user yet; {error.what}", error.where, fix
            ) from error
        if self.outcome.steps and not self.check:
            self._settle()
        return self.outcome

    # Looking

    def _survey(self) -> dict[str, Seen]:
        """Ask all at the same time, so that many silent ones cost no more than one."""
        addresses = list(dict.fromkeys([*self.names, self.seed]))
        with ThreadPoolExecutor(len(addresses)) as pool:
            seen = dict(zip(addresses, pool.map(self.client.look, addresses)))
        process = seen[self.seed].process
        # Over loopback the same process may do what it refuses to strangers from elsewhere.
        self.same = next((name for name in self.names if process is not None and seen[name].process == process), "")
        self._judge(seen)
        return seen

    def _judge(self, seen: dict[str, Seen]) -> None:
        """Refuse what cannot be a member of this set, all at once and by name."""
        silent = [f"{one.address} ({one.cause})" for one in seen.values() if one.state == "silent"]
        if silent and not self.check:
            raise UnreachableError(
                f"no answer from {', '.join(silent)}",
                f"replica set {self.wanted.name}",
                "every listed member has to run and to be reachable from here",
            )
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

    def _is_new(self) -> bool:
        seen = self._survey()
        if any(one.state == "member" for one in seen.values()):
            return False
        removed = [one.address for one in seen.values() if one.state == "removed"]
        if removed:
            raise ScaleoutError(
                f"{', '.join(removed)} was removed from a replica set, and no listed member is in one",
                f"replica set {self.wanted.name}",
                "list a member of that set, or wipe what was removed",
            )
        if self.check:
            self.outcome.warnings += [
                f"{one.address} does not answer: {one.cause}" for one in seen.values() if one.cause
            ]
        return True

    def _ask(self, address: str, name: str, value: Any = 1, **more: Any) -> dict[str, Any]:
        return self.client.command(self.seed if address == self.same else address, name, value, **more)

    def _late(self) -> bool:
        """Pause, unless the time is over."""
        if self.clock() >= self.deadline:
            return True
        self.sleep(PAUSE)
        return False

    def _primary(self) -> str:
        """Who is primary, also while one is elected."""
        while True:
            seen = self._survey()
            known = next((one.primary for one in seen.values() if one.primary), "")
            if known:
                return known
            if self._late():
                states = ", ".join(f"{one.address} is {one.state}" for one in seen.values())
                raise ScaleoutError(
                    f"no primary within {self.wait_timeout:g} s: {states}",
                    f"replica set {self.wanted.name}",
                    "see that a majority of the voting members runs and that they reach each other",
                )

    def _read(self) -> Live:
        """The configuration as the primary has it."""
        while True:
            primary = self._primary()
            try:
                config = Config.of(self._ask(primary, "replSetGetConfig")["config"])
                defaults = self._ask(primary, "getDefaultRWConcern")
            except ServerError as error:
                if error.code == UNAUTHORIZED:
                    raise self._needs_login(error) from error
                if error.code not in PASSING or self._late():
                    raise
            except UnreachableError:
                if self._late():
                    raise
            else:
                explicit = defaults.get("defaultWriteConcernSource", "global") == "global"
                concern = defaults.get("defaultWriteConcern") if explicit else None
                return Live(config, primary, complete_write_concern(concern) if concern else None)

    def _needs_login(self, error: ServerError) -> ScaleoutError:
        if self.has_login:
            return ServerError(f"{error.what}; the user needs the role clusterAdmin", error.where, error.code)
        return NeedsLoginError("authentication is on", error.where, "give login_user and login_password")

    # Founding

    def _found(self, config: Config) -> None:
        """Initiate through one member only, however many callers there are; all of them wait until the set is there."""
        founder = founder_of(config)
        why = ""
        while True:
            try:
                self._initiate(founder, config)
            except ServerError as error:
                if error.code == UNAUTHORIZED:
                    why = (
                        "with authentication on a set is initiated over loopback only:"
                        f" run this task also on the host of {founder}, with its loopback address as login_host"
                    )
                elif error.code in (ALREADY_INITIALIZED, *PASSING):
                    why = f"{founder} says: {error.what}"
                else:
                    raise
            # All have answered and none is in a set: whoever appears in one now was put there by this list.
            if any(one.state == "member" for one in self._survey().values()):
                return
            if self._late():
                raise ScaleoutError(
                    f"not initiated within {self.wait_timeout:g} s; {why}", f"replica set {self.wanted.name}"
                )

    def _initiate(self, founder: str, config: Config) -> None:
        document = config.document()
        try:
            self._ask(founder, "replSetInitiate", document, login=False)
        except ServerError as error:
            if error.code != UNAUTHORIZED or not self.has_login:
                raise
            # Users of an earlier life as a single server close the localhost exception, and can log in.
            try:
                self._ask(founder, "replSetInitiate", document)
            except LoginRefusedError:
                raise error from None
        self.outcome.steps.append(initiation(config))

    def _compare_names(self, error: NeedsLoginError) -> None:
        """Without a login only names can be compared: hello tells those of members that are not hidden."""
        seen = self._survey()
        primary = self._primary()
        known = frozenset().union(*(one.names for one in seen.values()))
        hidden = {member.name for member in self.wanted.members if member.given.get("hidden")}
        differing = sorted(known ^ (set(self.names) - hidden)) if not self.outcome.steps else []
        said = f"the members differ ({', '.join(differing)}), and {error.what}"
        if differing and seen[self.seed].state == "member":
            raise ScaleoutError(said, error.where, error.fix)
        # A newcomer's host does first what the founders did, and only then can log in.
        if differing:
            self.outcome.warnings.append(f"{said}: this is left to the next call with a login")
        self.outcome.primary = primary
        self.outcome.message = (
            "without a login only the names of the members are compared;"
            " priorities, settings and the default write concern come with the next call with a login"
        )

    # Changing

    def _change(self) -> None:
        unsure: Step | None = None
        live = self._read()
        self.outcome.before = None if self.outcome.steps else live
        self._check_identities(live)
        while True:
            steps = make_plan(live, self.wanted)
            if unsure and unsure.what not in [step.what for step in steps]:
                self.outcome.steps.append(unsure)
            if self.check or not steps:
                break
            done = self._do(steps[0], live)
            unsure = steps[0] if done is None else None
            if done:
                self.outcome.steps.append(steps[0])
            live = self._read()
        self.outcome.steps += steps
        self.outcome.after = live = _result(live, steps)
        self.outcome.primary = live.primary
        self.outcome.warnings += warnings(live.config)

    def _do(self, step: Step, live: Live) -> bool | None:
        """Whether the step is done; None where nobody knows, and what is live then decides."""
        if step.joins:
            self._wait_for(step.joins)
        try:
            if step.config is None:
                self._ask(live.primary, "setDefaultRWConcern", defaultWriteConcern=step.write_concern)
            else:
                document = step.config.document()
                self._ask(live.primary, "replSetReconfig", document, maxTimeMS=STEP_SECONDS * 1000)
        except ServerError as error:
            overtaken = error.code == INCOMPATIBLE and self._read().config.version != live.config.version
            if (error.code not in (MAX_TIME_EXPIRED, *PASSING) and not overtaken) or self._late():
                raise ScaleoutError(f"{step.what}: {error.what}", error.where) from error
            return False if overtaken or error.code in NOT_DONE else None
        except UnreachableError:
            if self._late():
                raise
            return None
        return True

    def _check_identities(self, live: Live) -> None:
        """Two sets may have one name. Its primary tells who is in this one; any other shows its own configuration."""
        seen = self._survey()
        for name in self.names:
            if seen[name].state not in ("member", "removed"):
                continue
            if live.config.find(name) is None:
                self._check_stranger(name, live)
            elif seen[name].state == "member":
                self._check_heartbeat(name, live)

    def _check_stranger(self, name: str, live: Live) -> None:
        try:
            identity = Config.of(self._ask(name, "replSetGetConfig")["config"]).identity
        except ScaleoutError as error:
            raise ScaleoutError(
                f"it is in some replica set {self.wanted.name}, and which one cannot be read: {error.what}",
                name,
                "wipe it, if it is meant to join",
            ) from error
        if identity != live.config.identity:
            raise ScaleoutError(
                f"it belongs to another replica set of the same name {self.wanted.name}: its identity is {identity},"
                f" that of {live.primary} is {live.config.identity}",
                name,
                "list members of one set only, or wipe it, if it is meant to join",
            )

    def _check_heartbeat(self, name: str, live: Live) -> None:
        until = min(self.deadline, self.clock() + HEARTBEAT_SECONDS)
        while True:
            state = self._status(name)
            if state.get("health") == 1:
                return
            said = state.get("lastHeartbeatMessage") or "no word from it"
            if "IDs do not match" in said or self.clock() >= until:
                raise ScaleoutError(
                    f"it runs, but the primary {live.primary} does not take it for its member: {said}",
                    name,
                    "wipe it if it belongs to another set of the same name; else see that the members reach each other",
                )
            self.sleep(PAUSE)

    def _status(self, name: str) -> dict[str, Any]:
        """How the primary sees one member; `lag` is what it is behind."""
        primary = self._primary()
        try:
            members = self._ask(primary, "replSetGetStatus")["members"]
        except (ServerError, UnreachableError) as error:
            if isinstance(error, ServerError) and error.code not in PASSING:
                raise
            return {}
        newest = max((one["optimeDate"] for one in members if one.get("state") == 1), default=None)
        for one in members:
            if normalise(one["name"]) == name:
                behind = newest - one["optimeDate"] if newest and "optimeDate" in one else None
                return {**one, "lag": max(0.0, behind.total_seconds()) if behind is not None else None}
        return {}

    def _wait_for(self, name: str) -> None:
        """Until a newcomer has the data and is nearly in time; one that is late on purpose may be later by that."""
        delays = {member.name: member.given.get("secondary_delay_secs", 0) for member in self.wanted.members}
        bound = self.max_lag + delays.get(name, 0)
        while True:
            state = self._status(name)
            lag = state.get("lag")
            if state.get("state") in (1, 2) and lag is not None and lag <= bound:
                return
            if self._late():
                behind = "" if lag is None else f", {lag:g} s behind"
                raise ScaleoutError(
                    f"after {self.wait_timeout:g} s it is {state.get('stateStr', 'unknown')}{behind}, and has no vote",
                    name,
                    "run the task again when it has caught up, or raise wait_timeout",
                )

    def _settle(self) -> None:
        """A set is made when its members are at work."""
        while True:
            seen = self._survey()
            waiting = [name for name in self.names if not seen[name].ready]
            if not waiting:
                return
            if self._late():
                raise ScaleoutError(
                    f"{', '.join(waiting)} is neither primary, secondary nor arbiter after {self.wait_timeout:g} s",
                    f"replica set {self.wanted.name}",
                    "see its log; run the task again when it has caught up",
                )


def _result(live: Live, steps: list[Step]) -> Live:
    """What the steps lead to."""
    config, concern = live.config, live.write_concern
    for step in steps:
        config = step.config or config
        concern = step.write_concern or concern
    return Live(config, live.primary, concern)
