# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A login while the user is being made is accepted or refused, and nothing else."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.client import Client, Login

from tests.integration.mongodb.changes import made
from tests.integration.mongodb.mongods import Start

ROUNDS = 25


def test_a_login_while_the_user_is_made(start: Start) -> None:
    (server,) = start(1, replica_set="")
    found: list[object] = []
    done = threading.Event()

    def log_in(user: str) -> None:
        while not done.is_set():
            client = Client(Login())
            try:
                found.append(client.accepts(server.address, user, "secret", "admin"))
            except Exception as error:
                found.append(error)

    for number in range(ROUNDS):
        user = f"user{number}"
        done.clear()
        threads = [threading.Thread(target=log_in, args=(name,)) for name in [user] * 4]
        for thread in threads:
            thread.start()
        server.ask("createUser", user, pwd="secret", roles=[])
        done.wait(0.1)
        done.set()
        for thread in threads:
            thread.join()
    assert {repr(one) for one in found} == {"True", "False"}


def test_the_password_changes_between_two_tries(start: Start, keyfile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where all members of a set are told the new one at once."""
    (server,), login = made(start, 1, keyfile)
    old = login["login_password"]
    somebody = Client(Login("admin", old))
    client = Client(Login("admin", "horse battery", password_before=old))
    connect = client._connect

    def change_first(address: str, login: Login) -> object:
        if login.password == old:
            somebody.command(server.address, "updateUser", "admin", pwd="horse battery")
        return connect(address, login)

    monkeypatch.setattr(client, "_connect", change_first)
    assert client.command(server.address, "ping")["ok"] == 1
