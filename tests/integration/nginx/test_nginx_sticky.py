"""Sticky sessions and draining: the role's configuration, run by nginx between real clients and real backends."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.nginx.harness import COOKIE, Answer, Backend, Nginx, apply_role, run_module, sticky_site
from tests.support.full import LONG


class Visitor:
    """Keeps the cookie, as a browser does."""

    def __init__(self, nginx: Nginx) -> None:
        self.nginx = nginx
        self.cookie = ""

    def ask(self, path: str = "/", method: str = "GET", body: bytes | None = None) -> Answer:
        headers = {"Cookie": f"other=1; {COOKIE}={self.cookie}"} if self.cookie else {}
        answer = self.nginx.ask(path, method=method, body=body, **headers)
        set_cookie = answer.headers.get("Set-Cookie") or ""
        if set_cookie.startswith(f"{COOKIE}="):
            self.cookie = set_cookie.split("=", 1)[1].split(";")[0]
        return answer

    def home(self) -> str:
        answer = self.ask()
        assert answer.status == 200
        return str(answer.json()["backend"])


class Site:
    def __init__(self, folder: Path, names: str) -> None:
        self.nginx = Nginx(folder / "nginx")
        self.backends = {name: Backend(name) for name in names}

    def apply(self, **more: Any) -> dict[str, Any]:
        ports = {name: backend.port for name, backend in self.backends.items()}
        return apply_role(self.nginx, {**sticky_site(self.nginx, ports), **more})

    def visitors(self, count: int) -> dict[Visitor, str]:
        found = {}
        for _turn in range(count):
            visitor = Visitor(self.nginx)
            found[visitor] = visitor.home()
        return found

    def upstream(self, *options: str, **arguments: Any) -> dict[str, Any]:
        return run_module(self.nginx, "nginx_upstream", *options, **{"wait_timeout": 2, **arguments})

    def states(self) -> dict[str, str]:
        return {server["name"]: server["state"] for server in run_module(self.nginx, "nginx_info")["servers"]}

    def posts(self) -> int:
        return sum(request.startswith("POST") for backend in self.backends.values() for request in backend.requests)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path, "abc")
    try:
        applied = made.apply()
        assert applied.get("changed"), applied
        made.nginx.start()
        yield made
    finally:
        made.nginx.stop()
        for backend in made.backends.values():
            backend.stop()


def open_socket(site: Site, cookie: str) -> socket.socket:
    """A WebSocket handshake as a client does it; returns the connection after the switch of protocols."""
    client = socket.create_connection(("127.0.0.1", site.nginx.port), timeout=10)
    client.sendall(
        b"GET /socket.io/ HTTP/1.1\r\nHost: www.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        + (f"Cookie: {COOKIE}={cookie}\r\n".encode() if cookie else b"")
        + b"\r\n"
    )
    return client


def test_a_cookie_binds_to_the_instance_that_answered(site: Site) -> None:
    first = site.nginx.ask("/")
    (text,) = first.headers.get_all("Set-Cookie", [])
    assert re.fullmatch(COOKIE + r"=[0-9a-f]{12}; Path=/; HttpOnly; SameSite=Lax", text)
    visitors = site.visitors(30)
    assert set(visitors.values()) == {"a", "b", "c"}
    for visitor, home in visitors.items():
        again = visitor.ask("/socket.io/?EIO=4&transport=polling", method="POST", body=b"x")
        assert (again.json()["backend"], again.headers.get("Set-Cookie")) == (home, None)


def test_a_forged_cookie_is_harmless(site: Site) -> None:
    site.visitors(1)
    for forged in ("x", "www-web", "127.0.0.1:22", "0123456789ab", "a" * 4000, '"$host"', "%0d%0aX: 1", "../.."):
        visitor = Visitor(site.nginx)
        visitor.cookie = forged
        assert visitor.home() in site.backends
        assert re.fullmatch("[0-9a-f]{12}", visitor.cookie)


def test_nobody_moves_when_an_instance_is_added(site: Site) -> None:
    visitors = site.visitors(200)
    site.backends["d"] = Backend("d")
    assert site.apply()["reloaded"]
    assert {visitor: visitor.home() for visitor in visitors} == visitors
    assert "d" in site.visitors(12).values()


@LONG
def test_servers_come_and_go_four_beats(site: Site) -> None:
    """As scale.yml does it: nobody moves when one comes, and only its own visitors when one goes."""

    def servers(names: str, *options: str, **more: Any) -> dict[str, Any]:
        ports = {name: site.backends[name].port for name in names}
        (upstream,) = sticky_site(site.nginx, ports)["nginx_upstreams"]
        wanted = [{"name": "www-web", "servers": upstream["servers"]}]
        return run_module(site.nginx, "nginx_servers", *options, **{"upstreams": wanted, **more})

    visitors = site.visitors(60)
    before = site.nginx.files()
    site.backends["d"] = Backend("d")
    checked = servers("abcd", "--check")
    assert (checked["changed"], checked["added"], checked["removed"]) == (True, ["www-web/d-1"], [])
    assert site.nginx.files() == before
    added = servers("abcd")
    assert (added["changed"], added["reloaded"]) == (True, True)
    assert not servers("abcd")["changed"]
    assert not servers("abcd", "--check")["changed"]
    assert {visitor: visitor.home() for visitor in visitors} == visitors
    assert "d" in site.visitors(20).values()
    assert not site.apply()["changed"], "the role would have written another configuration"

    assert site.upstream(servers=["b-1"], state="drained")["changed"]
    site.backends["b"].stop()
    assert servers("acd")["removed"] == ["www-web/b-1"]
    for visitor, home in visitors.items():
        now = visitor.home()
        assert (now == home) == (home != "b")
        assert visitor.home() == now
    assert "this balancer has no www-api" in servers("a", upstreams=[{"name": "www-api", "servers": []}])["msg"]


def test_only_its_own_visitors_move_when_an_instance_dies(site: Site) -> None:
    visitors = site.visitors(30)
    site.backends["b"].stop()
    for visitor, home in visitors.items():
        # The first request may be any, also one that must not be sent twice.
        first = visitor.ask(method="POST", body=b"x" * 500)
        assert (first.status, first.json()["backend"] == home) == (200, home != "b")
        moved = first.json()["backend"]
        assert [visitor.home() for _turn in range(3)] == [moved] * 3
    assert site.posts() == 30


def test_what_may_have_been_done_is_not_sent_again(site: Site) -> None:
    visitor = next(iter(site.visitors(1)))
    home = visitor.home()
    site.backends[home].hangs_up_on = {"POST", "GET"}
    old = visitor.cookie
    assert visitor.ask(method="POST", body=b"x").status == 502
    assert (site.posts(), visitor.cookie) == (1, old)
    assert visitor.home() != home
    assert visitor.cookie != old


def test_the_pool_is_not_asked_twice(site: Site) -> None:
    for backend in site.backends.values():
        backend.hangs_up_on = {"GET"}
    answer = site.nginx.ask("/")
    assert (answer.status, answer.headers.get("Set-Cookie")) == (502, None)
    assert sum(len(backend.requests) for backend in site.backends.values()) == 3


def test_what_an_instance_answers_is_passed_on(site: Site) -> None:
    visitor, home = next(iter(site.visitors(1).items()))
    for status in (404, 500, 502, 504):
        site.backends[home].status = status
        answer = visitor.ask()
        assert (answer.status, answer.json()["backend"]) == (status, home)


def test_a_websocket_is_bound_too_and_outlives_a_drain_of_others(site: Site) -> None:
    client = open_socket(site, "")
    head = client.recv(4096).decode()
    assert head.startswith("HTTP/1.1 101")
    found = re.search(rf"Set-Cookie: {COOKIE}=([0-9a-f]+); Path=/", head)
    assert found
    visitor = Visitor(site.nginx)
    visitor.cookie = found[1]
    home = visitor.home()
    others = [name for name in "abc" if name != home]
    assert site.upstream(hosts=others, state="drained")["reloaded"]
    client.sendall(b"hello")
    assert client.recv(100) == b"hello"
    assert visitor.home() == home
    client.close()


def test_drain_four_beats(site: Site) -> None:
    visitors = site.visitors(18)
    before, files = site.nginx.generation(), site.nginx.files()

    check = site.upstream("--check", hosts=["b"], state="drained")
    assert (check["changed"], check["reloaded"], check["servers"]) == (True, True, ["www-web/b-1"])
    assert (site.nginx.generation(), site.nginx.files()) == (before, files)

    run = site.upstream(hosts=["b"], state="drained")
    assert (run["changed"], run["diff"], run["in_flight"]) == (True, check["diff"], {})
    (diff,) = run["diff"]
    assert diff["after"].count(" down;") == 1
    asked = len(site.backends["b"].requests)
    assert {visitor: visitor.home() for visitor, home in visitors.items() if home != "b"} == {
        visitor: home for visitor, home in visitors.items() if home != "b"
    }
    moved = {visitor: visitor.home() for visitor, home in visitors.items() if home == "b"}
    assert set(moved.values()) <= {"a", "c"}
    assert {visitor: visitor.home() for visitor in moved} == moved
    assert len(site.backends["b"].requests) == asked

    for options in ((), ("--check",)):
        again = site.upstream(*options, hosts=["b"], state="drained")
        assert (again["changed"], again["reloaded"], again["diff"]) == (False, False, [])
    assert site.states() == {"a-1": "active", "b-1": "drained", "c-1": "active"}

    assert not site.apply()["changed"], "the role keeps the state"
    assert site.apply(nginx_body_limit="2m")["changed"]
    assert site.states()["b-1"] == "drained"

    assert site.upstream(state="active")["changed"]
    assert set(site.states().values()) == {"active"}
    assert "b" in site.visitors(9).values()


def test_draining_keeps_visitors_and_takes_no_new_ones(site: Site) -> None:
    visitors = site.visitors(18)
    assert site.upstream(servers=["b-1"], state="draining")["changed"]
    assert {visitor: visitor.home() for visitor in visitors} == visitors
    assert "b" not in site.visitors(12).values()


def test_the_last_server_that_answers_is_never_drained(site: Site) -> None:
    files = site.nginx.files()
    refused = site.upstream(state="drained")
    assert refused["failed"]
    assert refused["msg"] == (
        "www-web would be left without a server: no other server is active. Nothing was drained."
        " Mend or activate another server first."
    )
    site.backends["a"].stop()
    for options in ((), ("--check",)):
        refused = site.upstream(*options, hosts=["b", "c"], state="drained")
        assert f"none of the others answers: a-1 (127.0.0.1:{site.backends['a'].port})" in refused["msg"]
    assert site.nginx.files() == files
    assert site.upstream(hosts=["a", "b"], state="drained")["changed"]


@LONG
def test_what_was_drained_for_a_reason_comes_back_without_the_rest(site: Site) -> None:
    assert site.upstream(hosts=["a"], state="draining")["changed"]
    assert site.upstream(hosts=["a", "b"], state="drained", reason="release")["changed"]
    site.backends["b"].stop()
    unwell = site.upstream(state="active", reason="release", only_answering=True)
    assert (unwell["changed"], unwell["servers"]) == (False, [])
    assert site.upstream(state="active", reason="release")["servers"] == ["www-web/b-1"]
    assert site.states() == {"a-1": "drained", "b-1": "active", "c-1": "active"}


def test_names_that_the_balancer_does_not_know(site: Site) -> None:
    told = site.upstream(hosts=["b", "x"], state="drained")
    assert told["msg"] == "hosts: this balancer has no x; it has a, b, c"


def test_waits_for_requests_in_flight(site: Site) -> None:
    visitor, home = next(iter(site.visitors(1).items()))
    client = open_socket(site, visitor.cookie)
    assert client.recv(4096).startswith(b"HTTP/1.1 101")
    busy = site.upstream(hosts=[home], state="drained", wait_timeout=1)
    assert (busy["changed"], busy["in_flight"]) == (True, {f"{home}-1": 1})
    timer = threading.Timer(2, client.close)
    timer.start()
    idle = site.upstream(hosts=[home], state="drained", wait_timeout=60)
    assert (idle["changed"], idle["in_flight"]) == (False, {})
    timer.join()


def test_a_configuration_that_nginx_refuses_changes_nothing(site: Site) -> None:
    generation = site.nginx.generation()
    live = (site.nginx.root / "mime.types").read_text()
    (site.nginx.root / "mime.types").write_text("types {")
    told = site.upstream(hosts=["b"], state="drained")
    assert (told["failed"], told["stage"]) == (True, "test")
    (site.nginx.root / "mime.types").write_text(live)
    assert (site.nginx.generation(), set(site.states().values())) == (generation, {"active"})


def test_the_longest_names_of_app_and_service(tmp_path: Path) -> None:
    """The plan allows 24 characters each; nginx tests what is made of them."""
    nginx = Nginx(tmp_path / "nginx")
    app, service = "a" * 24, "s" * 24
    variables = json.loads(json.dumps(sticky_site(nginx, {"h": 9})).replace("www-web", f"{app}-{service}"))
    variables["nginx_upstreams"][0]["sticky_cookie"] = f"{app}_{service}_instance"
    applied = apply_role(nginx, variables)
    assert applied.get("changed"), applied
