# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# Pure: one legal step of members at a time, of one vote at most. The first rule that applies makes it.

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.model import (
    JOINING,
    MAX_MEMBERS,
    MAX_VOTERS,
    Live,
    Member,
    Step,
    unmarked,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.targets import horizons_problem

Rule = Callable[[Live, "list[Member]"], "Step | None"]


def next_step(live: Live, targets: list[Member]) -> Step | None:
    """The dead go first, since each makes a majority dearer; the living go when others have taken their place."""
    joining: list[Rule] = [_add, _vote, _add_arbiter]
    rules: list[Rule] = [_bury, _rename, _horizons, *joining, _adjust, _demote, _remove, _step_down]
    return next((step for step in (rule(live, targets) for rule in rules) if step), None)


def _pairs(live: Live, targets: list[Member]) -> list[tuple[Member, Member]]:
    """Members as they are and as they shall be; the primary last."""
    found = [(live.config.by_id(target.id), target) for target in targets]
    pairs = [(now, target) for now, target in found if now is not None]
    return sorted(pairs, key=lambda pair: pair[0].name == live.primary)


def _new(live: Live, targets: list[Member]) -> list[Member]:
    return [target for target in targets if live.config.by_id(target.id) is None]


def _leaving(live: Live, targets: list[Member]) -> list[Member]:
    stays = {target.id for target in targets}
    return [member for member in live.config.members if member.id not in stays]


def _deposed(live: Live, target: Member) -> bool:
    """Whether it is the primary and shall not be one: then everything about it waits for another primary."""
    now = live.config.by_id(target.id)
    return now is not None and now.name == live.primary and not target.electable


def _bury(live: Live, targets: list[Member]) -> Step | None:
    again = {target.name for target in _new(live, targets)}
    for member in _leaving(live, targets):
        if live.states.get(member.name) == "silent":
            return _without(live, member, "it is not listed and does not answer")
        if member.name in again:
            return _without(live, member, "it has lost its data and shall join anew, as another kind of member")
    return None


def _rename(live: Live, targets: list[Member]) -> Step | None:
    for now, target in _pairs(live, targets):
        if now.name != target.name:
            config = live.config.with_member(replace(now, host=target.host))
            return Step(f"rename {now.name} to {target.name}", "it is the same process", config, renames=target.name)
    return None


def _horizons(live: Live, targets: list[Member]) -> Step | None:
    """Those of all members at once: the server wants the same names everywhere."""
    wanted = {target.id: target.horizons for target in targets}
    # Who leaves may keep its own, where the others keep theirs.
    members = tuple(
        replace(member, horizons=wanted.get(member.id, member.horizons) if targets[0].horizons else {})
        for member in live.config.members
    )
    problem = horizons_problem((*members, *_new(live, targets)))
    if problem and any(member.horizons for member in live.config.members):
        leaving = ", ".join(member.name for member in _leaving(live, targets))
        raise ScaleoutError(f"{problem}, as long as {leaving} is there", "horizons", "let it leave in a run of its own")
    # Where there are none yet they come when the others have left.
    if problem or members == live.config.members:
        return None
    said = ", ".join(f"{member.name} {member.horizons}" for member in members)
    return Step(f"set the horizons: {said}", "they differ", live.config.next(members))


def _newcomer(live: Live, target: Member) -> Member:
    """With horizons only where the others have them."""
    return target if live.config.members[0].horizons else replace(target, horizons={})


def _add(live: Live, targets: list[Member]) -> Step | None:
    for target in _new(live, targets):
        if not target.arbiter_only and len(live.config.members) < MAX_MEMBERS:
            why = "it is not a member; it copies the data before it counts"
            config = live.config.with_member(_toward(_newcomer(live, target), 0, 0))
            return Step(f"add {target.name} without vote and priority", why, config)
    return None


def _vote(live: Live, targets: list[Member]) -> Step | None:
    for now, target in _pairs(live, targets):
        # One that is late on purpose, and shall be less so, is made that first: it would not be in time before.
        delayed = now.secondary_delay_secs > target.secondary_delay_secs
        if now.votes < target.votes and not delayed and live.config.voters < MAX_VOTERS:
            # What needs priority 0 comes with the vote: such a member had none before.
            new = _toward(target, 1, 0, now)
            config = live.config.with_member(new)
            return Step(f"give {target.name} its vote", "it has the data and is in time", config, joins=target.name)
    return None


def _add_arbiter(live: Live, targets: list[Member]) -> Step | None:
    room = live.config.voters < MAX_VOTERS and len(live.config.members) < MAX_MEMBERS
    # The server takes no second one, even if the first shall leave.
    room = room and live.config.arbiters < sum(target.arbiter_only for target in targets)
    for target in _new(live, targets) if room else ():
        if target.arbiter_only:
            config = live.config.with_member(_newcomer(live, target))
            return Step(f"add the arbiter {target.name}", "it is not a member", config)
    return None


def _adjust(live: Live, targets: list[Member]) -> Step | None:
    """All that does not take a priority or vote away: until others are electable nobody becomes unelectable."""
    for now, target in _pairs(live, targets):
        if now.votes > target.votes or (now.priority > 0 and target.priority == 0) or _deposed(live, target):
            continue
        new = _toward(target, now.votes, target.priority if now.votes == target.votes else 0, now)
        if new != now:
            return _change(live, now, new)
    return None


def _demote(live: Live, targets: list[Member]) -> Step | None:
    for now, target in _pairs(live, targets):
        if _deposed(live, target):
            continue
        if now.priority > 0 and target.priority == 0:
            return _change(live, now, _toward(target, now.votes, 0, now))
        if now.votes > target.votes:
            config = live.config.with_member(_toward(target, 0, 0, now))
            return _fewer(live, Step(f"take the vote of {target.name}", "it shall not vote", config))
    return None


def _remove(live: Live, targets: list[Member]) -> Step | None:
    for member in _leaving(live, targets):
        if member.name != live.primary:
            return _without(live, member, "it is not listed")
    return None


def _step_down(live: Live, targets: list[Member]) -> Step | None:
    now = live.config.find(live.primary)
    stays = {target.id: target for target in targets}
    if now is None or (now.id in stays and not _deposed(live, stays[now.id])):
        return None
    able = [member for member in live.config.members if member.electable and member.id != now.id]
    if not able:
        raise ScaleoutError(
            f"it is the primary and shall {'not be one' if now.id in stays else 'leave'}, and as long as"
            f" {MAX_VOTERS} members vote nobody else can become one",
            now.name,
            "give another live member a priority above 0 first",
        )
    why = "it is the primary and shall " + ("be none" if now.id in stays else "leave")
    successor = max(able, key=lambda member: member.priority).name
    return Step(f"step down {now.name}", why, successor=successor)


def _without(live: Live, member: Member, why: str) -> Step:
    step = Step(f"remove {member.name}", why, live.config.without(member))
    return _fewer(live, step) if member.votes else step


def _fewer(live: Live, step: Step) -> Step:
    """With one vote less as many members need the data as acknowledge a majority write; the silent are buried next."""
    config = step.config or live.config
    voters = [one for one in config.members if one.votes and live.states.get(one.name) != "silent"]
    keepers = tuple(one.name for one in voters if not one.arbiter_only)
    return replace(step, keepers=keepers, copies=min(len(voters) // 2 + 1, len(keepers)))


def _toward(target: Member, votes: int, priority: float, now: Member | None = None) -> Member:
    """The target with another vote and priority; a newcomer is marked as long as these are not its own.

    Horizons have a step of their own.
    """
    newcomer = now is None or now.joining
    unfinished = newcomer and (votes, priority) != (target.votes, target.priority)
    tags = {**target.tags, JOINING: "1"} if unfinished else target.tags
    horizons = now.horizons if now else target.horizons
    return replace(target, votes=votes, priority=priority, tags=tags, horizons=horizons)


def _change(live: Live, now: Member, new: Member) -> Step:
    fields = ("priority", "votes", "hidden", "secondary_delay_secs", "tags")
    pairs = [(name, getattr(now, name), getattr(new, name)) for name in fields]
    # Our own come and go with the rest.
    pairs = [(name, unmarked(one), unmarked(two)) if name == "tags" else (name, one, two) for name, one, two in pairs]
    changes = [f"{name} {before} -> {after}" for name, before, after in pairs if before != after]
    said = ", ".join(changes) or "it has joined"
    return Step(f"change {new.name}: {said}", "it differs", live.config.with_member(new))
