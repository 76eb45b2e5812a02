# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site.yml where apps come and go, and hosts leave their groups. Needs Docker, and root for a first image."""

from __future__ import annotations

import copy
import json
import re
import time
import urllib.error
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.small_cluster import BARE, SmallCluster

IMAGES = {"h1": "debian12", "h2": "debian13", "b1": "debian12"}
PORTS = {"www": 3000, "api": 3100, "old": 3200}
PROFILES = {"www": "tiny", "api": "turns", "old": "bare"}


class Cluster(SmallCluster):
    def runs(self, host: str, app: str) -> bool:
        return self.sh(host, f"systemctl is-active {app}-web@{PORTS[app]}") == "active"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    found = Cluster(tmp_path_factory.mktemp("site"), "sitetest", "172.31.74", IMAGES)
    found.groups = {"app": ["h1", "h2"], "loadbalancer": ["h1", "b1"]}
    turns: dict[str, Any] = copy.deepcopy(BARE)
    turns["services"]["web"]["serial_start"] = True
    (found.folder / "profiles" / "turns.yml").write_text(json.dumps(turns))
    found.apps = {name: found.app(name, PROFILES[name], port) for name, port in PORTS.items()}
    with found.up():
        yield found


def test_apps_and_hosts_come_and_go(cluster: Cluster) -> None:
    several_apps(cluster)
    a_mistyped_release_touches_nothing(cluster)
    a_limited_run_leaves_what_balancers_use(cluster)
    an_app_is_retired_and_another_moves(cluster)
    a_balancer_removes_releases_that_nobody_keeps(cluster)
    of_three_balancers_the_last_one_serves(cluster)
    a_balancer_that_was_down_hears_of_maintenance(cluster)
    hosts_leave_their_groups(cluster)


def several_apps(cluster: Cluster) -> None:
    assert cluster.site("--check").changed() > 0
    assert cluster.sh("h1", "ls /opt/webapp /etc/webapp") == ""
    first = cluster.site("--diff")
    assert first.changed() > 0
    # In one task where they may start beside each other, in two where they take turns. www is the first.
    assert sorted(started_together(first.output)) == [["h1"], ["h1", "h2"], ["h1", "h2"], ["h2"]]
    assert cluster.site().changed() == 0
    for address in (cluster.addresses["h1"], cluster.addresses["b1"], cluster.vip):
        for app in PORTS:
            assert json.loads(cluster.get(address, app)[0])["greeting"] == app
        assert cluster.get(address, "www", "/plain.txt")[0] == "plain"
    assert cluster.sh("b1", "ls /opt/webapp") == "www"


def started_together(output: str) -> list[list[str]]:
    """The hosts that each task started instances on."""
    tasks = output.split("TASK [")
    found = [sorted(re.findall(r"^changed: \[(\w+)\]", task, re.M)) for task in tasks if "Run the instances]" in task]
    return [hosts for hosts in found if hosts]


def a_mistyped_release_touches_nothing(cluster: Cluster) -> None:
    state = "nft list table inet scaleout; systemctl show -p MainPID '*-web@*' nginx; ls /opt/webapp/www/releases"
    before = [cluster.sh(host, state) for host in cluster.addresses]
    meant, firewall = copy.deepcopy(cluster.apps), {"webapp_firewall": {"ssh_sources": ["172.31.74.0/24"]}}
    cluster.apps["www"]["release"] = "v2"
    cluster.variables.update(firewall)
    refused = cluster.site("--diff")
    assert refused.code != 0
    assert "app_release: no host holds the release v2. There are: 2" in refused.output
    assert "changed: [" not in refused.output
    assert [cluster.sh(host, state) for host in cluster.addresses] == before

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
    for address in (cluster.addresses["h1"], cluster.addresses["b1"], cluster.vip):
        assert cluster.get(address, "www", "/plain.txt") == ("plain", "text/plain")
        assert json.loads(cluster.get(address, "www")[0])["greeting"] == "www"


