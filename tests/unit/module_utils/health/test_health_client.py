"""Waiting for URLs, against a real server on loopback."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._health.client import Check, ask, describe, wait_all


class Handler(BaseHTTPRequestHandler):
    """The path says which status is answered; /slow takes its time."""

    def do_GET(self) -> None:
        if self.path == "/slow":
            time.sleep(0.5)
        status = int(self.path[1:]) if self.path[1:].isdigit() else 200
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/200")
        self.end_headers()
        self.wfile.write(b"body")

    def log_message(self, *_arguments: Any) -> None:
        pass


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("path", "status", "contains", "problem"),
    [
        ("/200", 200, "", ""),
        ("/200", 200, "bod", ""),
        ("/200", 200, "other", "answered 200, but without 'other'"),
        ("/500", 200, "", "answered 500, not 200"),
        ("/500", 500, "body", ""),
        ("/302", 302, "", ""),
        ("/204", 204, "", ""),
    ],
)
def test_one_attempt(base: str, path: str, status: int, contains: str, problem: str) -> None:
    assert ask(Check(base + path, status, 2, contains)) == problem


def test_nobody_there_and_too_slow(base: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert "refused" in ask(Check(f"http://127.0.0.1:{free.getsockname()[1]}/"))
    assert "timed out" in ask(Check(f"{base}/slow", timeout=0.1))


def test_waits_until_all_are_right() -> None:
    left = {"a": 3, "b": 0}

    def one(check: Check) -> str:
        left[check.url] -= 1
        return "not yet" if left[check.url] > 0 else ""

    answers = wait_all([Check("a"), Check("b")], 5, 0.01, one)
    assert [(answer.problem, answer.attempts) for answer in answers] == [("", 3), ("", 1)]
    assert describe(answers) == ""


def test_names_each_one_that_failed_with_its_last_answer() -> None:
    answers = wait_all(
        [Check("a"), Check("b"), Check("c")], 0.05, 0.01, lambda check: "" if check.url == "b" else "down"
    )
    assert describe(answers) == "a down; c down"


def test_asks_at_once_and_at_least_once(base: str) -> None:
    began = time.monotonic()
    answers = wait_all([Check(f"{base}/slow", timeout=5)] * 8, 0)
    assert [answer.attempts for answer in answers] == [1] * 8
    assert time.monotonic() - began < 2.5
    assert wait_all([], 5) == []
