# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# Users: wanted and live in, commands out, and the way to the primary that takes them.

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.client import UNAUTHORIZED, Logins
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.codes import PASSING, PAUSE
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.force import Left
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.model import (
    Config,
    LoginRefusedError,
    ServerError,
    UnreachableError,
)

USER_EXISTS, USER_NOT_FOUND = 51003, 11
WRITE_CONCERN = {"w": "majority", "wtimeout": 30000}


@dataclass(frozen=True)
class User:
    """`roles` None means: leave them; `password` empty: leave it."""

    name: str
    database: str = "admin"
    password: str = field(default="", repr=False)
    roles: frozenset[tuple[str, str]] | None = None
    present: bool = True

    @property
    def label(self) -> str:
        return f"{self.name}@{self.database}"


@dataclass(frozen=True)
class Change:
    """One command about one user. `before` and `after` hold no password."""

    user: User
    command: str
    arguments: dict[str, Any] = field(default_factory=dict, repr=False)
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)


def parse_users(raw: list[dict[str, Any]]) -> list[User]:
    users: list[User] = []
    for one in raw:
        user = User(
            name=one["name"],
            database=one["database"],
            password=one["password"] or "",
            roles=None if one["roles"] is None else frozenset(_role(role, one) for role in one["roles"]),
            present=one["state"] == "present",
        )
        if user.label in [other.label for other in users]:
            raise ScaleoutError(f"{user.label} is listed twice", "users", "list each user once")
        users.append(user)
    return users


def _role(raw: Any, user: dict[str, Any]) -> tuple[str, str]:
    if isinstance(raw, str):
        return raw, user["database"]
    if isinstance(raw, dict) and set(raw) == {"role", "db"}:
        return str(raw["role"]), str(raw["db"])
    raise ScaleoutError(
        f"{raw!r} is no role", f"users, {user['name']}", "write a name, or a dictionary with role and db"
    )


def make_change(user: User, live: dict[str, Any] | None, password_fits: bool) -> Change | None:
    """What makes this user so; None when nothing differs."""
    roles = [{"role": role, "db": database} for role, database in sorted(user.roles or ())]
    if live is None:
        if not user.present:
            return None
        if not user.password:
            raise ScaleoutError("it does not exist and has no password", user.label, "give the user a password")
        return Change(
            user, "createUser", {"pwd": user.password, "roles": roles}, {}, {"roles": roles, "password": "set"}
        )
    has = frozenset((role["role"], role["db"]) for role in live["roles"])
    before: dict[str, Any] = {"roles": [{"role": role, "db": database} for role, database in sorted(has)]}
    if not user.present:
        return Change(user, "dropUser", {}, before, {})
    arguments: dict[str, Any] = {}
    after = dict(before)
    if user.roles is not None and user.roles != has:
        arguments["roles"] = after["roles"] = roles
    if user.password and not password_fits:
        arguments["pwd"] = user.password
        before, after = {**before, "password": "another"}, {**after, "password": "set"}
    return Change(user, "updateUser", arguments, before, after) if arguments else None


