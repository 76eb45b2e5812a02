"""The role's own configuration, run by nginx between real clients and real backends."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.nginx.harness import Backend, Nginx, apply_role
from tests.support.traffic import Request, Traffic

REQUESTS = int(os.environ.get("SCALEOUT_REQUESTS", "2000"))

HANDSHAKE = (
    "GET {} HTTP/1.1\r\nHost: www.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
HELLO = b"\x81\x05hello"


class Site:
    """Two backends behind one nginx, and one that only the path /flaky/ reaches."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.nginx = Nginx(folder / "nginx")
        self.backends = [Backend("a"), Backend("b")]
        self.static = folder / "public"

    def apply(self, **more: Any) -> dict[str, Any]:
        variables = {
            "nginx_upstreams": [
                {
                    "name": "www-web",
                    "servers": [
                        {"name": item.name, "address": "127.0.0.1", "port": item.port} for item in self.backends
                    ],
                }
            ],
            "nginx_sites": [
                {
                    "name": "www",
                    "domains": ["www.example.com", "example.com"],
                    "body_limit": "1k",
                    "static_root": str(self.static),
                    "routes": [
                        {"path": "/", "upstream": "www-web", "cors": None},
                        {"path": "/socket.io/", "upstream": "www-web", "websocket": True, "read_timeout": 5},
                        {"path": "/api/", "upstream": "www-web", "cors": {"credentials": True}},
                        {"path": "/other/", "upstream": "www-web", "cors": {"origins": ["https://a.example.net"]}},
                        {"path": "/own/", "upstream": "www-web", "headers": {"X-Frame-Options": "", "X-Own": 'a "b"'}},
                        {"path": "/files/", "static_root": str(self.static)},
                    ],
                }
            ],
            **more,
        }
        return apply_role(self.nginx, variables)

    def count(self) -> int:
        return sum(len(item.requests) for item in self.backends)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"))
    try:
        applied = made.apply()
        assert applied.get("changed"), applied
        made.nginx.start()
        again = made.apply()
        assert (again["changed"], again["running"]) == (False, True)
        yield made
    finally:
        made.nginx.stop()
        for backend in made.backends:
            backend.stop()


def test_proxies_with_forwarded_headers(site: Site) -> None:
    answer = site.nginx.ask("/page?x=1", X_Forwarded_For="6.6.6.6", X_Forwarded_Host="evil.example.com")
    seen = answer.json()["headers"]
    assert (answer.status, answer.json()["path"]) == (200, "/page?x=1")
    assert (seen["Host"], seen["X-Forwarded-Host"]) == ("www.example.com", "www.example.com")
    assert (seen["X-Real-IP"], seen["X-Forwarded-For"], seen["X-Forwarded-Proto"]) == ("127.0.0.1", "127.0.0.1", "http")
    assert "Connection" not in seen


def test_client_is_believed_to_trusted_proxies_only(site: Site) -> None:
    def seen(source: str, **headers: Any) -> tuple[str, str, str]:
        got = site.nginx.ask("/", source=source, **headers).json()["headers"]
        assert got["X-Real-IP"] == got["X-Forwarded-For"]
        return got["X-Forwarded-For"], got["X-Forwarded-Proto"], got["Host"]

    said = {"X_Forwarded_For": "6.6.6.6, 203.0.113.7, 10.1.2.3", "X_Forwarded_Proto": "https"}
    try:
        assert site.apply(nginx_trusted_proxies=["127.0.0.2", "10.0.0.0/8", "2001:db8::/32"])["reloaded"]
        assert seen("127.0.0.2", **said) == ("203.0.113.7", "https", "www.example.com")
        assert seen("127.0.0.2") == ("127.0.0.2", "http", "www.example.com")
        assert seen("127.0.0.2", X_Forwarded_Proto="javascript") == ("127.0.0.2", "http", "www.example.com")
        assert seen("127.0.0.1", **said) == ("127.0.0.1", "http", "www.example.com")
    finally:
        site.apply()
    assert seen("127.0.0.2", **said) == ("127.0.0.2", "http", "www.example.com")


