# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# Pure: data only.

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError

DEFAULT_PORT = 27017
MAX_MEMBERS = 50
MAX_VOTERS = 7
MAX_ID = 255
# Where nothing is noted any up to this one may have been given; some have to be left.
ASSUMED_ID = 191
# As many changes of somebody else's are allowed for: a forced configuration skips thousands of versions.
MAX_UNSEEN = 16

# Tag of a member between joining and having its vote and priority: a run that died half-way is taken up by the next.
JOINING = "scaleout_webapp_joining"
# Tag of one member with data, once members came or went: every `_id` that was ever given as the bits of a hexadecimal
# number, and the version of the configuration that says so.
GIVEN_IDS = "scaleout_webapp_ids"

# What the server understands, and of which kind it is: the lowest whole number, or a type. It drops any other name
# without a word, and stores the whole part of a number that has another.
SETTINGS: dict[str, int | type] = {
    "catchUpTakeoverDelayMillis": -1,
    "catchUpTimeoutMillis": -1,
    "chainingAllowed": bool,
    "electionTimeoutMillis": 1,
    "getLastErrorDefaults": dict,
    "getLastErrorModes": dict,
    "heartbeatIntervalMillis": 1,
    "heartbeatTimeoutSecs": 1,
}
MAX_INT = 2**31 - 1
MAX_DELAY = 366 * 24 * 3600

# Our name of a member's field: the server's name.
FIELDS = {
    "priority": "priority",
    "votes": "votes",
    "hidden": "hidden",
    "arbiter_only": "arbiterOnly",
    "secondary_delay_secs": "secondaryDelaySecs",
    "build_indexes": "buildIndexes",
    "tags": "tags",
    "horizons": "horizons",
}


def normalise(address: str) -> str:
    """One spelling for one address: lower case, with port, IPv6 short and in brackets."""
    text = address.strip().lower()
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        port = rest[1:]
        good = bool(closed) and (not rest or rest.startswith(":"))
    elif text.count(":") > 1:
        host, port, good = text, "", True
    else:
        host, colon, port = text.partition(":")
        good = not colon or bool(port)
    port = port or str(DEFAULT_PORT)
    good = good and bool(host) and not any(sign in host for sign in " /@,\t\n") and port.isdigit() and len(port) < 6
    if ":" in host:
        try:
            host = f"[{ipaddress.IPv6Address(host).compressed}]"
        except ValueError:
            good = False
    if not good or not 0 < int(port) < 65536:
        raise ScaleoutError(f"{address!r} is no address of a member", "members", "write host, host:port or [IPv6]:port")
    return f"{host}:{int(port)}"


def split_address(address: str) -> tuple[str, int]:
    """Host and port of a normalised address, the host without brackets."""
    host, port = address.rsplit(":", 1)
    return host.strip("[]"), int(port)


def unmarked(tags: dict[str, str]) -> dict[str, str]:
    """Tags without our own."""
    return {tag: text for tag, text in tags.items() if tag not in (JOINING, GIVEN_IDS)}


def without_note(tags: dict[str, str]) -> dict[str, str]:
    return {tag: text for tag, text in tags.items() if tag != GIVEN_IDS}


def plain_number(value: Any) -> Any:
    """'1', 1 and 1.0 are one number, 'true' and True one truth; anything else stays."""
    if isinstance(value, dict):
        return {str(key): plain_number(inner) for key, inner in value.items()}
    if isinstance(value, str):
        if value.lower() in ("true", "false"):
            return value.lower() == "true"
        try:
            value = float(value)
        except ValueError:
            return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