@dataclass
class Users:
    """One task on the users of one set, or of a single server."""

    users: list[User]
    client: Logins
    seed: str
    # The user that shall log in, while nobody may exist yet.
    first: User | None = None
    # Of the first user, where it is there and its password is yet to be changed.
    password_before: str = field(default="", repr=False)
    check: bool = False
    wait_timeout: float = 60
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        self.deadline = self.clock() + self.wait_timeout
        self.warnings: list[str] = []

    def converge(self) -> list[Change]:
        seen = self.client.look(self.seed)
        if self.check and seen.state in ("silent", "uninitialised"):
            made = [make_change(user, None, False) for user in self.users]
            return [change for change in made if change]
        if seen.state == "silent":
            raise UnreachableError(f"no answer: {seen.cause}", self.seed, "see that mongod runs there")
        if seen.state == "uninitialised" and self.first:
            self.warnings.append(f"{self.seed} is in no replica set yet; its users come with the data of one")
            return []
        if seen.state in ("uninitialised", "removed"):
            raise ScaleoutError(
                f"it is {seen.state} and takes no users",
                self.seed,
                "make the replica set first, with mongodb_replicaset",
            )
        first = self._make_first(self.first) if self.first else None
        if first and self.check:
            made = [make_change(user, None, False) for user in self.users]
        else:
            made = [first, *(self._make(user) for user in self.users if not first or user != first.user)]
        return [change for change in made if change]

    # The way

    def _late(self) -> bool:
        if self.clock() >= self.deadline:
            return True
        self.sleep(PAUSE)
        return False

    def _primary(self) -> str:
        """The primary's address, or the seed where that is the primary, so that it stays on loopback."""
        while True:
            seen = self.client.look(self.seed)
            if seen.state == "standalone":
                return self.seed
            if seen.primary:
                other = self.client.look(seen.primary)
                return self.seed if other.process is not None and other.process == seen.process else seen.primary
            self._require_majority()
            if self._late():
                raise ScaleoutError(
                    f"no primary within {self.wait_timeout:g} s", self.seed, "see that a majority of the members runs"
                )

    def _require_majority(self) -> None:
        """Who waits for a primary that can never come is told at once."""
        try:
            config = Config.of(self.client.command(self.seed, "replSetGetConfig")["config"])
        except (LoginRefusedError, ServerError, UnreachableError):
            # Nobody tells as long as there is no user.
            return
        names = [member.name for member in config.members]
        with ThreadPoolExecutor(len(names)) as pool:
            left = Left.of(config, dict(zip(names, pool.map(self.client.look, names))))
        if not left.has_majority:
            raise ScaleoutError(
                f"no majority of its voting members answers, so it has no primary: no answer from {left.told()}",
                f"replica set {config.name}",
                "start them; if they are lost for good see force and lost_members of mongodb_replicaset"
                " (the role mongodb: mongodb_force and mongodb_lost_members)",
            )

    def _ask(self, name: str, value: Any, **more: Any) -> dict[str, Any]:
        """On the primary, also when an election passes meanwhile."""
        while True:
            primary = self._primary()
            try:
                return self.client.command(primary, name, value, **more)
            except ServerError as error:
                if error.code not in PASSING or self._late():
                    raise
            except UnreachableError:
                if self._late():
                    raise

    # The first user

    def _make_first(self, user: User) -> Change | None:
        """Whoever stands on the primary's host makes it; the others wait until it can log in."""
        while True:
            try:
                primary = self._primary()
                if self._is_there(primary, user):
                    return None
                change = self._create_first(user) if primary == self.seed else None
                if change:
                    return change
                if primary != self.seed and not self._nobody_yet():
                    # It may have been made since.
                    if self._is_there(primary, user):
                        return None
                    raise self._refused(user)
            except (ServerError, UnreachableError) as error:
                # An election closes connections.
                if isinstance(error, ServerError) and error.code not in PASSING:
                    raise
                if self._late():
                    raise
                continue
            if self.check:
                return make_change(user, None, False)
            if self._late():
                raise self._refused(user)

    def _is_there(self, address: str, user: User) -> bool:
        # The first one again: somebody may change it between the two tries.
        passwords = [user.password, self.password_before, user.password if self.password_before else ""]
        return any(
            self.client.accepts(address, user.name, password, user.database) for password in passwords if password
        )

    def _create_first(self, user: User) -> Change | None:
        change = make_change(user, None, False)
        try:
            if change and self.check and self._nobody_yet():
                return change
            if change and not self.check:
                self._run(change, login=False)
                return change
        except ServerError as error:
            if error.code not in (UNAUTHORIZED, USER_EXISTS, *PASSING):
                raise
            if error.code in PASSING:
                return None
        # Somebody was faster, or there have been users for long.
        if self._is_there(self.seed, user):
            return None
        raise self._refused(user)

    def _nobody_yet(self) -> bool:
        """Whether the server lets strangers in, which it does over loopback until the first user exists."""
        try:
            self.client.command(self.seed, "replSetGetStatus", login=False)
        except ServerError as error:
            return error.code != UNAUTHORIZED
        return True

    def _refused(self, user: User) -> ScaleoutError:
        return LoginRefusedError(
            f"the login as {user.label} was refused, and the first user cannot be made here",
            self.seed,
            "check login_password; to change it give the one until now as login_password_before (the role mongodb:"
            " mongodb_admin_password_before); if there is no user yet, run this task on the primary's host, with its"
            " loopback address as login_host",
        )

    # All users

    def _make(self, user: User) -> Change | None:
        while True:
            found = self._ask("usersInfo", {"user": user.name, "db": user.database})["users"]
            fits = False
            if found and user.password and user.present:
                fits = self.client.accepts(self._primary(), user.name, user.password, user.database)
            change = make_change(user, found[0] if found else None, fits)
            if change and not self.check:
                try:
                    self._run(change)
                except ServerError as error:
                    # Somebody was faster.
                    if error.code not in (USER_EXISTS, USER_NOT_FOUND) or self._late():
                        raise
                    continue
            return change

    def _run(self, change: Change, login: bool = True) -> None:
        user = change.user
        more: dict[str, Any] = {"database": user.database, "writeConcern": WRITE_CONCERN, **change.arguments}
        try:
            self._ask(change.command, user.name, login=login, **more)
        except ServerError as error:
            raise ServerError(f"{change.command} {user.label}: {error.what}", error.where, error.code) from error
