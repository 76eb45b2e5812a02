"""TLS, redirects, limits, logs and the maintenance page, as real clients see them."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.integration.nginx.certificates import certificate
from tests.integration.nginx.harness import Backend, Nginx, apply_role, run_ansible
from tests.support.ports import free_port

DOMAINS = ("www.example.com", "example.com")
MAINTENANCE = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: scaleout.webapp.nginx, tasks_from: maintenance}
"""


class Site:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.nginx = Nginx(folder / "nginx")
        self.tls_port = free_port()
        self.backend = Backend("a")
        self.crt, self.key = certificate(folder / "one", *DOMAINS)
        self.pages = folder / "pages"

    def apply(self, tls: dict[str, Any] | None = None, others: Sequence[Any] = (), **more: Any) -> dict[str, Any]:
        site = {
            "name": "www",
            "domains": list(DOMAINS),
            "canonical": "www.example.com",
            "tls": {"certificate": str(self.crt), "key": str(self.key), "hsts": 600, **(tls or {})},
            "routes": [
                {"path": "/", "upstream": "www-web"},
                {"path": "/login", "upstream": "www-web", "limits": {"requests_per_second": 1, "burst": 2}},
            ],
        }
        variables = {
            "nginx_tls_ports": [self.tls_port],
            "nginx_access_log_format": "json",
            "nginx_maintenance_path": str(self.pages),
            "nginx_upstreams": [
                {
                    "name": "www-web",
                    "servers": [{"address": "127.0.0.1", "port": self.backend.port}],
                    "sticky_cookie": "www_web_instance",
                }
            ],
            "nginx_sites": [site, *others],
        }
        return apply_role(self.nginx, {**variables, **more})

    def talk(self, host: str = "www.example.com", path: str = "/") -> str:
        """One request over TLS, by a client that trusts this certificate only."""
        with self.connect(host, ["http/1.1"]) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            return b"".join(iter(lambda: client.recv(65536), b"")).decode()

    def connect(self, host: str, protocols: list[str]) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=str(self.crt))
        context.set_alpn_protocols(protocols)
        return context.wrap_socket(socket.create_connection(("127.0.0.1", self.tls_port), 10), server_hostname=host)

    def maintain(self, state: str) -> dict[str, Any]:
        playbook = self.folder / "maintenance.yml"
        playbook.write_text(MAINTENANCE)
        variables = {
            "nginx_maintenance_path": str(self.pages),
            "nginx_maintenance_sites": ["www"],
            "nginx_maintenance_state": state,
            "nginx_maintenance_page": "<h1>Later</h1>",
        }
        return run_ansible("ansible-playbook", str(playbook), "-e", json.dumps(variables))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("tls"))
    try:
        applied = made.apply()
        assert applied.get("changed"), applied
        made.nginx.start()
        yield made
    finally:
        made.nginx.stop()
        made.backend.stop()


def test_tls_with_http2(site: Site) -> None:
    with site.connect("www.example.com", ["h2", "http/1.1"]) as client:
        assert (client.selected_alpn_protocol(), client.version()) == ("h2", "TLSv1.3")
    answer = site.talk()
    assert answer.startswith("HTTP/1.1 200")
    assert "Strict-Transport-Security: max-age=600\r\n" in answer
    assert answer.count("; Path=/; HttpOnly; SameSite=Lax; Secure\r\n") == 1
    assert '"X-Forwarded-Proto": "https"' in answer


def test_all_ways_lead_to_the_canonical_host(site: Site) -> None:
    place = f"https://www.example.com:{site.tls_port}/a?b=c"
    for host in DOMAINS:
        answer = site.nginx.ask("/a?b=c", host=host, method="POST", body=b"x")
        assert (answer.status, answer.headers["Location"]) == (308, place)
    assert f"Location: {place}\r\n" in site.talk("example.com", "/a?b=c")


def test_a_stranger_gets_no_certificate(site: Site) -> None:
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        site.connect("unknown.example.net", ["http/1.1"])


def test_a_default_site_without_tls_lends_strangers_no_certificate_of_another(site: Site) -> None:
    routes = [{"path": "/", "upstream": "www-web"}]
    plain = {"name": "plain", "domains": ["plain.example.com"], "default": True, "routes": routes}
    assert site.apply(others=[plain])["reloaded"]
    assert site.nginx.ask("/", host="unknown.example.net").status == 200
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        site.connect("unknown.example.net", ["http/1.1"])
    assert site.talk().startswith("HTTP/1.1 200")
    assert site.apply()["reloaded"]


