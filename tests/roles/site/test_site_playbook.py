# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site.yml where apps come and go, and hosts leave their groups. Needs Docker, and root for a first image."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.playbook import TOP, Run, run

SOURCE = TOP / "tests" / "roles" / "app" / "site"
TESTHOSTS = TOP / "inventories" / "demo" / "group_vars" / "all" / "testhosts.yml"
CACHE = Path(os.environ.get("SCALEOUT_CACHE") or Path.home() / ".cache" / "scaleout-webapp")
NETWORK = "sitetest"
HOSTS = {"h1": "172.31.74.11", "h2": "172.31.74.12", "b1": "172.31.74.13"}
IMAGES = {"h1": "debian12", "h2": "debian13", "b1": "debian12"}
VIP = "172.31.74.10"
PORTS = {"www": 3000, "api": 3100, "old": 3200}
BARE = {
    "description": "An app without packages and static files",
    "runtime": {"name": "node", "version": ">=22"},
    "environment": {"ADDRESS": "${host.address}", "RELEASE": "${release.id}", "GREETING": "${app.name}"},
    "services": {
        "web": {
            "command": "node server.js",
            "port": 3000,
            "port_variable": "PORT",
            "instances": 1,
            "health": {"path": "/healthz"},
        }
    },
    "routes": [{"path": "/", "service": "web"}],
}
TINY = {
    **BARE,
    "description": "An app with static files",
    "build": [{"name": "assets", "command": "node build.js"}],
    "static": ["public"],
    "routes": [{"path": "/", "service": "web", "static_root": "public"}],
}