def a_balancer_removes_releases_that_nobody_keeps(cluster: Cluster) -> None:
    assert cluster.site("-e", "app_new_release=true").changed() > 0
    releases = {host: cluster.sh(host, "ls /opt/webapp/www/releases").split() for host in cluster.addresses}
    assert [len(found) for found in releases.values()] == [2, 2, 2]
    assert cluster.site("-e", "app_keep_releases=1").changed() > 0
    for host in cluster.addresses:
        assert cluster.sh(host, "ls /opt/webapp/www/releases").split() == [max(releases["h2"])]


def of_three_balancers_the_last_one_serves(cluster: Cluster) -> None:
    """One joins without taking the virtual IP; two die, and their return moves nothing; it leaves again."""
    two, (holder,) = cluster.groups["loadbalancer"], cluster.holders()
    # The first of them has the highest priority.
    cluster.groups["loadbalancer"] = ["h2", "h1", "b1"]
    refused = cluster.site("--limit", "h2")
    assert refused.code != 0
    assert "h2 is a new balancer, and h1, b1 would not hear of it: run this without --limit" in " ".join(
        refused.output.split()
    )
    assert "changed: [" not in refused.output
    before = {host: became_holder(cluster, host) for host in cluster.addresses}
    cluster.settles()
    assert {host: became_holder(cluster, host) for host in cluster.addresses} == before
    assert cluster.holders() == [holder]
    dead: list[str] = []
    while len(dead) < 2:
        dead += cluster.holders()
        cluster.sh(dead[-1], "systemctl stop nginx")
        wait_for_another_holder(cluster, dead)
        assert json.loads(cluster.get(cluster.vip, "www")[0])["greeting"] == "www"
    (last,) = cluster.holders()
    for host in dead:
        cluster.sh(host, "systemctl start nginx")
    assert cluster.site().changed() == 0
    assert cluster.holders() == [last]
    cluster.groups["loadbalancer"] = two
    cluster.settles()
    assert cluster.sh("h2", "ls /etc/keepalived/keepalived.conf") == ""
    assert len(cluster.holders()) == 1


def became_holder(cluster: Cluster, host: str) -> int:
    return int(cluster.sh(host, "journalctl -u keepalived | grep -c 'MASTER STATE' || true"))


def wait_for_another_holder(cluster: Cluster, dead: list[str]) -> None:
    for _try in range(100):
        found = cluster.holders()
        if len(found) == 1 and found[0] not in dead:
            return
        time.sleep(0.2)
    pytest.fail(f"the virtual IP is on {cluster.holders()}, after {dead} died")


def a_balancer_that_was_down_hears_of_maintenance(cluster: Cluster) -> None:
    def shows_the_page(host: str) -> bool:
        try:
            cluster.get(cluster.addresses[host], "www")
        except urllib.error.HTTPError as error:
            return error.code == 503
        return False

    for state in ("on", "off"):
        cluster.hosts["b1"] = "172.31.74.99"
        assert cluster.play("playbooks/maintenance.yml", "-e", f"webapp_maintenance={state}").code != 0
        cluster.hosts["b1"] = cluster.addresses["b1"]
        assert (shows_the_page("h1"), shows_the_page("b1")) == (state == "on", state == "off")
        told = cluster.play("playbooks/status.yml")
        on, off = ("h1", "b1") if state == "on" else ("b1", "h1")
        assert f"maintenance page on {on}, and not on {off}" in told.output
        assert cluster.site().changed() > 0
        assert (shows_the_page("h1"), shows_the_page("b1")) == (state == "on", state == "on")
        assert cluster.site().changed() == 0


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
        assert json.loads(cluster.get(cluster.vip, app)[0])["greeting"] == app
    assert cluster.sh("h2", "ls /etc/webapp") == ""
    assert cluster.site().changed() == 0
