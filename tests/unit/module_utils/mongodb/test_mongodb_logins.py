"""The password of before is tried where the new one is refused, on every new connection."""

from __future__ import annotations

import atexit
import importlib
from contextlib import suppress
from typing import Any

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.client import MONITORS, Client, Login
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.model import LoginRefusedError
from pymongo.errors import OperationFailure

ADDRESS = "db1:27017"


class Server:
    """Takes one password, and closes nothing by itself."""

    def __init__(self) -> None:
        self.password = "old"
        self.tried: list[str] = []


class Connection:
    """As the driver's: it logs in again with what it was told in the beginning."""

    def __init__(self, server: Server, password: str) -> None:
        self.server = server
        self.password = password

    def __getitem__(self, _database: str) -> Connection:
        return self

    def command(self, _name: str, _value: Any) -> dict[str, Any]:
        self.server.tried.append(self.password)
        if self.password != self.server.password:
            raise OperationFailure("Authentication failed.", 18)
        return {"ok": 1}

    def close(self) -> None:
        """There is nothing to close."""


def client_of(monkeypatch: pytest.MonkeyPatch, server: Server, before: str = "old") -> Client:
    client = Client(Login("admin", "new", password_before=before))
    monkeypatch.setattr(client, "_connect", lambda _address, login: Connection(server, login.password))
    return client


def test_the_one_of_before_serves_until_the_new_one_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    client = client_of(monkeypatch, server)
    assert client.command(ADDRESS, "ping") == client.command(ADDRESS, "ping") == {"ok": 1}
    assert server.tried == ["new", "old", "old"], "what is open is used again"
    server.password = "new"
    assert client.command(ADDRESS, "ping") == {"ok": 1}
    assert server.tried[3:] == ["old", "new"]


@pytest.mark.parametrize(("before", "tried"), [("", ["new"]), ("old", ["new", "old", "new"])])
def test_both_are_refused(monkeypatch: pytest.MonkeyPatch, before: str, tried: list[str]) -> None:
    server = Server()
    server.password = "another"
    client = client_of(monkeypatch, server, before)
    with pytest.raises(LoginRefusedError, match="the login as admin was refused"):
        client.command(ADDRESS, "ping")
    assert server.tried == tried


def test_a_task_does_not_wait_for_the_drivers_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """That it has such a handler is its own affair: this shows when it is called otherwise."""
    for name in MONITORS:
        with suppress(ImportError):
            importlib.import_module(name)
    dropped: list[Any] = []
    monkeypatch.setattr(atexit, "unregister", dropped.append)
    Client(Login()).close()
    assert [handler.__name__ for handler in dropped] == ["_shutdown_resources"]