def test_limits_and_log_see_the_client_behind_a_trusted_proxy(site: Site) -> None:
    limited = {
        "name": "www",
        "domains": ["www.example.com"],
        "limits": {"requests_per_second": 1, "burst": 1},
        "routes": [{"path": "/", "upstream": "www-web"}],
    }

    def statuses(client: str) -> list[int]:
        headers: dict[str, Any] = {"X_Forwarded_For": client}
        return [site.nginx.ask("/limited", source="127.0.0.2", **headers).status for _turn in range(4)]

    try:
        site.apply(nginx_sites=[limited], nginx_trusted_proxies=["127.0.0.2"], nginx_access_log_format="json")
        assert 429 in statuses("203.0.113.7")
        assert statuses("203.0.113.8")[0] == 200, "all clients of the proxy share one limit"
        time.sleep(1.5)
        said = (site.nginx.root / "access.log").read_text().splitlines()
        lines = [json.loads(line) for line in said if '"uri":"/limited"' in line]
        assert {line["remote_addr"] for line in lines} == {"203.0.113.7", "203.0.113.8"}
    finally:
        site.apply()


def test_both_backends_serve_over_kept_connections(site: Site) -> None:
    site.nginx.ask("/")
    connections = sum(len(item.connections) for item in site.backends)
    names = {site.nginx.ask("/").json()["backend"] for _turn in range(100)}
    assert names == {"a", "b"}
    # At most one connection per worker and backend; without keepalive it would be a hundred.
    assert sum(len(item.connections) for item in site.backends) - connections < 20


def test_static_files_need_no_backend(site: Site) -> None:
    assert site.nginx.ask("/style.css").json()["path"] == "/style.css"
    (site.static / "files").mkdir(parents=True)
    (site.static / "style.css").write_text("body {}")
    (site.static / "files" / "a.css").write_text("a {}")
    asked = site.count()
    answer = site.nginx.ask("/style.css")
    assert (answer.body, answer.headers["Content-Type"]) == (b"body {}", "text/css")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert site.nginx.ask("/files/a.css").body == b"a {}"
    assert site.nginx.ask("/files/absent.css").status == 404
    assert site.nginx.ask("/files/../../nginx/nginx.conf").status == 400
    assert site.count() == asked


def test_security_headers_come_once(site: Site) -> None:
    for path in ("/", "/api/", "/socket.io/", "/absent"):
        headers = site.nginx.ask(path).headers
        assert headers.get_all("X-Frame-Options") == ["SAMEORIGIN"]
        assert headers.get_all("X-Content-Type-Options") == ["nosniff"]
        assert headers["Server"] == "nginx"
    own = site.nginx.ask("/own/").headers
    assert (own.get_all("X-Frame-Options"), own["X-Own"]) == (["DENY"], 'a "b"')


def test_cors(site: Site) -> None:
    for origin in ("http://www.example.com", "https://example.com", "https://www.example.com:8443"):
        headers = site.nginx.ask("/api/x", Origin=origin).headers
        assert headers.get_all("Access-Control-Allow-Origin") == [origin]
        assert headers["Access-Control-Allow-Credentials"] == "true"
        assert "Origin" in headers.get_all("Vary", [])
    for origin in ("https://evil.example.net", "https://www.example.com.evil.net", "null"):
        headers = site.nginx.ask("/api/x", Origin=origin).headers
        assert (headers["Access-Control-Allow-Origin"], headers["Access-Control-Allow-Credentials"]) == (None, None)
    other = site.nginx.ask("/other/", Origin="https://a.example.net").headers
    assert other["Access-Control-Allow-Origin"] == "https://a.example.net"
    assert other["Access-Control-Allow-Credentials"] is None


def test_cors_preflight(site: Site) -> None:
    asked = site.count()
    answer = site.nginx.ask(
        "/api/x",
        method="OPTIONS",
        Origin="https://example.com",
        Access_Control_Request_Method="PUT",
        Access_Control_Request_Headers="x-one",
    )
    assert (answer.status, answer.headers["Access-Control-Allow-Headers"]) == (204, "x-one")
    assert answer.headers["Access-Control-Allow-Origin"] == "https://example.com"
    assert "PUT" in answer.headers["Access-Control-Allow-Methods"]
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert site.count() == asked
    assert site.nginx.ask("/api/x", method="OPTIONS").status == 200
    assert site.count() == asked + 1


def test_websocket(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.nginx.port), timeout=5) as client:
        client.sendall(HANDSHAKE.format("/socket.io/").encode())
        head = client.recv(4096)
        assert head.startswith(b"HTTP/1.1 101")
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
        client.sendall(HELLO)
        assert client.recv(100) == HELLO
    with socket.create_connection(("127.0.0.1", site.nginx.port), timeout=5) as client:
        client.sendall(HANDSHAKE.format("/").encode())
        assert client.recv(4096).startswith(b"HTTP/1.1 200")