def test_the_key_is_for_root_only_and_never_shown(site: Site) -> None:
    (key,) = site.nginx.root.glob("scaleout.d/*/tls/www.key")
    assert key.stat().st_mode & 0o777 == 0o600
    secret = site.key.read_text().splitlines()[1]
    site.crt, site.key = certificate(site.folder / "two", *DOMAINS)
    renewed = site.apply()
    assert (renewed["changed"], renewed["reloaded"]) == (True, True)
    shown = json.dumps(renewed)
    assert secret not in shown
    assert site.key.read_text().splitlines()[1] not in shown
    assert [change["after_header"] for change in renewed["diff"]] == ["scaleout.d/tls/www.crt"]
    assert site.talk().startswith("HTTP/1.1 200"), "the client trusts the new one only"
    assert not site.apply()["changed"]


@pytest.mark.parametrize(
    ("domains", "days", "own_key", "why"),
    [
        (("www.example.com",), 30, True, "the certificate does not serve for example.com: Hostname mismatch"),
        (DOMAINS, -1, True, "the certificate does not serve for www.example.com: certificate has expired"),
        (DOMAINS, 30, False, "certificate and key do not serve together: KEY_VALUES_MISMATCH"),
    ],
)
def test_what_would_not_serve_is_refused(
    site: Site, tmp_path: Path, domains: tuple[str, ...], days: int, own_key: bool, why: str
) -> None:
    before = site.nginx.generation()
    crt, key = certificate(tmp_path, *domains, days=days)
    told = site.apply(tls={"certificate": str(crt), "key": str(key if own_key else site.key)})
    assert told["failed"]
    assert f"certificates: www: {why}" in told["msg"]
    assert site.nginx.generation() == before
    assert site.talk().startswith("HTTP/1.1 200")


def test_one_that_has_expired_while_it_was_served_stops_no_change_elsewhere(site: Site, tmp_path: Path) -> None:
    served = {kind: next(site.nginx.root.glob(f"scaleout.d/*/tls/www.{kind}")) for kind in ("crt", "key")}
    tls = dict(zip(("certificate", "key"), map(str, certificate(tmp_path, *DOMAINS, days=-1))))
    routes = [{"path": "/", "upstream": "www-web"}]
    other = [{"name": "plain", "domains": ["plain.example.com"], "routes": routes}]
    served["crt"].write_text(Path(tls["certificate"]).read_text())
    served["key"].write_text(Path(tls["key"]).read_text())
    told = site.apply(tls=tls, others=other)
    assert told["reloaded"]
    assert "certificates: www: the certificate does not serve for www.example.com: certificate has expired" in str(
        told["warnings"]
    )
    assert site.apply()["reloaded"]


def test_files_on_the_balancer(site: Site) -> None:
    assert not site.apply(tls={"on_host": True})["changed"]


def test_limits(site: Site) -> None:
    statuses = [site.talk(path="/login").split(" ", 2)[1] for _turn in range(8)]
    assert statuses[:3] == ["200"] * 3
    assert "429" in statuses
    assert site.talk().startswith("HTTP/1.1 200")


def test_log_lines_are_json(site: Site) -> None:
    site.talk(path='/log?x="quoted"')
    log, deadline = site.nginx.root / "access.log", time.monotonic() + 10
    while "/log?x=" not in log.read_text():
        assert time.monotonic() < deadline, "the line was not written"
        time.sleep(0.1)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    (found,) = [line for line in lines if line["uri"] == '/log?x="quoted"']
    assert (found["status"], found["host"]) == ("200", "www.example.com")
    assert found["upstream_addr"] == f"127.0.0.1:{site.backend.port}"
    assert len(found["request_id"]) == 32


def test_maintenance_needs_no_reload(site: Site) -> None:
    generation = site.nginx.generation()
    assert site.maintain("on").get("changed") is not None
    answer = site.talk()
    assert answer.startswith("HTTP/1.1 503")
    assert "Retry-After: 300\r\n" in answer
    assert answer.endswith("<h1>Later</h1>")
    assert not site.apply()["changed"], "the role leaves the page alone"
    assert site.talk().startswith("HTTP/1.1 503")
    site.apply(nginx_maintenance_allowed=["127.0.0.0/8"])
    assert site.talk().startswith("HTTP/1.1 200")
    site.apply()
    site.maintain("off")
    assert site.talk().startswith("HTTP/1.1 200")
    assert site.nginx.generation() == generation
