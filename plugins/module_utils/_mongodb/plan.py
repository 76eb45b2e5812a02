# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# Pure: live and wanted in, ordered steps out. A rule of `_next` makes one legal step; the plan is its repetition.

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.model import (
    JOINING,
    MAX_MEMBERS,
    MAX_VOTERS,
    Config,
    Live,
    Member,
    Step,
    Wanted,
    WantedMember,
    plain_number,
)


def initial(wanted: Wanted) -> Config:
    """A whole set at once: with no data there is nothing to lose."""
    members = tuple(_fresh(number, member) for number, member in enumerate(wanted.members))
    _check(members)
    return Config(wanted.name, 1, members, dict(wanted.settings))


def initiation(config: Config) -> Step:
    count = f"{len(config.members)} member{'s' if len(config.members) > 1 else ''}"
    what = f"initiate {config.name} with {count} through {founder_of(config)}"
    return Step(what, "no member belongs to a set yet", config)


def founder_of(config: Config) -> str:
    """The first listed electable member: the only one through which a set is ever initiated."""
    return next(member.name for member in config.members if member.electable)


def make_plan(live: Live, wanted: Wanted) -> list[Step]:
    """What leads from live to wanted, in order; empty when nothing differs."""
    targets = _targets(live, wanted)
    steps = _membership(live.config, targets)
    config = (steps[-1].config if steps else None) or live.config
    drift = {key: value for key, value in wanted.settings.items() if plain_number(config.settings.get(key)) != value}
    if drift:
        changes = ", ".join(f"{key} {config.settings.get(key)} -> {value}" for key, value in sorted(drift.items()))
        changed = replace(config, version=config.version + 1, settings={**config.settings, **drift})
        steps.append(Step(f"set {changes}", "the settings differ", changed))
    return _write_concern(live, wanted, steps) + steps


def warnings(config: Config) -> list[str]:
    if config.voters % 2 == 0 and config.arbiters == 0:
        return [
            f"{config.voters} members vote: an even number survives no more failures than {config.voters - 1} would."
            " Add one, or set votes and priority of one to 0."
        ]
    return []


def _write_concern(live: Live, wanted: Wanted, steps: list[Step]) -> list[Step]:
    """It comes first: the server refuses a change of members that would change a default nobody set."""
    if wanted.write_concern is not None:
        if wanted.write_concern == live.write_concern:
            return []
        before = "none is set" if live.write_concern is None else f"it is {_text(live.write_concern)}"
        return [_default(wanted.write_concern, before)]
    flips = any(step.config and step.config.implicit_majority != live.config.implicit_majority for step in steps)
    if live.write_concern is None and flips:
        now = {"w": "majority" if live.config.implicit_majority else 1, "wtimeout": 0}
        return [_default(now, "it keeps what holds now, which other arbiters would change")]
    return []


def _default(write_concern: dict[str, Any], why: str) -> Step:
    return Step(f"set the default write concern {_text(write_concern)}", why, write_concern=write_concern)


def _text(write_concern: dict[str, Any]) -> str:
    return ", ".join(f"{key}: {value}" for key, value in sorted(write_concern.items()))


def _targets(live: Live, wanted: Wanted) -> list[Member]:
    """Every member as it shall be in the end. Refuses what this version cannot do."""
    config = live.config
    names = {member.name for member in wanted.members}
    gone = [member.name for member in config.members if member.name not in names]
    if gone:
        raise ScaleoutError(
            f"{', '.join(gone)} is a member and is not listed; members are not removed or renamed yet",
            f"replica set {config.name}",
            "list it, or remove it by hand with rs.remove()",
        )
    targets = []
    # An `_id` above all others was never another host's, as far as the configuration remembers.
    number = max(member.id for member in config.members)
    for wish in wanted.members:
        member = config.find(wish.name)
        if member is None:
            number += 1
            targets.append(_fresh(number, wish))
            continue
        for fixed in ("arbiter_only", "build_indexes"):
            if wish.given.get(fixed, getattr(member, fixed)) != getattr(member, fixed):
                raise ScaleoutError(
                    f"{fixed} is {str(getattr(member, fixed)).lower()} and cannot be changed on a member that has data",
                    wish.name,
                    "leave it, or remove, wipe and add the member by hand",
                )
        target = _target(member, wish)
        if wish.name == live.primary and not target.electable:
            raise ScaleoutError(
                "it is the primary, and stepping down before it becomes unelectable is not supported yet",
                wish.name,
                "let another member become primary first, with rs.stepDown()",
            )
        targets.append(target)
    _check(tuple(targets))
    return targets


def _target(member: Member, wish: WantedMember) -> Member:
    """A live member as it shall be: what is not given stays, unless it was never finished."""
    if not member.joining:
        return replace(member, **wish.given)
    given = {"tags": _unmarked(member.tags), **wish.given}
    return replace(_fresh(member.id, replace(wish, given=given)), host=member.host, other=member.other)


