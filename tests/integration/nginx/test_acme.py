"""Certificates from a real ACME server: two balancers on two addresses of this machine, of which one runs certbot.

The names lead to the other one, as a virtual IP may.
"""

from __future__ import annotations

import getpass
import json
import re
import socket
import ssl
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.integration.nginx.harness import REPOSITORY, Nginx
from tests.integration.nginx.pebble import Pebble
from tests.support.full import LONG
from tests.support.playbook import Run, run
from tests.support.ports import free_port

ADDRESSES = {"lb1": "127.0.0.2", "lb2": "127.0.0.3"}
NOBODY = "127.0.0.9"
DOMAINS = ["www.example.com", "example.com"]
CHALLENGES = "/.well-known/acme-challenge/"
CONFIGURE = """
- hosts: loadbalancer
  gather_facts: false
  tasks:
    - ansible.builtin.import_role: {name: scaleout.webapp.nginx, tasks_from: preflight}
    - ansible.builtin.import_role: {name: scaleout.webapp.nginx, tasks_from: configure}
      vars: {nginx_sites: "{{ webapp_plan.sites }}"}
"""


class Cluster:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.tls_port = free_port(), free_port()
        self.balancers = {name: Nginx(folder / name / "nginx") for name in ADDRESSES}
        self.pebble = Pebble(folder / "pebble", self.port, ADDRESSES["lb2"])
        self.webroot = folder / "webroot"
        self.certbot = folder / "certbot"
        self.domains = list(DOMAINS)
        self.apps = {"www": self.domains}
        self.configure_playbook = folder / "configure.yml"
        self.configure_playbook.write_text(CONFIGURE)

    def inventory(self, **issuer: Any) -> str:
        common = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "acme_webroot": str(self.webroot),
            "acme_config_path": str(self.certbot / "config"),
            "acme_work_path": str(self.certbot / "work"),
            "acme_log_path": str(self.certbot / "logs"),
            "acme_ca_file": str(self.pebble.ca_file),
            "nginx_acme_webroot": str(self.webroot),
            "nginx_user": getpass.getuser(),
            "nginx_maintenance_path": str(self.folder / "pages"),
            "nginx_listen_ports": [self.port],
            "nginx_tls_ports": [self.tls_port],
        }
        hosts = {
            name: {
                "own_folder": str(self.folder / name),
                "nginx_config_path": str(nginx.path),
                "nginx_pid_file": str(nginx.pid_file),
                "nginx_log_path": str(nginx.root),
                "nginx_status_port": nginx.status_port,
                "nginx_listen_addresses": [ADDRESSES[name]],
                "nginx_acme_issuer": "" if name == "lb1" else f"{ADDRESSES['lb1']}:{self.port}",
            }
            for name, nginx in self.balancers.items()
        }
        hosts["lb1"].update(issuer)
        path = self.folder / "hosts.json"
        path.write_text(json.dumps({"all": {"vars": common, "children": {"loadbalancer": {"hosts": hosts}}}}))
        return str(path)

    def variables(self) -> str:
        place = "{{ own_folder }}/certificates"
        sites = [
            {
                "name": name,
                "domains": domains,
                "canonical": domains[0],
                "tls": {
                    "certificate": f"{place}/{name}/fullchain.pem",
                    "key": f"{place}/{name}/privkey.pem",
                    "on_host": True,
                    "acme": True,
                },
                "static_root": str(self.folder / "static"),
                "routes": [{"path": "/"}],
            }
            for name, domains in self.apps.items()
        ]
        certificates = [
            {"name": name, "domains": domains, "email": "ops@example.com", "directory": self.pebble.directory}
            for name, domains in self.apps.items()
        ]
        acme = {"issuer": "lb1", "path": place, "certificates": certificates}
        return json.dumps({"webapp_plan": {"acme": acme, "sites": sites}})

    def configure(self, *options: str) -> Run:
        return run(self.configure_playbook, "-e", self.variables(), *options, inventory=self.inventory())

    def renew(self, *options: str, **issuer: Any) -> Run:
        # What is installed here stays as it is.
        playbook = REPOSITORY / "playbooks" / "_certificates.yml"
        arguments = ("--tags", "acme_preflight,acme_configure", "--diff", "-e", self.variables(), *options)
        return run(playbook, *arguments, inventory=self.inventory(**issuer))

    def served(self, balancer: str, domain: str, trusted: bool = True) -> str:
        with self.connect(balancer, domain, trusted) as client:
            return ssl.DER_cert_to_PEM_cert(client.getpeercert(binary_form=True) or b"")

    def everywhere(self) -> str:
        """The one certificate that all balancers serve for all domains."""
        (found,) = {self.served(balancer, domain) for balancer in self.balancers for domain in self.domains}
        return found

    def connect(self, balancer: str, domain: str, trusted: bool = True) -> ssl.SSLSocket:
        """As a visitor, who trusts the ACME server."""
        context = ssl.create_default_context(cafile=str(self.pebble.root))
        context.check_hostname = trusted
        context.verify_mode = ssl.CERT_REQUIRED if trusted else ssl.CERT_NONE
        connection = socket.create_connection((ADDRESSES[balancer], self.tls_port), 10)
        return context.wrap_socket(connection, server_hostname=domain)

    def ask(self, balancer: str, path: str, domain: str, tls: bool = False) -> tuple[int, str]:
        connection = HTTPConnection(ADDRESSES[balancer], self.port, timeout=10)
        if tls:
            connection.sock = self.connect(balancer, domain)
        connection.request("GET", path, headers={"Host": domain})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def key(self) -> Path:
        return self.certbot / "config" / "live" / "www" / "privkey.pem"

    def renewal(self, add: str = "") -> None:
        """Change when certbot finds the certificate due."""
        path = self.certbot / "config" / "renewal" / "www.conf"
        text = re.sub(r"^renew_before_expiry.*\n", "", path.read_text(), flags=re.MULTILINE)
        path.write_text(add + text)

    def stop(self) -> None:
        self.pebble.stop()
        for nginx in self.balancers.values():
            nginx.stop()