def test_a_websocket_outlives_a_reload_by_the_time_that_old_workers_have(site: Site) -> None:
    try:
        assert site.apply(nginx_worker_shutdown_timeout=3)["reloaded"]
        with socket.create_connection(("127.0.0.1", site.nginx.port), timeout=5) as client:
            client.sendall(HANDSHAKE.format("/socket.io/").encode())
            assert client.recv(4096).startswith(b"HTTP/1.1 101")
            site.nginx.hang_up()
            echoes, deadline = 0, time.monotonic() + 30
            with contextlib.suppress(OSError):
                while True:
                    client.sendall(HELLO)
                    if client.recv(100) != HELLO:
                        break
                    echoes += 1
                    assert time.monotonic() < deadline, "the old worker goes on"
                    time.sleep(0.2)
        assert echoes >= 1
    finally:
        site.apply()


def test_unknown_host_is_not_served(site: Site) -> None:
    asked = site.count()
    with pytest.raises(http.client.RemoteDisconnected):
        site.nginx.ask("/", host="unknown.example.net")
    assert site.count() == asked


def test_limits_and_compression(site: Site) -> None:
    assert site.nginx.ask("/", method="POST", body=b"x" * 2000).status == 413
    answer = site.nginx.ask("/" + "x" * 1500, Accept_Encoding="gzip")
    assert (answer.headers["Content-Encoding"], answer.headers["Vary"]) == ("gzip", "Accept-Encoding")


def test_unhealthy_answer_goes_to_the_next(site: Site) -> None:
    site.backends[0].status = 503
    try:
        assert {site.nginx.ask("/").status for _turn in range(50)} == {200}
    finally:
        site.backends[0].status = 200
        time.sleep(1.1)


def test_post_is_never_sent_twice(site: Site) -> None:
    for backend in site.backends:
        backend.hangs_up_on = {"POST"}
    asked = site.count()
    try:
        assert site.nginx.ask("/once", method="POST", body=b"x").status == 502
        assert site.count() == asked + 1
    finally:
        for backend in site.backends:
            backend.hangs_up_on = set()