@dataclass(frozen=True)
class Member:
    """One member as the configuration has it."""

    id: int
    host: str
    priority: float = 1
    votes: int = 1
    hidden: bool = False
    arbiter_only: bool = False
    secondary_delay_secs: int = 0
    build_indexes: bool = True
    tags: dict[str, str] = field(default_factory=dict)
    horizons: dict[str, str] = field(default_factory=dict)
    # What the server has and we do not know: it stays as it is.
    other: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return normalise(self.host)

    @property
    def joining(self) -> bool:
        return JOINING in self.tags

    @property
    def electable(self) -> bool:
        return self.priority > 0 and self.votes == 1 and not self.arbiter_only

    @classmethod
    def of(cls, document: dict[str, Any]) -> Member:
        known = {ours: document[theirs] for ours, theirs in FIELDS.items() if theirs in document}
        for number in ("priority", "votes", "secondary_delay_secs"):
            if number in known:
                known[number] = plain_number(known[number])
        other = {key: value for key, value in document.items() if key not in ("_id", "host", *FIELDS.values())}
        return cls(id=int(document["_id"]), host=document["host"], other=other, **known)

    def document(self) -> dict[str, Any]:
        fields = {theirs: getattr(self, ours) for ours, theirs in FIELDS.items()}
        # The server refuses empty horizons.
        if not self.horizons:
            del fields["horizons"]
        return {"_id": self.id, "host": self.host, **fields, **self.other}


@dataclass(frozen=True)
class Config:
    """A replica set's configuration."""

    name: str
    version: int
    members: tuple[Member, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    other: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, document: dict[str, Any]) -> Config:
        known = ("_id", "version", "members", "settings")
        return cls(
            name=document["_id"],
            version=int(document["version"]),
            members=tuple(Member.of(member) for member in document["members"]),
            settings=dict(document.get("settings", {})),
            other={key: value for key, value in document.items() if key not in known},
        )

    def document(self) -> dict[str, Any]:
        settings = {"settings": self.settings} if self.settings else {}
        members = [member.document() for member in self.members]
        return {"_id": self.name, "version": self.version, "members": members, **settings, **self.other}

    def next(self, members: tuple[Member, ...] | None = None, settings: dict[str, Any] | None = None) -> Config:
        """The next version, which remembers the numbers of members that left."""
        members = self.members if members is None else members
        settings = self.settings if settings is None else settings
        version = self.version + 1
        came_or_went = {member.id for member in members} != {member.id for member in self.members}
        if came_or_went or self.noted:
            # Those that were skipped may be somebody else's.
            skipped = range(max(self.given), max(member.id for member in members))
            given = self.given.union(skipped, (member.id for member in members))
            note = {GIVEN_IDS: f"{sum(1 << number for number in given):x}@{version}"}
            bearer = next((member.id for member in members if not member.arbiter_only), None)
            members = tuple(
                replace(member, tags={**without_note(member.tags), **(note if member.id == bearer else {})})
                for member in members
            )
        return replace(self, version=version, members=members, settings=settings)

    @property
    def noted(self) -> tuple[frozenset[int], int] | None:
        """Each `_id` that is noted as given, and the version that did it."""
        for member in self.members:
            found = re.fullmatch(r"([0-9a-f]{1,64})@(\d+)", member.tags.get(GIVEN_IDS, ""))
            if found:
                bits = int(found[1], 16)
                return frozenset(number for number in range(MAX_ID + 1) if bits >> number & 1), int(found[2])
        return None

    @property
    def given(self) -> frozenset[int]:
        """Each `_id` of a host that is or may have been a member.

        The server keeps no history, but its version only grows: a set begins with numbers below MAX_MEMBERS, and then
        one is given with each version at most. Forced ones skip versions, so this goes no further than ASSUMED_ID.
        Where numbers are noted, somebody else may have given the next ones with each version since, as rs.add() does.
        """
        ids = frozenset(member.id for member in self.members)
        if self.noted:
            known = ids | self.noted[0]
            unseen = min(self.version - self.noted[1], MAX_UNSEEN)
            return known.union(range(max(known) + 1, min(max(known) + unseen, MAX_ID) + 1))
        return frozenset(range(max(*ids, min(self.version + MAX_MEMBERS - 1, ASSUMED_ID)) + 1))

    @property
    def identity(self) -> Any:
        return self.settings.get("replicaSetId")

    @property
    def voters(self) -> int:
        return sum(member.votes for member in self.members)

    @property
    def with_data(self) -> int:
        return sum(not member.arbiter_only for member in self.members)

    @property
    def arbiters(self) -> int:
        return sum(member.arbiter_only for member in self.members)

    @property
    def implicit_majority(self) -> bool:
        """Whether the server's own default write concern is majority with these members, else it is one member."""
        return self.arbiters == 0 or self.voters - self.arbiters > self.voters // 2 + 1

    def find(self, name: str) -> Member | None:
        return next((member for member in self.members if member.name == name), None)

    def by_id(self, number: int) -> Member | None:
        return next((member for member in self.members if member.id == number), None)

    def without(self, member: Member) -> Config:
        """The next version, without this member."""
        return self.next(tuple(one for one in self.members if one.id != member.id))

    def with_member(self, member: Member) -> Config:
        """The next version, with this member put in the place of its `_id`, or added."""
        members = tuple(member if one.id == member.id else one for one in self.members)
        if all(one.id != member.id for one in self.members):
            members = (*self.members, member)
        return self.next(members)


