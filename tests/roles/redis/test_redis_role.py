# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redis asks for its password, keeps to its memory, and keeps its data exactly where it was told to."""

from __future__ import annotations

from typing import Any

import pytest

from tests.roles.conftest import RoleHosts
from tests.support.secrets import shown

PASSWORD = "a-password-of-www"
WANTED: dict[str, Any] = {
    "redis_address": "{{ own_address }}",
    "redis_maxmemory_mb": 32,
    "redis_users": [{"name": "www", "password": PASSWORD}],
}


def ask(hosts: RoleHosts, host: str, *words: str, user: str = "www", password: str = PASSWORD) -> str:
    login = f"REDISCLI_AUTH={password} " if password else ""
    who = f"--user {user} " if password else ""
    return hosts.sh(host, f"{login}redis-cli {who}--no-auth-warning -h {hosts.addresses[host]} {' '.join(words)}")


def setting(hosts: RoleHosts, host: str, name: str) -> str:
    password = hosts.sh(host, "cat /etc/redis/scaleout-admin.secret")
    return ask(hosts, host, "CONFIG", "GET", name, user="scaleout-admin", password=password).split()[-1]


@pytest.fixture(scope="module", autouse=True)
def redis(hosts: RoleHosts) -> None:
    hosts.life("redis", WANTED, {"redis_persistence": "aof"})


def test_the_password_is_asked_for(hosts: RoleHosts) -> None:
    for host in hosts.addresses:
        assert ask(hosts, host, "PING", password="").startswith("NOAUTH")
        assert "WRONGPASS" in ask(hosts, host, "PING", password="wrong")
        assert ask(hosts, host, "PING") == "PONG"


def test_a_user_of_an_app_is_no_administrator(hosts: RoleHosts) -> None:
    assert ask(hosts, "h1", "CONFIG", "GET", "maxmemory").startswith("NOPERM")


def test_it_listens_where_it_was_told_to(hosts: RoleHosts) -> None:
    for host, address in hosts.addresses.items():
        listening = hosts.sh(host, "ss -ltnH 'sport = :6379' | awk '{print $4}'").split()
        assert sorted(listening) == ["127.0.0.1:6379", f"{address}:6379"]


@pytest.mark.parametrize(("persistence", "policy", "kept"), [("aof", "noeviction", "1"), ("none", "allkeys-lru", "")])
def test_data_survive_a_restart_only_with_aof(hosts: RoleHosts, persistence: str, policy: str, kept: str) -> None:
    assert hosts.play("redis", **{**WANTED, "redis_persistence": persistence}).code == 0
    for host in hosts.addresses:
        assert setting(hosts, host, "maxmemory") == str(32 * 1024 * 1024)
        assert setting(hosts, host, "maxmemory-policy") == policy
        assert ask(hosts, host, "SET", "kept", "1") == "OK"
        hosts.sh(host, "systemctl restart redis-server")
        assert ask(hosts, host, "GET", "kept") == kept


def test_a_new_password_needs_no_restart_and_is_not_shown(hosts: RoleHosts) -> None:
    before = hosts.sh("h1", "systemctl show --property=MainPID redis-server")
    done = hosts.play("redis", "-vvv", **{**WANTED, "redis_users": [{"name": "www", "password": "another-one"}]})
    assert done.changed() > 0
    assert shown(done.output, {"old": PASSWORD, "new": "another-one"}) == []
    assert ask(hosts, "h1", "PING", password="another-one") == "PONG"
    assert "WRONGPASS" in ask(hosts, "h1", "PING")
    assert hosts.sh("h1", "systemctl show --property=MainPID redis-server") == before


def test_an_open_redis_is_refused(hosts: RoleHosts) -> None:
    refused = hosts.play("redis", **{**WANTED, "redis_users": []})
    assert refused.code != 0
    assert "neither redis_password nor redis_users is set" in refused.output
