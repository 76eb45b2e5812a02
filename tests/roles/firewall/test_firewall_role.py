# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter opens what it was told to, keeps SSH, and leaves the tables of others alone."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from tests.roles.conftest import RoleHosts

OPEN, SHUT = 7001, 7002
WANTED = {"firewall_rules": [{"ports": [OPEN], "sources": ["{{ other_address }}", "172.31.77.1"], "comment": "test"}]}
FOREIGN = "table inet foreign { chain input { type filter hook input priority 10; tcp dport 9 drop; }; }"
DOCKER = "table ip filter { chain DOCKER { counter accept; }; chain FORWARD { type filter hook forward priority 0; }; }"


def opens(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), 2):
            return True
    except OSError:
        return False


def tables(hosts: RoleHosts, host: str) -> list[str]:
    return hosts.sh(host, "nft list tables").splitlines()


@pytest.fixture(scope="module", autouse=True)
def listeners(hosts: RoleHosts) -> Iterator[None]:
    """Something to reach on both hosts, tables that are not ours, and the role's life."""
    for host, address in hosts.addresses.items():
        for port in (OPEN, SHUT):
            hosts.sh(host, f"systemd-run --unit=listen-{port} python3 -m http.server --bind 0.0.0.0 {port}")
        while not opens(address, SHUT):
            time.sleep(0.1)
    hosts.life("firewall", WANTED, {"firewall_undo_seconds": 60, "firewall_ssh_sources": ["172.31.77.0/24"]})
    yield
    assert hosts.play("firewall", firewall_enabled=False).code == 0
    for host in hosts.addresses:
        hosts.sh(host, f"systemctl stop listen-{OPEN} listen-{SHUT}")


def test_only_what_was_opened_can_be_reached(hosts: RoleHosts) -> None:
    for address in hosts.addresses.values():
        assert {port: opens(address, port) for port in (22, OPEN, SHUT)} == {22: True, OPEN: True, SHUT: False}


def test_tables_of_others_survive_a_change_and_the_removal(hosts: RoleHosts) -> None:
    for host in hosts.addresses:
        hosts.sh(host, f"nft '{FOREIGN}'; nft '{DOCKER}'")
    before = {
        host: hosts.sh(host, "nft --stateless list table inet foreign; nft --stateless list table ip filter")
        for host in hosts.addresses
    }
    assert hosts.play("firewall").changed() > 0
    for host, address in hosts.addresses.items():
        assert not opens(address, OPEN)
        assert "table inet scaleout" in tables(hosts, host)
    assert hosts.play("firewall", firewall_enabled=False).changed() > 0
    assert hosts.play("firewall", firewall_enabled=False).changed() == 0
    for host, address in hosts.addresses.items():
        assert opens(address, SHUT)
        assert "table inet scaleout" not in tables(hosts, host)
        assert (
            hosts.sh(host, "nft --stateless list table inet foreign; nft --stateless list table ip filter")
            == before[host]
        )
    assert hosts.play("firewall", **WANTED).changed() > 0


def test_rules_changed_by_hand_are_seen(hosts: RoleHosts) -> None:
    hosts.sh("h1", f"nft add rule inet scaleout input tcp dport {SHUT} accept")
    assert opens(hosts.addresses["h1"], SHUT)
    assert hosts.play("firewall", **WANTED).changed() > 0
    assert not opens(hosts.addresses["h1"], SHUT)


def test_the_filter_is_there_after_a_restart_of_its_unit_and_at_boot(hosts: RoleHosts) -> None:
    hosts.sh("h2", "systemctl restart scaleout-firewall")
    assert "table inet scaleout" in tables(hosts, "h2")
    assert hosts.sh("h2", "systemctl is-enabled scaleout-firewall") == "enabled"


def test_names_as_sources_are_refused(hosts: RoleHosts) -> None:
    refused = hosts.play("firewall", firewall_rules=[{"ports": [OPEN], "sources": ["app1"]}])
    assert refused.code != 0
    assert "firewall_rules or firewall_ssh_sources has app1" in refused.output
