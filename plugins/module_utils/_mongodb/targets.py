# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# Pure: every member as it shall be in the end, and the server's rules for a whole configuration.

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.model import (
    GIVEN_IDS,
    MAX_ID,
    MAX_MEMBERS,
    MAX_VOTERS,
    Live,
    Member,
    Wanted,
    WantedMember,
    split_address,
    unmarked,
)

# The server believes neither of a member that has data.
FIXED = ("arbiter_only", "build_indexes")


def targets_of(live: Live, wanted: Wanted) -> list[Member]:
    """Members that stay keep their `_id`; others get one that no host has had."""
    used = {member.id for member in live.config.members}
    targets = []
    # Data members are added before arbiters: in that order the numbers are the same when a run goes on.
    for wish in sorted(wanted.members, key=lambda wish: bool(wish.given.get("arbiter_only"))):
        member = live.config.find(wish.name) or live.config.find(live.renamed.get(wish.name, ""))
        if member and not _replaced(member, wish, live):
            targets.append(_target(member, wish))
            continue
        if member is None:
            _check_empty(wish, live)
        number = _new_id(live, used)
        used.add(number)
        targets.append(fresh(number, wish))
    check(tuple(targets), live.config.arbiters)
    return targets


def _new_id(live: Live, used: set[int]) -> int:
    """One that no host ever had: above the others as long as there are any, then what is left."""
    given = live.given | live.config.given | used
    left = [number for number in range(MAX_ID + 1) if number not in given]
    if not left:
        raise ScaleoutError(
            f"every _id up to {MAX_ID}, the server's highest, was given to some host, and none is given to another one",
            f"replica set {live.config.name}",
            f"to begin again with those that no member has now, set the tag {GIVEN_IDS} of a member with data to 0@0,"
            " with rs.reconfig()",
        )
    return max(given) + 1 if max(given) < MAX_ID else left[0]


def _replaced(member: Member, wish: WantedMember, live: Live) -> bool:
    """Whether this host has to leave and join anew, which only one without data may."""
    differing = [key for key in FIXED if wish.given.get(key, getattr(member, key)) != getattr(member, key)]
    if differing and live.states.get(member.name) != "uninitialised":
        raise ScaleoutError(
            f"{differing[0]} is {str(getattr(member, differing[0])).lower()} and cannot be changed on a member that"
            " has data",
            wish.name,
            "take it from the list and run the task; stop it, empty its data directory, start it;"
            " then list it again as it shall be",
        )
    return bool(differing)


def _check_empty(wish: WantedMember, live: Live) -> None:
    given = [key for key in FIXED if key in wish.given and wish.given[key] is (key == "arbiter_only")]
    if given and live.states.get(wish.name) in ("member", "removed"):
        raise ScaleoutError(
            f"{given[0]} is for a member without data, and this one was in a replica set",
            wish.name,
            "stop it, empty its data directory, start it and run the task again",
        )


def is_short_for(name: str, full: str) -> bool:
    """Whether a name is the first label of the other."""
    (short, port), (host, other_port) = split_address(name), split_address(full)
    return port == other_port and "." not in short and ":" not in short and host.startswith(f"{short}.")


def _target(member: Member, wish: WantedMember) -> Member:
    """A live member as it shall be: what is not given stays, unless it was never finished."""
    host = member.host if wish.name == member.name or is_short_for(wish.name, member.name) else wish.name
    noted = {tag: text for tag, text in member.tags.items() if tag == GIVEN_IDS}
    given = {**wish.given, "tags": {**wish.given.get("tags", unmarked(member.tags)), **noted}}
    if not member.joining:
        return replace(member, host=host, **given)
    return replace(fresh(member.id, replace(wish, given=given)), host=host, other=member.other)


def fresh(number: int, wish: WantedMember) -> Member:
    """A new member: the server's defaults, and priority 0 where nothing else is legal."""
    given = wish.given
    passive = any(given.get(key) for key in ("arbiter_only", "hidden", "secondary_delay_secs"))
    passive = passive or given.get("votes") == 0 or given.get("build_indexes") is False
    defaults: dict[str, Any] = {"priority": 0} if passive else {}
    if given.get("build_indexes") is False:
        defaults["votes"] = 0
    return Member(**{"id": number, "host": wish.name, **defaults, **given})


def check(members: tuple[Member, ...], arbiters: int = 0) -> None:
    """The server's rules for a configuration, where so many arbiters are, told before anything is changed."""
    for member in members:
        _check_member(member)
    if len(members) > MAX_MEMBERS:
        raise ScaleoutError(f"{len(members)} members are listed, {MAX_MEMBERS} are possible", "members", "list fewer")
    voters = sum(member.votes for member in members)
    if voters > MAX_VOTERS:
        raise ScaleoutError(
            f"{voters} members would vote, {MAX_VOTERS} are possible",
            "members",
            "set votes and priority of the others to 0",
        )
    listed = sum(member.arbiter_only for member in members)
    if listed > max(1, arbiters):
        raise ScaleoutError(
            f"{listed} arbiters are listed, and the server takes one (unless all run with allowMultipleArbiters)",
            "members",
            "list members with data instead; more arbiters that somebody added by hand may stay",
        )
    if not any(member.electable for member in members):
        raise ScaleoutError("none of them could become primary", "members", "give one votes 1 and a priority above 0")
    problem = horizons_problem(members)
    if problem:
        raise ScaleoutError(problem, "members", "give every member, arbiters too, horizons of the same names, or none")


def horizons_problem(members: tuple[Member, ...]) -> str:
    """Why the server would not take the horizons of these together; empty where it does."""
    names = sorted({name for member in members for name in member.horizons})
    for member in members:
        missing = [name for name in names if name not in member.horizons]
        if missing:
            return f"{member.name} has no horizon {missing[0]}, and others have"
    if not names:
        return ""
    addresses = [address for member in members for address in (member.name, *member.horizons.values())]
    twice = next((address for address in addresses if addresses.count(address) > 1), "")
    return f"{twice} is given twice, as a horizon and as another one or a member" if twice else ""


def _check_member(member: Member) -> None:
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