def _fresh(number: int, wish: WantedMember) -> Member:
    """A new member: the server's defaults, and priority 0 where nothing else is legal."""
    given = wish.given
    passive = any(given.get(key) for key in ("arbiter_only", "hidden", "secondary_delay_secs"))
    passive = passive or given.get("votes") == 0 or given.get("build_indexes") is False
    defaults: dict[str, Any] = {"priority": 0} if passive else {}
    if given.get("build_indexes") is False:
        defaults["votes"] = 0
    return Member(**{"id": number, "host": wish.name, **defaults, **given})


def _check(members: tuple[Member, ...]) -> None:
    """The server's rules for a configuration, told before anything is changed."""
    for member in members:
        needs_zero = {
            "votes: 0": member.votes == 0,
            "hidden": member.hidden,
            "secondary_delay_secs": member.secondary_delay_secs > 0,
            "arbiter_only": member.arbiter_only,
            "build_indexes: false": not member.build_indexes,
        }
        for reason, holds in needs_zero.items():
            if holds and member.priority != 0:
                raise ScaleoutError(f"{reason} needs priority 0, not {member.priority:g}", member.name, "set it")
        if member.arbiter_only and member.votes == 0:
            raise ScaleoutError("an arbiter has to vote", member.name, "set votes to 1")
        if not member.build_indexes and member.votes != 0:
            raise ScaleoutError("build_indexes: false needs votes 0", member.name, "set votes to 0")
    if len(members) > MAX_MEMBERS:
        raise ScaleoutError(f"{len(members)} members are listed, {MAX_MEMBERS} are possible", "members", "list fewer")
    voters = sum(member.votes for member in members)
    if voters > MAX_VOTERS:
        raise ScaleoutError(
            f"{voters} members would vote, {MAX_VOTERS} are possible",
            "members",
            "set votes and priority of the others to 0",
        )
    if not any(member.electable for member in members):
        raise ScaleoutError("none of them could become primary", "members", "give one votes 1 and a priority above 0")


def _membership(config: Config, targets: list[Member]) -> list[Step]:
    steps: list[Step] = []
    while True:
        step = _next(config, targets)
        if step is None:
            return steps
        steps.append(step)
        config = step.config or config


def _next(config: Config, targets: list[Member]) -> Step | None:
    """The next step of members: first they copy data, all at the same time; then come votes, then priorities."""
    room = config.voters < MAX_VOTERS
    pairs = [(config.find(target.name), target) for target in targets]
    for now, target in pairs:
        if now is None and not target.arbiter_only:
            new = _toward(target, 0, 0)
            why = "it is not a member; it copies the data before it counts"
            return Step(f"add {target.name} without vote and priority", why, config.with_member(new))
    live = [(now, target) for now, target in pairs if now is not None]
    for now, target in live:
        # A priority that falls to 0 goes with what asks for it; one that rises has to wait for the vote.
        new = _toward(target, now.votes, 0 if target.priority == 0 else now.priority, now)
        if new != now:
            return _change(config, now, new)
    for now, target in live:
        if now.votes < target.votes and room:
            new = _toward(target, 1, now.priority, now)
            what = f"give {target.name} its vote"
            return Step(what, "it has the data and is in time", config.with_member(new), joins=target.name)
    for now, target in pairs:
        if now is None and room:
            return Step(f"add the arbiter {target.name}", "it is not a member", config.with_member(target))
    for now, target in live:
        if now.votes == target.votes and now.priority != target.priority:
            return _change(config, now, _toward(target, now.votes, target.priority, now))
    for now, target in live:
        if now.votes > target.votes:
            new = _toward(target, 0, now.priority, now)
            return Step(f"take the vote of {target.name}", "it shall not vote", config.with_member(new))
    return None


def _toward(target: Member, votes: int, priority: float, now: Member | None = None) -> Member:
    """The target with another vote and priority; a newcomer is marked as long as these are not its own."""
    newcomer = now is None or now.joining
    unfinished = newcomer and (votes, priority) != (target.votes, target.priority)
    tags = {**target.tags, JOINING: "1"} if unfinished else target.tags
    return replace(target, votes=votes, priority=priority, tags=tags)


def _change(config: Config, now: Member, new: Member) -> Step:
    fields = ("priority", "votes", "hidden", "secondary_delay_secs", "tags", "horizons")
    pairs = [(name, getattr(now, name), getattr(new, name)) for name in fields]
    # Its mark comes and goes with the rest.
    pairs = [(name, _unmarked(before), _unmarked(after)) for name, before, after in pairs]
    changes = [f"{name} {before} -> {after}" for name, before, after in pairs if before != after]
    said = ", ".join(changes) or "it has joined"
    return Step(f"change {new.name}: {said}", "it differs", config.with_member(new))


def _unmarked(value: Any) -> Any:
    return {tag: text for tag, text in value.items() if tag != JOINING} if isinstance(value, dict) else value
