# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The load generator judges others, so a server that misbehaves on purpose judges it."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.support import traffic
from tests.support.traffic import Client, Report, Request, Traffic


class Server(ThreadingHTTPServer):
    """Answers by the path: /status/N, /late/SECONDS, /drop/N (the first N tries get no answer), anything else 200."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.tries: Counter[str] = Counter()
        self.bodies: list[bytes] = []
        self.connections = 0
        self.lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        super().setup()
        with self.server.lock:
            self.server.connections += 1

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.tries[self.path] += 1
            tries = self.server.tries[self.path]
        kind, _slash, value = self.path.strip("/").partition("/")
        if kind == "drop" and tries <= int(value):
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        if kind == "late":
            time.sleep(float(value))
        self.send_response(int(value) if kind == "status" else 200)
        self.send_header("X-Served-By", f"here:{self.server.server_port}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(traffic, "PATIENCE", 1.0)
    monkeypatch.setattr(traffic, "PAUSES", (0.01, 0.02))
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def one(server: Server, method: str, path: str) -> Report:
    body = (lambda number: b"x") if method == "POST" else None
    outcome = Client(server.url).send(0, Request(method, path, body=body))
    return Report((outcome,), 1.0)


@pytest.mark.parametrize("path", ["/", "/status/204", "/status/302"])
def test_an_answer_is_no_failure(server: Server, path: str) -> None:
    report = one(server, "GET", path)
    assert (len(report.failed), report.first_try_failures) == (0, 0), report.text()


@pytest.mark.parametrize("status", [400, 404, 500, 502, 503])
def test_an_error_answer_is_a_failure_and_is_not_retried(server: Server, status: int) -> None:
    report = one(server, "GET", f"/status/{status}")
    assert (len(report.failed), report.first_try_failures) == (1, 1)
    assert server.tries[f"/status/{status}"] == 1


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("drops", [1, 2])
def test_two_connection_errors_are_forgiven_and_counted(server: Server, method: str, drops: int) -> None:
    report = one(server, method, f"/drop/{drops}")
    assert (len(report.failed), report.first_try_failures) == (0, 1), report.text()
    assert server.tries[f"/drop/{drops}"] == drops + 1


def test_the_third_connection_error_is_a_failure(server: Server) -> None:
    report = one(server, "GET", "/drop/3")
    assert len(report.failed) == 1
    assert server.tries["/drop/3"] == 3
    assert "#0 GET /drop/3: None" in report.text()


def test_a_late_answer_is_a_failure_within_the_patience(server: Server) -> None:
    began = time.monotonic()
    report = one(server, "GET", "/late/1.5")
    assert len(report.failed) == 1
    assert time.monotonic() - began < 1.4


def test_nobody_listening_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "PAUSES", (0.01, 0.02))
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        outcome = Client(f"http://127.0.0.1:{unheard.getsockname()[1]}").send(0, Request("GET", "/"))
    assert outcome.failed
    assert len(outcome.problems) == 3


@pytest.mark.parametrize(("path", "status"), [("/status/500", "500"), ("/drop/1", "None"), ("/late/1.5", "None")])
def test_a_post_is_sent_once_and_only_counted(server: Server, path: str, status: str) -> None:
    report = one(server, "POST", path)
    assert (report.posts, report.failed, report.acknowledged) == ({status: 1}, [], [])
    assert len(server.bodies) == 1


def test_load_is_bounded_mixed_and_accounted_for(server: Server) -> None:
    requests = [
        Request("GET", "/"),
        Request("HEAD", "/"),
        Request("GET", "/status/500"),
        Request("POST", "/", body=lambda number: b"%d" % number),
    ]
    with Traffic(server.url, requests, workers=4, count=200) as running:
        running.wait_for(200)
    report = running.finish()
    assert report.total == 200
    assert len(report.failed) == 50
    assert report.posts == {"200": 50}
    assert sorted(int(body) for body in server.bodies) == sorted(report.acknowledged)
    assert report.instances == {f"here:{server.server_port}": 200}
    assert 4 < server.connections < 200, "half of the clients keep their connection, half do not"


def test_load_ends_with_the_block(server: Server) -> None:
    with Traffic(server.url, [Request("GET", "/")], workers=2) as running:
        running.wait_more(10)
    tries = server.tries["/"]
    assert running.finish().total == tries
    time.sleep(0.1)
    assert server.tries["/"] == tries


def test_waiting_for_more_than_will_come_is_an_error(server: Server) -> None:
    complaint = pytest.raises(RuntimeError, match="ended after 10 requests, 11 were wanted")
    with complaint, Traffic(server.url, [Request("GET", "/")], workers=2, count=10) as running:
        running.wait_for(11)


def test_time_bounds_the_load(server: Server) -> None:
    complaint = pytest.raises(RuntimeError, match="traffic ended")
    with complaint, Traffic(server.url, [Request("GET", "/late/0.05")], workers=2, seconds=0.3) as running:
        running.wait_for(1000)
    assert running.finish().total < 20


def test_a_defect_of_the_generator_is_no_silence(server: Server) -> None:
    def broken(number: int) -> bytes:
        raise ZeroDivisionError

    with Traffic(server.url, [Request("POST", "/", body=broken)], workers=1) as running:
        pass
    with pytest.raises(ZeroDivisionError):
        running.finish()
