# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Memcached listens where it was told to, with the memory it was given."""

from __future__ import annotations

import pytest

from tests.roles.conftest import RoleHosts

WANTED = {"memcached_address": "{{ own_address }}", "memcached_memory_mb": 16}


@pytest.fixture(scope="module", autouse=True)
def memcached(hosts: RoleHosts) -> None:
    hosts.life("memcached", WANTED, {"memcached_max_connections": 512})


def ask(hosts: RoleHosts, host: str, words: str) -> str:
    connection = f"exec 3<>/dev/tcp/{hosts.addresses[host]}/11211"
    return hosts.sh(host, f"bash -c \"{connection}; printf '{words}\\r\\nquit\\r\\n' >&3; cat <&3\"")


def test_it_runs_with_what_it_was_given(hosts: RoleHosts) -> None:
    for host in hosts.addresses:
        answer = ask(hosts, host, "stats settings").splitlines()
        assert f"STAT maxbytes {16 * 1024 * 1024}" in answer
        assert "STAT maxconns 512" in answer


def test_it_listens_where_it_was_told_to_and_on_no_udp(hosts: RoleHosts) -> None:
    for host, address in hosts.addresses.items():
        listening = hosts.sh(host, "ss -ltunH 'sport = :11211' | awk '{print $1, $5}'").splitlines()
        assert sorted(listening) == ["tcp 127.0.0.1:11211", f"tcp {address}:11211"]


def test_items_larger_than_half_the_memory_are_refused(hosts: RoleHosts) -> None:
    refused = hosts.play("memcached", **WANTED, memcached_max_item_mb=9)
    assert refused.code != 0
    assert "memcached_max_item_mb (9) must be from 1 to half of memcached_memory_mb (16)" in refused.output
