# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The virtual IP is on one host, moves when that host's nginx or keepalived dies, and on nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.roles.conftest import RoleHosts
from tests.support.playbook import run

VIP = "172.31.77.10"
WANTED: dict[str, Any] = {
    "keepalived_vip_address": VIP,
    "keepalived_interface": "eth0",
    "keepalived_address": "{{ own_address }}",
    "keepalived_peers": ["{{ other_address }}"],
    "keepalived_priority": "{{ 200 if inventory_hostname == 'h1' else 100 }}",
    "keepalived_router_id": 77,
}
NGINX = "- {hosts: all, gather_facts: false, tasks: [{ansible.builtin.apt: {name: nginx-light, update_cache: true}}]}\n"


def holders(hosts: RoleHosts) -> list[str]:
    return [host for host in hosts.addresses if f" {VIP}/" in hosts.sh(host, "ip -o addr show eth0")]


def wait_for_holder(hosts: RoleHosts, host: str) -> None:
    for _try in range(100):
        if holders(hosts) == [host]:
            return
        time.sleep(0.2)
    pytest.fail(f"the virtual IP is on {holders(hosts)}, not on {host}")


def transitions(hosts: RoleHosts) -> str:
    return "".join(
        hosts.sh(host, "journalctl -u keepalived | grep -c 'STATE'", check=False) for host in hosts.addresses
    )


@pytest.fixture(scope="module", autouse=True)
def keepalived(hosts: RoleHosts) -> Iterator[None]:
    nginx = hosts.folder / "nginx.yml"
    nginx.write_text(NGINX)
    assert run(nginx, inventory=hosts.inventory).code == 0
    hosts.life("keepalived", WANTED, {"keepalived_check_interval": 2})
    assert hosts.play("keepalived", **WANTED).code == 0
    yield
    for host in hosts.addresses:
        hosts.sh(host, "systemctl disable --now keepalived nginx")


@pytest.fixture(autouse=True)
def on_the_first(hosts: RoleHosts) -> None:
    """The address does not go back by itself: the second host lets it go for a moment."""
    hosts.sh("h1", "systemctl start keepalived")
    wait_for_check(hosts)
    if holders(hosts) != ["h1"]:
        hosts.sh("h2", "systemctl stop keepalived")
        wait_for_holder(hosts, "h1")
        hosts.sh("h2", "systemctl start keepalived")
        wait_for_check(hosts)


def wait_for_check(hosts: RoleHosts) -> None:
    """Until one host holds the address and both have seen their balancer answer."""
    for _try in range(100):
        said = [hosts.sh(host, "journalctl -u keepalived -n 400", check=False) for host in hosts.addresses]
        seen = [text.rfind("Script(balancer)") + text.rfind("Script `balancer`") for text in said]
        if len(holders(hosts)) == 1 and all(place > 0 for place in seen):
            return
        time.sleep(0.2)
    pytest.fail(f"no single holder: {holders(hosts)}")


def test_it_moves_when_nginx_stops(hosts: RoleHosts) -> None:
    hosts.sh("h1", "systemctl stop nginx")
    wait_for_holder(hosts, "h2")
    hosts.sh("h1", "systemctl start nginx")


def test_it_moves_when_keepalived_is_killed_and_stays(hosts: RoleHosts) -> None:
    hosts.sh("h1", "systemctl kill --signal=KILL --kill-whom=all keepalived || systemctl kill --signal=KILL keepalived")
    wait_for_holder(hosts, "h2")
    for _try in range(100):
        if hosts.sh("h1", "systemctl is-active keepalived", check=False) == "active":
            break
        time.sleep(0.2)
    else:
        pytest.fail("systemd did not start keepalived again")
    assert holders(hosts) == ["h2"]


def test_a_new_configuration_moves_nothing(hosts: RoleHosts) -> None:
    before = transitions(hosts)
    assert hosts.play("keepalived", **{**WANTED, "keepalived_advert_int": 0.5}).changed() > 0
    assert holders(hosts) == ["h1"]
    assert transitions(hosts) == before
    assert hosts.play("keepalived", **WANTED).changed() > 0
    assert holders(hosts) == ["h1"]


def test_an_interface_that_is_not_there_is_refused(hosts: RoleHosts) -> None:
    refused = hosts.play("keepalived", **{**WANTED, "keepalived_interface": "eth9"})
    assert refused.code != 0
    assert "keepalived_interface is eth9, which this host does not have" in " ".join(refused.output.split())