def test_no_request_fails_during_reloads(site: Site) -> None:
    host = {"Host": "www.example.com"}
    requests = [*[Request("GET", "/", host)] * 7, Request("POST", "/", host, lambda _number: b"x")]
    with Traffic(f"http://127.0.0.1:{site.nginx.port}/", requests, count=10 * REQUESTS, seconds=300) as traffic:
        for turn in range(20):
            traffic.wait_for((turn + 1) * REQUESTS // 21)
            site.nginx.hang_up()
        traffic.wait_for(REQUESTS)
    report = traffic.finish()
    print(f"\n20 reloads\n{report.text()}")
    assert report.failed == []
    # A kept connection may be closed just when a POST is sent on it, which no client sends again by itself.
    assert set(report.posts) <= {"200", "None"}


def test_the_check_of_a_balancer_asks_no_application_and_is_not_logged(site: Site) -> None:
    asked = site.count()
    assert site.nginx.ask("/", host="balancer.invalid", method="HEAD").status == 204
    assert site.count() == asked
    assert site.nginx.ask("/logged").status == 200
    log = site.nginx.root / "access.log"
    deadline = time.monotonic() + 10
    while "/logged" not in log.read_text():
        assert time.monotonic() < deadline, "nginx wrote no log"
        time.sleep(0.1)
    assert "balancer.invalid" not in log.read_text()


def test_unknown_hosts_may_be_answered(site: Site) -> None:
    generation = site.nginx.generation()
    assert site.apply(nginx_unknown_host_status=421)["reloaded"]
    assert site.nginx.ask("/", host="unknown.example.net").status == 421
    sites = [
        {
            "name": "www",
            "domains": ["www.example.com"],
            "default": True,
            "routes": [{"path": "/", "upstream": "www-web", "cors": {}}],
        }
    ]
    assert site.apply(nginx_sites=sites)["reloaded"]
    assert site.nginx.ask("/", host="unknown.example.net").status == 200
    assert site.apply()["generation"] == generation == site.nginx.generation()


def test_methods_weights_and_backup_servers(site: Site) -> None:
    heavy, other = ({"name": item.name, "address": "127.0.0.1", "port": item.port} for item in site.backends)
    weighted, spared = [{**heavy, "weight": 3}, other], [heavy, {**other, "backup": True}]
    upstreams: list[dict[str, Any]] = [
        {"name": "turns", "servers": weighted},
        {"name": "turns-backup", "servers": spared},
        {"name": "least", "method": "least_conn", "servers": weighted},
        {"name": "least-backup", "method": "least_conn", "servers": spared},
        {"name": "client", "method": "ip_hash", "servers": weighted},
        {"name": "key", "method": "hash", "key": "$host$uri", "consistent": False, "servers": weighted},
        {"name": "ring", "method": "hash", "key": "$request_uri", "servers": weighted},
    ]
    routes = [{"path": f"/{upstream['name']}/", "upstream": upstream["name"]} for upstream in upstreams]
    sites = [{"name": "www", "domains": ["www.example.com"], "routes": routes}]
    assert site.apply(nginx_upstreams=upstreams, nginx_sites=sites)["reloaded"]
    spread = {
        upstream["name"]: Counter(site.nginx.ask(f"/{upstream['name']}/").json()["backend"] for _turn in range(8))
        for upstream in upstreams
    }
    assert spread["turns"] == spread["least"] == {"a": 6, "b": 2}
    assert spread["turns-backup"] == spread["least-backup"] == {"a": 8}
    assert all(list(spread[name].values()) == [8] for name in ("client", "key", "ring"))

    refused = site.apply(nginx_upstreams=[{**upstreams[4], "servers": spared}, *upstreams[5:]], nginx_sites=[])
    assert "client: nginx allows no backup servers with the method ip_hash" in refused["msg"]
    assert site.apply()["reloaded"]


def test_status_is_for_the_balancer_alone(site: Site) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{site.nginx.status_port}/status", timeout=5) as answer:
        assert answer.read().startswith(b"Active connections")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", site.nginx.status_port), 5)


def test_problems_are_told_together(site: Site) -> None:
    route = {"path": "api;", "upstream": "absent", "cors": {"origins": ["a.example.net"]}, "headers": {"X Y": "z"}}
    told = site.apply(
        nginx_upstreams=[
            {"name": "www-web", "servers": []},
            {"name": "Web", "servers": [{"address": "::1", "port": 70000}]},
        ],
        nginx_sites=[
            {"name": "a", "domains": ["https://x"], "default": True, "routes": [route]},
            {"name": "a", "domains": ["https://x"], "default": True, "routes": [{"path": "/"}]},
        ],
        nginx_trusted_proxies=["192.0.2.0/24", "2001:db8::1", "proxy.example.com"],
        nginx_connect_timeout=5,
        nginx_next_upstream_tries=0,
        nginx_worker_connections=100000,
    )
    assert told["failed"]
    assert told["msg"].splitlines() == [
        "Web: not a name; small letters, digits, dots, dashes and underscores serve.",
        "nginx_sites: a is there 2 times; names are unique.",
        "nginx_upstreams: www-web has no servers; give it one, or take it and its routes away.",
        "nginx_upstreams: Web: ::1:70000 is no address and port; write IPv6 in brackets.",
        "nginx_sites: https://x is no host name; write it in small letters, without scheme and port.",
        "nginx_sites: the domain https://x belongs to 2 sites; leave it to one.",
        "nginx_sites: more than one has default: true; leave it to one.",
        "nginx_sites: a: the path api; must start with / and hold no blanks, quotes, braces, ; $ or \\.",
        "nginx_sites: a: the route api; names the upstream absent, which nginx_upstreams does not have.",
        "nginx_sites: a: the route api;: a.example.net is no origin; write scheme and host, as https://www.example.com.",
        "nginx_sites: a: X Y is no header, or its value has several lines.",
        "nginx_sites: a: the route / needs an upstream or a static_root.",
        "nginx_trusted_proxies: proxy.example.com is no address or network; write 192.0.2.0/24 or 2001:db8::/32.",
        "nginx_connect_timeout is 5; 1 or 2 serve, since a request waits this long for each host that is off.",
        "nginx_next_upstream_tries and nginx_next_upstream_timeout must be at least 1:"
        " without a bound a request may visit every server.",
        "nginx_worker_rlimit_nofile is 16384; it must be at least twice nginx_worker_connections (100000).",
    ]


def test_no_request_fails_while_a_backend_is_dead(site: Site) -> None:
    assert {site.nginx.ask("/").status for _turn in range(20)} == {200}
    site.backends[0].stop()
    answers = [site.nginx.ask("/") for _turn in range(400)]
    assert {answer.status for answer in answers} == {200}
    assert {answer.json()["backend"] for answer in answers[-50:]} == {"b"}
