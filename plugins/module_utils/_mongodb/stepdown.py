# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.client import UNAUTHORIZED, Commands
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.codes import PASSING, PAUSE
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.info import lags
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.model import (
    Config,
    ServerError,
    UnreachableError,
    normalise,
)

LOCK_TIMEOUT = 24
EXCEEDED_TIME_LIMIT = 262
SECONDARY = 2


def successors(config: Config, status: dict[str, Any], max_lag: float) -> tuple[list[str], list[str]]:
    """Who can become primary now, and of each other member why it cannot."""
    known = {normalise(one["name"]): one for one in status["members"]}
    behind = lags(status)
    able, unable = [], []
    for member in config.members:
        one = known.get(member.name, {})
        if one.get("self"):
            continue
        lag = behind.get(member.name)
        if not member.electable:
            unable.append(f"{member.name} is {'an arbiter' if member.arbiter_only else 'not electable'}")
        elif one.get("health") != 1 or one.get("state") != SECONDARY or lag is None:
            unable.append(f"{member.name} is {one.get('stateStr', 'UNKNOWN')}")
        elif lag > max_lag:
            unable.append(f"{member.name} is {lag:g} s behind")
        else:
            able.append(member.name)
    return able, unable


@dataclass
class Outcome:
    changed: bool = False
    old_primary: str = ""
    primary: str = ""
    warnings: list[str] = field(default_factory=list)


@dataclass
class StepDown:
    """One member that shall not be primary any more."""

    client: Commands
    seed: str
    stepdown_secs: int = 60
    secondary_catch_up_secs: int = 10
    force: bool = False
    check: bool = False
    wait_timeout: float = 60
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        if not 0 <= self.secondary_catch_up_secs < self.stepdown_secs:
            raise ScaleoutError(
                f"{self.secondary_catch_up_secs} is not below stepdown_secs, {self.stepdown_secs}",
                "secondary_catch_up_secs",
                "the member may not stand for election while the others still catch up: raise stepdown_secs",
            )
        self.deadline = self.clock() + self.wait_timeout

    def run(self) -> Outcome:
        seen = self.client.look(self.seed)
        if seen.state == "silent" and self.check:
            return Outcome(warnings=[f"{self.seed} does not answer: {seen.cause}"])
        if seen.state == "silent":
            raise UnreachableError(f"no answer: {seen.cause}", self.seed, "see that mongod runs there")
        if seen.state == "standalone":
            raise ScaleoutError("it runs without a replica set", self.seed, "name a member of one")
        old = self._office()
        if not old:
            return Outcome(old_primary=seen.primary, primary=seen.primary)
        if self.check:
            self._await_successor()
            return Outcome(True, old)
        if not self._step_down():
            # Somebody else was faster.
            return Outcome(old_primary=old, primary=self._await_primary())
        new = self._await_primary()
        again = f"{old} is primary again: nobody else was elected within stepdown_secs, {self.stepdown_secs}"
        return Outcome(True, old, new, [again] if new == old else [])

    def _late(self) -> bool:
        """Pause, unless the time is over."""
        if self.clock() >= self.deadline:
            return True
        self.sleep(PAUSE)
        return False

    def _office(self) -> str:
        """The member's own address while it is primary, also before it takes writes."""
        hello = self.client.command(self.seed, "hello", login=False)
        return normalise(hello["me"]) if hello.get("primary") and hello["primary"] == hello.get("me") else ""

    def _ask(self, name: str, value: Any = 1, **more: Any) -> dict[str, Any]:
        try:
            return self.client.command(self.seed, name, value, **more)
        except ServerError as error:
            if error.code != UNAUTHORIZED:
                raise
            fix = "give login_user and login_password of a user with the role clusterManager or clusterAdmin"
            raise ScaleoutError(error.what, error.where, fix) from error

    def _await_successor(self) -> None:
        """Without force nobody is deposed before somebody else can take over."""
        while not self.force:
            config = Config.of(self._ask("replSetGetConfig")["config"])
            able, unable = successors(config, self._ask("replSetGetStatus"), self.secondary_catch_up_secs)
            if able:
                return
            if self._late():
                raise ScaleoutError(
                    f"nobody can become primary in its place: {', '.join(unable) or 'it is the only member'}",
                    self.seed,
                    "repair or add an electable member, or set force to be without a primary",
                )

    def _step_down(self) -> bool:
        """Whether this call did it."""
        while self._office():
            self._await_successor()
            try:
                self._ask(
                    "replSetStepDown",
                    self.stepdown_secs,
                    secondaryCatchUpPeriodSecs=self.secondary_catch_up_secs,
                    force=self.force,
                )
                return True
            except ServerError as error:
                if error.code not in (LOCK_TIMEOUT, EXCEEDED_TIME_LIMIT, *PASSING) or self._late():
                    raise
        return False

    def _await_primary(self) -> str:
        """Until somebody takes writes."""
        while True:
            hello = self.client.command(self.seed, "hello", login=False)
            known = normalise(hello["primary"]) if hello.get("primary") else ""
            try:
                if known and self.client.command(known, "hello", login=False)["isWritablePrimary"]:
                    return known
            except UnreachableError:
                # An election may close what was open.
                pass
            if self._late():
                raise ScaleoutError(
                    f"it stepped down, and no new primary takes writes after {self.wait_timeout:g} s"
                    + (f"; {known} was elected" if known else ""),
                    self.seed,
                    "see that a majority of the voting members runs and that they reach each other",
                )
