# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stores are what the plan says, and open to nobody else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.cluster.cluster import ON_HOST, Cluster, Members, opens, value_of

UNAUTHORIZED, AUTHENTICATION_FAILED = 13, 18


@pytest.fixture(scope="module")
def members(ask_members: Members) -> dict[str, dict[str, Any]]:
    return ask_members()


def test_the_replica_set_is_the_planned_one(cluster: Cluster, members: dict[str, dict[str, Any]]) -> None:
    planned = sorted(members)
    assert {name: answer["members"] for name, answer in members.items()} == dict.fromkeys(planned, planned)
    assert {answer["set"] for answer in members.values()} == {cluster.plan["mongodb"]["replica_set"]}
    assert sum(answer["primary"] for answer in members.values()) == 1
    assert sum(answer["secondary"] for answer in members.values()) == len(planned) - 1


def test_mongodb_wants_a_login(members: dict[str, dict[str, Any]]) -> None:
    assert {answer["anyone"] for answer in members.values()} == {UNAUTHORIZED}
    assert {answer["impostor"] for answer in members.values()} == {AUTHENTICATION_FAILED}


def test_the_user_of_the_app_sees_the_database_of_the_app_only(members: dict[str, dict[str, Any]]) -> None:
    assert {answer["user"] for answer in members.values()} == {0}
    assert {answer["user_elsewhere"] for answer in members.values()} == {UNAUTHORIZED}


def test_redis_answers_only_with_its_password(cluster: Cluster, secrets: dict[str, str]) -> None:
    redis = cluster.plan["redis"]
    logins = [f"AUTH {user} {value}" for user, value in redis_logins(cluster, secrets)]
    assert logins, "the plan names no user of Redis"
    for store in redis["hosts"]:
        talks = [["PING"], [f"{logins[0]}x", "PING"], *([login, "PING"] for login in logins)]
        targets = [[store["address"], redis["port"], talk] for talk in talks]
        answers = cluster.hosts[store["host"]].python(ON_HOST / "talk.py", targets)
        assert answers[0][0].startswith("-NOAUTH")
        assert answers[1][0].startswith("-WRONGPASS")
        assert answers[1][1].startswith("-NOAUTH")
        assert all(answer == ["+OK", "+PONG"] for answer in answers[2:])


def redis_logins(cluster: Cluster, secrets: dict[str, str]) -> list[tuple[str, str]]:
    return [(user["name"], value_of(user["password"], secrets)) for user in cluster.plan["redis"]["users"]]


def test_memcached_answers(cluster: Cluster) -> None:
    memcached = cluster.plan["memcached"]
    for store in memcached["hosts"]:
        app = cluster.hosts[cluster.instances[0].host]
        (answer,) = app.python(ON_HOST / "talk.py", [[store["address"], memcached["port"], ["version"]]])
        assert answer is not None, f"no memcached at {store['address']}"
        assert answer[0].startswith("VERSION ")


def inner_ports(cluster: Cluster) -> dict[str, list[tuple[str, int]]]:
    plan = cluster.plan
    stores = [tuple(member["host"].rsplit(":", 1)) for member in plan["mongodb"]["members"]]
    stores += [
        (host["address"], store["port"]) for store in (plan["redis"], plan["memcached"]) for host in store["hosts"]
    ]
    return {
        "stores": [(address, int(port)) for address, port in stores],
        "apps": [(instance.address, instance.port) for instance in cluster.instances],
    }


def test_the_firewall_is_on(cluster: Cluster) -> None:
    for host in cluster.hosts.values():
        assert "table inet scaleout" in host.run("nft", "list", "tables"), host.name


def test_nothing_behind_the_balancers_is_open_to_the_outside(cluster: Cluster) -> None:
    targets = [target for targets in inner_ports(cluster).values() for target in targets]
    assert opens(cluster.hosts[cluster.instances[0].host].address, 22), "the hosts cannot be reached from here at all"
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda target: opens(*target), targets))
    assert [target for target, answer in zip(targets, answers) if answer] == []


def test_a_balancer_reaches_the_apps_and_no_store(cluster: Cluster) -> None:
    ports = inner_ports(cluster)
    for balancer in cluster.balancers:
        answers = {
            kind: balancer.python(ON_HOST / "talk.py", [[address, port, []] for address, port in targets])
            for kind, targets in ports.items()
        }
        assert set(map(str, answers["stores"])) == {"None"}, balancer.name
        assert None not in answers["apps"], balancer.name
