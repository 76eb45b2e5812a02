"""The question that is asked without the driver, and what may come instead of its answer."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import bson
import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.client import Client, Login
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.model import ServerError


def message(document: dict[str, Any]) -> bytes:
    body = struct.pack("<iB", 0, 0) + bson.encode(document)
    return struct.pack("<4i", 16 + len(body), 7, 1, 2013) + body


@contextmanager
def server_that_says(answer: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Its address, and what it was asked."""
    asked: list[bytes] = []

    def serve() -> None:
        connection, _peer = listener.accept()
        with connection:
            asked.append(connection.recv(4096))
            # In pieces, as a network may bring it.
            for start in range(0, len(answer), 7):
                connection.sendall(answer[start : start + 7])

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}", asked
        finally:
            thread.join()


def test_hello() -> None:
    hello = {"ok": 1.0, "setName": "rs0", "primary": "DB1:27017", "me": "db2", "secondary": True, "hosts": ["db2"]}
    with server_that_says(message(hello)) as (address, asked):
        seen = Client(Login()).look(address)
    assert (seen.state, seen.set_name, seen.primary, seen.me) == ("member", "rs0", "db1:27017", "db2:27017")
    assert seen.ready
    assert bson.decode(asked[0][21:]) == {"hello": 1, "$db": "admin"}


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (b"", "it closed the connection"),
        (message({"ok": 1})[:30], "it closed the connection"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it closed the connection"),
        (message({"ok": 0, "errmsg": "the server is in quiesce mode"}), "the server is in quiesce mode"),
    ],
)
def test_anything_else_is_no_answer(answer: bytes, cause: str) -> None:
    with server_that_says(answer) as (address, _asked):
        seen = Client(Login()).look(address)
    assert seen.state == "silent"
    assert cause in seen.cause


def test_what_a_stranger_commands_is_answered_without_the_driver() -> None:
    with server_that_says(message({"ok": 1.0, "config": {"_id": "rs0"}})) as (address, asked):
        said = Client(Login()).command(address, "replSetGetConfig", commitmentStatus=True, database="other")
    assert said == {"ok": 1.0, "config": {"_id": "rs0"}}
    assert bson.decode(asked[0][21:]) == {"replSetGetConfig": 1, "commitmentStatus": True, "$db": "other"}


def test_an_error_of_the_server_keeps_its_number() -> None:
    refusal = {"ok": 0.0, "errmsg": "command requires authentication", "code": 13, "codeName": "Unauthorized"}
    with server_that_says(message(refusal)) as (address, _asked), pytest.raises(ServerError, match="requires") as found:
        Client(Login()).command(address, "replSetGetStatus")
    assert (found.value.code, found.value.where) == (13, address)
