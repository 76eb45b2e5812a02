# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# Pure: what may be forced on those that are left when a majority is lost, and through whom.

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.model import Config, Member, Seen, Step, Wanted
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.targets import FIXED, check


@dataclass(frozen=True)
class Left:
    """What is left of a set without a primary."""

    config: Config
    # Members that answer, and those that do not, with the cause.
    alive: frozenset[str]
    silent: dict[str, str]
    # Term and time of the newest write of each secondary, and when that was.
    optimes: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    dates: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, config: Config, seen: dict[str, Seen]) -> Left:
        silent = {name: one.cause for name, one in seen.items() if one.state == "silent"}
        return cls(config, frozenset(set(seen) - set(silent)), silent)

    @property
    def has_majority(self) -> bool:
        votes = sum(member.votes for member in self.config.members if member.name in self.alive)
        return votes > self.config.voters // 2

    def is_without(self, lost: frozenset[str]) -> bool:
        """Whether the lost were left behind already."""
        return self.has_majority and not lost & {member.name for member in self.config.members}

    def told(self) -> str:
        return ", ".join(f"{name} ({cause})" for name, cause in sorted(self.silent.items()))


def forced(left: Left, wanted: Wanted, lost: frozenset[str]) -> tuple[Step, Config, str]:
    """The step, its configuration and the survivor that takes it: the one with the newest data."""
    where = f"replica set {wanted.name}"
    known = {member.name for member in left.config.members}
    if lost - known:
        raise ScaleoutError(
            f"{', '.join(sorted(lost - known))} is no member, those are {', '.join(sorted(known))}", "lost_members"
        )
    unnamed = sorted(set(left.silent) - lost)
    if unnamed:
        raise ScaleoutError(
            f"{', '.join(unnamed)} does not answer either and is not in lost_members",
            where,
            "start it, or add it to lost_members if it is lost for good",
        )
    if left.has_majority:
        raise ScaleoutError(
            "a majority of the voting members answers", where, "force is not for this: see why they elect no primary"
        )
    config = _survivors(left.config, wanted, lost)
    newest = _newest(left, config)
    names = ", ".join(sorted(lost))
    why = f"a majority of the voting members is lost, and {newest} has the newest data of those that are left"
    return Step(f"force {config.name} to go on without {names}", why, config, through=newest), config, newest


def may_roll_back(left: Left, newest: str, lost: frozenset[str]) -> str:
    names = ", ".join(sorted(lost))
    heard = [f"{name} had writes of {left.dates[name]}" for name in sorted(lost) if name in left.dates]
    ahead = f" ({', '.join(heard)}, as far as was heard)" if heard else ""
    return (
        f"The newest write that is left is on {newest}, of {left.dates.get(newest, 'an unknown time')}. What only"
        f" {names} had{ahead} is gone, acknowledged or not, and is rolled back if they ever return."
    )


def _survivors(config: Config, wanted: Wanted, lost: frozenset[str]) -> Config:
    """As they are, but with the votes and priorities that are listed: they may be needed to have a primary at all."""
    given = {member.name: member.given for member in wanted.members}
    members: list[Member] = []
    for member in config.members:
        if member.name in lost:
            continue
        wish = {key: value for key, value in given.get(member.name, {}).items() if key not in FIXED}
        members.append(member if member.joining else replace(member, **wish))
    check(tuple(members), config.arbiters)
    return config.next(tuple(members))


def _newest(left: Left, config: Config) -> str:
    if not left.optimes:
        raise ScaleoutError("no secondary is left to tell what it has", f"replica set {config.name}")
    top = max(left.optimes.values())
    having = [name for name, optime in sorted(left.optimes.items()) if optime == top]
    able = [member.name for member in config.members if member.electable and member.name in having]
    if not able:
        raise ScaleoutError(
            f"{', '.join(having)} has the newest data that is left and could not become primary",
            f"replica set {config.name}",
            "list it with votes 1 and a priority above 0",
        )
    return able[0]
