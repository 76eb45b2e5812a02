# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# The only code that talks to servers, one at a time and never through the driver's view of the set.

from __future__ import annotations

import atexit
import re
import socket
import sys
import traceback
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import Any, Protocol

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.codes import PASSING
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.model import (
    LoginRefusedError,
    Seen,
    ServerError,
    UnreachableError,
    normalise,
    split_address,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.wire import ask

CONNECT_SECONDS = 5
COMMAND_SECONDS = 60
# PyMongo's modules with its threads: since 4.9, and before.
MONITORS = ("pymongo.synchronous.monitor", "pymongo.monitor")

REFUSED_FIX = (
    "check login_user, login_password and login_database; to change the password give the one until now as"
    " login_password_before, and the new one to mongodb_user (the role mongodb: mongodb_admin_password_before)"
)
UNAUTHORIZED = 13
AUTHENTICATION_FAILED = 18
INVALID_CONFIG = 93
NOT_PRIMARY = 10107
X509 = "MONGODB-X509"


def load_driver(connects: bool) -> str | None:
    """Import PyMongo, as a whole only where it `connects`: that takes longer than all the rest of a task.

    The traceback where it is absent. What else calls itself bson has no encode.
    """
    try:
        from bson import decode, encode  # pylint: disable=unused-import # noqa: F401

        if connects:
            import pymongo  # pylint: disable=unused-import # noqa: F401
        elif find_spec("pymongo") is None:
            raise ImportError("PyMongo is absent, though there is its bson")
    except ImportError:
        return traceback.format_exc()
    return None


@dataclass(frozen=True)
class Login:
    """How to connect, and as whom; without a user nobody logs in."""

    user: str = ""
    password: str = field(default="", repr=False)
    database: str = "admin"
    tls: dict[str, Any] = field(default_factory=dict)
    # Tried where the other one is refused: it may be that nobody has changed it yet.
    password_before: str = field(default="", repr=False)
    # How; empty where the driver and the server agree on one.
    mechanism: str = ""

    @property
    def logs_in(self) -> bool:
        return bool(self.user) or self.mechanism == X509

    @property
    def options(self) -> dict[str, Any]:
        """Those of the driver."""
        mechanism = {"authMechanism": self.mechanism} if self.mechanism else {}
        if self.mechanism == X509:
            return {**mechanism, "authSource": "$external"}
        if not self.user:
            return {}
        return {**mechanism, "username": self.user, "password": self.password, "authSource": self.database}


class Client:
    """Direct connections to single members, kept for the time of the task."""

    def __init__(self, login: Login) -> None:
        self.login = login
        self._open: dict[tuple[str, bool], Any] = {}

    def command(self, address: str, name: str, value: Any = 1, login: bool = True, **more: Any) -> dict[str, Any]:
        """Run one command on the database admin, or the one named in `database`."""
        database = more.pop("database", "admin")
        as_user = login and self.login.logs_in
        kept = (address, as_user) in self._open
        try:
            return self._run(address, database, self.login if as_user else None, name, value, **more)
        except LoginRefusedError:
            if not self.login.password_before:
                raise
        if kept:
            # It was opened with the password of before, and somebody has changed that since.
            return self.command(address, name, value, database=database, **more)
        before = replace(self.login, password=self.login.password_before)
        try:
            return self._run(address, database, before, name, value, **more)
        except LoginRefusedError:
            # Somebody has changed it between the two tries.
            return self._run(address, database, self.login, name, value, **more)

    def _run(
        self, address: str, database: str, login: Login | None, name: str, value: Any, **more: Any
    ) -> dict[str, Any]:
        """With the connection that is kept, or a new one."""
        if login is None and not self.login.tls:
            return self._ask(address, {name: value, **more, "$db": database})
        key = (address, login is not None)
        try:
            if key not in self._open:
                self._open[key] = self._connect(address, login)
            return dict(self._open[key][database].command(name, value, **more))
        except Exception as error:
            known = self._translated(error, address, self.login.user or self.login.mechanism)
            # The driver remembers a failure, and would answer with it the next time.
            if isinstance(known, (UnreachableError, LoginRefusedError)) and key in self._open:
                self._open.pop(key).close()
            raise known from error

    @staticmethod
    def _ask(address: str, command: dict[str, Any]) -> dict[str, Any]:
        """What a stranger asks without TLS goes without the driver, which takes several times as long."""
        # A server that hangs is to be told from one that works, soon.
        seconds = CONNECT_SECONDS if "hello" in command else COMMAND_SECONDS
        try:
            answer = ask(split_address(address), command, CONNECT_SECONDS, seconds)
        except OSError as error:
            raise UnreachableError(error.strerror or str(error), address) from error
        if answer.get("ok") != 1:
            raise ServerError(answer.get("errmsg", f"{next(iter(command))} failed"), address, answer.get("code", 0))
        return answer

    def accepts(self, address: str, user: str, password: str, database: str) -> bool:
        """Whether this user can log in with this password."""
        try:
            return self._accepts(address, user, password, database)
        except ServerError as error:
            if error.code in PASSING:
                raise
            # Somebody made the user, or changed its password, in the middle of the conversation
            # (seen: "Unsupported SHA256Block hash length: 20"). Another one begins with what is there now.
            return self._accepts(address, user, password, database)

    def _accepts(self, address: str, user: str, password: str, database: str) -> bool:
        connection = None
        try:
            connection = self._connect(address, Login(user, password, database, self.login.tls))
            connection[database].command("ping")
            return True
        except Exception as error:
            known = self._translated(error, address, user)
            if isinstance(known, LoginRefusedError):
                return False
            raise known from error
        finally:
            if connection is not None:
                connection.close()

    def look(self, address: str) -> Seen:
        """What the server at this address is, as far as it tells without a login."""
        try:
            hello = self._hello(address)
        except (ServerError, UnreachableError) as error:
            # A server that is about to stop refuses hello too.
            return Seen(address, "silent", cause=error.what)
        process = hello.get("topologyVersion", {}).get("processId")
        if not hello.get("setName"):
            state = self._without_set(address) if hello.get("isreplicaset") else "standalone"
            return Seen(address, state, process=process, ready=state == "standalone")
        names = (*hello.get("hosts", ()), *hello.get("passives", ()), *hello.get("arbiters", ()))
        return Seen(
            address,
            "member",
            set_name=hello["setName"],
            primary=normalise(hello["primary"]) if hello.get("primary") else "",
            names=frozenset(normalise(name) for name in names),
            ready=bool(hello.get("isWritablePrimary") or hello.get("secondary") or hello.get("arbiterOnly")),
            process=process,
            me=normalise(hello["me"]) if hello.get("me") else "",
            arbiter=bool(hello.get("arbiterOnly")),
        )

    def _hello(self, address: str) -> dict[str, Any]:
        """What strangers are told."""
        kept = (address, False) in self._open
        try:
            return self.command(address, "hello", login=False)
        except UnreachableError:
            # A connection that was kept may have been closed meanwhile, by an election or a restart.
            if not kept:
                raise
            return self.command(address, "hello", login=False)

    def _without_set(self, address: str) -> str:
        """A member that was removed from its set says the same hello as one that was never in any."""
        for login in (False, True):
            try:
                self.command(address, "replSetGetStatus", login=login)
            except (LoginRefusedError, UnreachableError):
                break
            except ServerError as error:
                if error.code != UNAUTHORIZED:
                    return "removed" if error.code == INVALID_CONFIG else "uninitialised"
        return "uninitialised"

    def close(self) -> None:
        for connection in self._open.values():
            connection.close()
        self._open.clear()
        # The driver's threads look up every half second; its exit handler would wait for them at the end of every task.
        for name in MONITORS:
            handler = getattr(sys.modules.get(name), "_shutdown_resources", None)
            if handler:
                atexit.unregister(handler)

    def _connect(self, address: str, login: Login | None) -> Any:
        import pymongo

        # The driver would try for the whole time; a refused connection or an unknown name is known at once.
        socket.create_connection(split_address(address), CONNECT_SECONDS).close()
        user = login.options if login else {}
        return pymongo.MongoClient(
            address,
            directConnection=True,
            appname="scaleout.webapp",
            connectTimeoutMS=CONNECT_SECONDS * 1000,
            serverSelectionTimeoutMS=CONNECT_SECONDS * 1000,
            socketTimeoutMS=COMMAND_SECONDS * 1000,
            **user,
            **self.login.tls,
        )

    @staticmethod
    def _translated(error: Exception, address: str, user: str) -> Exception:
        """The driver's errors as ours; anything else as it is."""
        from pymongo import errors

        if isinstance(error, OSError):
            return UnreachableError(error.strerror or str(error), address)
        if not isinstance(error, errors.PyMongoError):
            return error
        details = getattr(error, "details", None)
        details = details if isinstance(details, dict) else {}
        text = details.get("errmsg") or re.split(r", Timeout: | \(configured timeouts", str(error), maxsplit=1)[0]
        if isinstance(error, errors.OperationFailure):
            if error.code == AUTHENTICATION_FAILED:
                return LoginRefusedError(f"the login as {user} was refused", address, REFUSED_FIX)
            return ServerError(text, address, error.code or 0)
        # A server that lost its primacy meanwhile: PyMongo 3.11 has another name for it.
        not_primary: Any = getattr(errors, "NotPrimaryError", None) or getattr(errors, "NotMasterError", ())
        if isinstance(error, not_primary):
            return ServerError(text, address, int(details.get("code", NOT_PRIMARY)))
        if isinstance(error, errors.ConnectionFailure):
            return UnreachableError(text, address)
        return ScaleoutError(text, address)


class Commands(Protocol):
    """What of the client is needed where commands are sent."""

    def command(self, address: str, name: str, value: Any = 1, login: bool = True, **more: Any) -> dict[str, Any]:
        """Run one command on one member."""

    def look(self, address: str) -> Seen:
        """Ask one address what it is."""


class Logins(Commands, Protocol):
    """And where passwords are tried."""

    def accepts(self, address: str, user: str, password: str, database: str) -> bool:
        """Whether this user can log in with this password."""


class NoDriver:
    """Stands for the client in check mode on a host where PyMongo is yet to be installed: nothing answers."""

    def command(self, address: str, name: str, value: Any = 1, login: bool = True, **more: Any) -> dict[str, Any]:
        raise UnreachableError("PyMongo is not installed here yet", address)

    def accepts(self, address: str, user: str, password: str, database: str) -> bool:
        raise UnreachableError("PyMongo is not installed here yet", address)

    def look(self, address: str) -> Seen:
        return Seen(address, "silent", cause="PyMongo is not installed here yet")

    def close(self) -> None:
        """There is nothing to close."""