def said(done: Run) -> str:
    """What it said, without the line breaks of Ansible."""
    return " ".join(done.output.split())


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("acme"))
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module", autouse=True)
def first_run(cluster: Cluster) -> None:
    assert cluster.configure("--check").changed() == 2
    assert cluster.configure().changed() == 2
    for balancer, nginx in cluster.balancers.items():
        nginx.start()
        with pytest.raises(ssl.SSLCertVerificationError):
            cluster.served(balancer, DOMAINS[0])
        assert cluster.served(balancer, DOMAINS[0], trusted=False)
    assert cluster.configure().changed() == 0, "the placeholder stays"
    assert cluster.renew("--check").changed() == 2, "the folder and the certificate"
    assert not cluster.certbot.exists()
    issued = cluster.renew("-vvv")
    assert issued.recap() == {"lb1": (4, 0, 0), "lb2": (2, 0, 0)}, issued.output[-6000:]
    for line in cluster.key().read_text().splitlines()[1:-1]:
        assert line not in issued.output


def test_all_balancers_serve_one_certificate(cluster: Cluster) -> None:
    served = cluster.everywhere()
    for balancer in ADDRESSES:
        folder = cluster.folder / balancer / "certificates" / "www"
        assert (folder / "fullchain.pem").read_text().startswith(served.strip())
        assert (folder / "privkey.pem").read_text() == cluster.key().read_text()
        assert (folder / "privkey.pem").stat().st_mode & 0o777 == 0o600


@LONG
def test_nothing_is_due(cluster: Cluster) -> None:
    before = cluster.pebble.log.read_text()
    assert cluster.renew().changed() == 0
    assert cluster.renew("--check").changed() == 0
    assert cluster.configure().changed() == 0
    assert cluster.pebble.log.read_text() == before, "the ACME server was not asked"


def test_challenges_are_answered_before_redirects_and_maintenance(cluster: Cluster) -> None:
    token, page = cluster.webroot / CHALLENGES.strip("/") / "token", cluster.folder / "pages" / "www.html"
    for path in (token, page):
        path.parent.mkdir(parents=True)
        path.write_text("answer")
    for balancer in ADDRESSES:
        for domain in DOMAINS:
            assert cluster.ask(balancer, f"{CHALLENGES}token", domain) == (200, "answer")
            assert cluster.ask(balancer, f"{CHALLENGES}absent", domain)[0] == 404
            assert cluster.ask(balancer, "/", domain)[0] == 308
            assert cluster.ask(balancer, f"{CHALLENGES}token", domain, tls=True) == (200, "answer")
        assert cluster.ask(balancer, "/", DOMAINS[0], tls=True)[0] == 503
    page.unlink()


def test_a_due_certificate_is_renewed_on_all(cluster: Cluster) -> None:
    before = cluster.everywhere()
    cluster.renewal("renew_before_expiry = 9000 days\n")
    assert cluster.renew().recap() == {"lb1": (3, 0, 0), "lb2": (2, 0, 0)}
    renewed = cluster.everywhere()
    assert renewed != before
    cluster.renewal()
    assert cluster.renew().changed() == 0
    assert cluster.renew("-e", "acme_force=true").changed() == 5
    assert cluster.everywhere() != renewed


@LONG
def test_what_certbot_renewed_elsewhere_is_spread(cluster: Cluster) -> None:
    """A run that died after certbot, or somebody who called it by hand."""
    cluster.renew("-e", "acme_force=true", "--limit", "lb1")
    new = cluster.served("lb1", DOMAINS[0])
    assert cluster.served("lb2", DOMAINS[0]) != new
    done = cluster.renew("--limit", "lb2")
    assert done.recap() == {"lb2": (2, 0, 0)}
    assert "lb1, which issues the certificates, is not in this run: none is issued or renewed." in said(done)
    assert cluster.everywhere() == new


def test_the_issuer_is_off(cluster: Cluster) -> None:
    before = cluster.everywhere()
    off = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    done = cluster.renew("--limit", "lb2", **off)
    assert done.changed() == 0
    assert "lb1, which issues the certificates, does not answer: every host keeps those that it has." in said(done)
    assert cluster.everywhere() == before


@LONG
def test_domains_come_and_go(cluster: Cluster) -> None:
    before = cluster.everywhere()
    cluster.domains.append("new.example.com")
    cluster.pebble.send_to("new.example.com", NOBODY)
    cluster.apps["shop"] = ["shop.example.com"]
    assert cluster.configure().changed() == 2
    assert cluster.served("lb1", DOMAINS[0]) == before, "a certificate that lacks a domain serves the others"
    failed = cluster.renew()
    assert failed.code == 2
    assert "Domain: new.example.com" in failed.output
    assert f"dial tcp {NOBODY}:{cluster.port}: connect: connection refused" in failed.output
    for balancer in ADDRESSES:
        assert cluster.served(balancer, DOMAINS[0]) == before
        assert cluster.served(balancer, "shop.example.com"), "one that fails does not keep another from being served"

    cluster.pebble.send_to("new.example.com", ADDRESSES["lb2"])
    assert cluster.renew("--check").changed() == 1
    assert cluster.renew().changed() == 5
    assert cluster.everywhere() != before

    cluster.domains.remove("new.example.com")
    assert cluster.renew().changed() == 5
    assert cluster.configure().changed() == 2
    assert cluster.renew().changed() == 0