class Cluster:
    """What the inventory says, to be changed by the test; runs of site.yml with it; and what the hosts then show."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, profile in (("tiny", TINY), ("bare", BARE)):
            path = folder / "profiles" / f"{name}.yml"
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(profile))
        (folder / "group_vars").mkdir()
        (folder / "group_vars" / "all.yml").write_text(TESTHOSTS.read_text())
        self.hosts = dict(HOSTS)
        self.groups = {"app": ["h1", "h2"], "loadbalancer": ["h1", "b1"]}
        self.apps = {name: self.app(name, "tiny" if name == "www" else "bare") for name in PORTS}
        self.variables: dict[str, Any] = {
            "webapp_vip": {"address": VIP, "prefix": 24, "interface": "eth0", "router_id": 76}
        }

    @staticmethod
    def app(name: str, profile: str) -> dict[str, Any]:
        return {
            "profile": profile,
            "domains": [f"{name}.test"],
            "source": {"path": str(SOURCE)},
            "runtime": {"archive": str(CACHE / "node" / "node-22.20.0.tar.gz")},
            "services": {"web": {"port": PORTS[name]}},
        }

    def play(self, playbook: str, *arguments: str) -> Run:
        shared = {"testhost_network": NETWORK, "testhost_subnet": "172.31.74.0/24"}
        hosts = {
            name: {"ansible_host": address, "testhost_image": IMAGES.get(name, "debian12")}
            for name, address in self.hosts.items()
        }
        groups: dict[str, Any] = {
            group: {"hosts": {name: {} for name in names}} for group, names in self.groups.items()
        }
        everything = {"vars": {**shared, **self.variables, "webapp_apps": self.apps}, "hosts": hosts}
        inventory = self.folder / "hosts.json"
        inventory.write_text(json.dumps({"all": everything, **groups}))
        return run(playbook, *arguments, inventory=str(inventory), ANSIBLE_TIMEOUT="5")

    def site(self, *arguments: str) -> Run:
        return self.play("playbooks/site.yml", *arguments)

    def settles(self) -> None:
        """A run changes something, and the next one nothing."""
        assert self.site("--diff").changed() > 0
        assert self.site().changed() == 0

    def sh(self, host: str, command: str) -> str:
        done = subprocess.run(
            ["docker", "exec", f"{NETWORK}-{host}", "sh", "-c", command],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stdout.strip()

    def get(self, address: str, app: str, path: str = "/") -> tuple[str, str]:
        """What a visitor of the app gets there, and which process said so; none did if it was a file."""
        request = urllib.request.Request(f"http://{address}{path}", headers={"Host": f"{app}.test"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode().strip(), answer.headers.get("Content-Type")

    def runs(self, host: str, app: str) -> bool:
        return self.sh(host, f"systemctl is-active {app}-web@{PORTS[app]}") == "active"

    def holders(self) -> list[str]:
        return [host for host in HOSTS if f" {VIP}/" in self.sh(host, "ip -o addr show eth0")]

    def wait_for_holder(self, host: str) -> None:
        for _try in range(100):
            if self.holders() == [host]:
                return
            time.sleep(0.2)
        pytest.fail(f"the virtual IP is on {self.holders()}, not on {host}")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    subprocess.run([sys.executable, str(TOP / "tools" / "fetch_node.py")], check=True, stdout=subprocess.DEVNULL)
    found = Cluster(tmp_path_factory.mktemp("site"))
    created = found.play("testhosts/create.yml")
    try:
        assert created.code == 0, created.output
        yield found
    finally:
        found.hosts = dict(HOSTS)
        found.play("testhosts/destroy.yml")


def test_apps_and_hosts_come_and_go(cluster: Cluster) -> None:
    several_apps(cluster)
    a_mistyped_release_touches_nothing(cluster)
    a_limited_run_leaves_what_balancers_use(cluster)
    an_app_is_retired_and_another_moves(cluster)
    a_balancer_removes_releases_that_nobody_keeps(cluster)
    hosts_leave_their_groups(cluster)


def several_apps(cluster: Cluster) -> None:
    assert cluster.site("--check").changed() > 0
    assert cluster.sh("h1", "ls /opt/webapp /etc/webapp") == ""
    cluster.settles()
    for address in (HOSTS["h1"], HOSTS["b1"], VIP):
        for app in PORTS:
            assert json.loads(cluster.get(address, app)[0])["greeting"] == app
        assert cluster.get(address, "www", "/plain.txt")[0] == "plain"
    assert cluster.sh("b1", "ls /opt/webapp") == "www"


def a_mistyped_release_touches_nothing(cluster: Cluster) -> None:
    state = "nft list table inet scaleout; systemctl show -p MainPID '*-web@*' nginx; ls /opt/webapp/www/releases"
    before = [cluster.sh(host, state) for host in HOSTS]
    meant, firewall = copy.deepcopy(cluster.apps), {"webapp_firewall": {"ssh_sources": ["172.31.74.0/24"]}}
    cluster.apps["www"]["release"] = "v2"
    cluster.variables.update(firewall)
    refused = cluster.site("--diff")
    assert refused.code != 0
    assert "app_release: no host holds the release v2. There are: 2" in refused.output
    assert "changed: [" not in refused.output
    assert [cluster.sh(host, state) for host in HOSTS] == before

    assert cluster.site("--check", "-e", "app_new_release=true").changed() > 0
    cluster.apps = meant
    del cluster.variables["webapp_firewall"]


def a_limited_run_leaves_what_balancers_use(cluster: Cluster) -> None:
    cluster.apps["www"]["hosts"] = ["h2"]
    done = cluster.site("--limit", "h1")
    assert done.code == 0, done.output
    assert "h1 keeps www until a run configures nginx on all balancers. This one did not on b1." in " ".join(
        done.output.split()
    )
    assert cluster.runs("h1", "www")


def an_app_is_retired_and_another_moves(cluster: Cluster) -> None:
    """www moves away from h1, which still is a balancer and serves its static files."""
    del cluster.apps["old"]
    cluster.variables["webapp_retired_apps"] = ["old"]
    cluster.settles()
    for host in ("h1", "h2"):
        assert cluster.runs(host, "api")
        assert not cluster.runs(host, "old")
        assert cluster.sh(host, "ls /etc/systemd/system/old* /etc/webapp/old") == ""
        assert cluster.sh(host, "ls /opt/webapp/old") == "shared"
    assert (cluster.runs("h1", "www"), cluster.runs("h2", "www")) == (False, True)
    assert cluster.sh("h1", "ls /etc/systemd/system/www*; ls /etc/webapp") == "api"
    assert cluster.sh("h1", "ls /opt/webapp/www").split() == ["releases", "shared", "static"]
    for address in (HOSTS["h1"], HOSTS["b1"], VIP):
        assert cluster.get(address, "www", "/plain.txt") == ("plain", "text/plain")
        assert json.loads(cluster.get(address, "www")[0])["greeting"] == "www"


def a_balancer_removes_releases_that_nobody_keeps(cluster: Cluster) -> None:
    assert cluster.site("-e", "app_new_release=true").changed() > 0
    releases = {host: cluster.sh(host, "ls /opt/webapp/www/releases").split() for host in HOSTS}
    assert [len(found) for found in releases.values()] == [2, 2, 2]
    assert cluster.site("-e", "app_keep_releases=1").changed() > 0
    for host in HOSTS:
        assert cluster.sh(host, "ls /opt/webapp/www/releases").split() == [max(releases["h2"])]


def hosts_leave_their_groups(cluster: Cluster) -> None:
    """b1 is no balancer any more while it holds the virtual IP, h2 no app host; and a host of no group is down."""
    cluster.sh("h1", "systemctl stop keepalived")
    cluster.wait_for_holder("b1")
    cluster.sh("h1", "systemctl start keepalived")
    foreign = "[Service]\\nExecStart=/bin/sleep infinity"
    cluster.sh("h2", f"printf '{foreign}' > /etc/systemd/system/keepalived.service && systemctl start keepalived")
    pid = cluster.sh("h2", "systemctl show -p MainPID keepalived")

    cluster.groups = {"app": ["h1"], "loadbalancer": ["h1"]}
    del cluster.apps["www"]["hosts"]
    cluster.hosts["gone"] = "172.31.74.99"
    done = cluster.site("--diff")
    assert done.changed() > 0
    assert "gone was not asked what it keeps of groups that it has left" in " ".join(done.output.split())
    assert cluster.holders() == ["h1"]
    assert cluster.sh("b1", "systemctl is-active keepalived; ls /etc/keepalived/keepalived.conf") == "inactive"
    assert cluster.sh("h2", "systemctl show -p MainPID keepalived") == pid
    for app in ("www", "api"):
        assert (cluster.runs("h1", app), cluster.runs("h2", app)) == (True, False)
        assert cluster.sh("h2", f"ls /etc/systemd/system/{app}*; ls /opt/webapp/{app}") == "shared"
        assert json.loads(cluster.get(VIP, app)[0])["greeting"] == app
    assert cluster.sh("h2", "ls /etc/webapp") == ""
    assert cluster.site().changed() == 0