@dataclass(frozen=True)
class WantedMember:
    """A member as the user wants it: only what was given."""

    name: str
    given: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    name: str
    members: tuple[WantedMember, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    write_concern: dict[str, Any] | None = None


@dataclass(frozen=True)
class Live:
    """What the primary says."""

    config: Config
    primary: str
    # The cluster-wide default somebody set; None where the server decides by itself.
    write_concern: dict[str, Any] | None = None
    # What listed and live members answered, as in `Seen.state`.
    states: dict[str, str] = field(default_factory=dict)
    # Listed names that are new names of live members.
    renamed: dict[str, str] = field(default_factory=dict)
    # Each `_id` that is remembered anywhere.
    given: frozenset[int] = frozenset()

    def after(self, step: Step) -> Live:
        """What a step leads to; who is elected after a step-down is the planner's guess."""
        config = step.config or self.config
        return replace(
            self,
            config=config,
            primary=step.successor or step.through or self.renamed_primary(config),
            write_concern=step.write_concern or self.write_concern,
            given=self.given | config.given,
        )

    def renamed_primary(self, config: Config) -> str:
        was = self.config.find(self.primary)
        return next((member.name for member in config.members if was and member.id == was.id), self.primary)


@dataclass(frozen=True)
class Step:
    """One change, sent as one command: a configuration, a default write concern, or a step-down with a `successor`."""

    what: str
    why: str
    config: Config | None = None
    write_concern: dict[str, Any] | None = None
    # Who must have caught up before.
    joins: str = ""
    # Where a vote is taken: the voters with data that are left and answer, and how many must have caught up before.
    keepers: tuple[str, ...] = ()
    copies: int = 0
    # Who must be seen as healthy afterwards.
    renames: str = ""
    successor: str = ""
    # Forced on this member, since no primary can take it.
    through: str = ""

    def shown(self) -> dict[str, str]:
        return {"what": self.what, "why": self.why}


@dataclass(frozen=True)
class Seen:
    """What one address answered to hello. `state` is silent, standalone, uninitialised, removed or member."""

    address: str
    state: str
    cause: str = ""
    set_name: str = ""
    primary: str = ""
    names: frozenset[str] = frozenset()
    ready: bool = False
    process: Any = None
    # Its own name in the configuration.
    me: str = ""
    # It knows no users: nobody can log in there.
    arbiter: bool = False


class ServerError(ScaleoutError):
    """The server answered with an error."""

    def __init__(self, what: str, where: str, code: int) -> None:
        super().__init__(what, where)
        self.code = code


class UnreachableError(ScaleoutError):
    """No answer; `what` is the cause."""


class LoginRefusedError(ScaleoutError):
    """The server does not take this user and password."""
