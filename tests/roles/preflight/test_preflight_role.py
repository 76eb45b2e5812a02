# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Preflight changes nothing, and says everything that is wrong with a host at once."""

from __future__ import annotations

from tests.roles.conftest import RoleHosts


def test_a_host_that_can_carry_it_is_left_alone(hosts: RoleHosts) -> None:
    wanted = {"preflight_memory_mb": 100, "preflight_ports": [{"port": 22, "owner": "ssh"}]}
    assert hosts.play("preflight", **wanted).changed() == 0
    assert hosts.play("preflight", "--check", **wanted).changed() == 0


def test_everything_wrong_is_said_at_once(hosts: RoleHosts) -> None:
    refused = hosts.play(
        "preflight",
        preflight_memory_mb=9_000_000,
        preflight_ports=[{"port": 22, "owner": "nginx"}],
        preflight_addresses=["192.0.2.1"],
        preflight_distributions=["debian 11"],
    )
    assert refused.code != 0
    said = " ".join(refused.output.split())
    for host in hosts.addresses:
        assert f"fatal: [{host}]" in said
    for problem in (
        "9000000 MB are declared for services",
        "port 22, meant for nginx, is held by",
        "192.0.2.1 is not an address of this host",
        "debian 12 is not among the tested ones (debian 11)",
        "debian 13 is not among the tested ones (debian 11)",
    ):
        assert problem in said
