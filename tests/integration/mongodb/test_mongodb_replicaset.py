from __future__ import annotations

import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.integration.mongodb.changes import TrafficOn
from tests.integration.mongodb.mongods import (
    ADMIN,
    DISTRIBUTION_PYTHON,
    HOST,
    QUICK,
    Mongod,
    Start,
    identities,
    on_all,
    replica_set,
    run_playbook,
    users,
    votes_over_time,
)
from tests.integration.mongodb.traffic import DIES
from tests.support.full import FULL, LONG
from tests.support.ports import free_port

ADMIN_USER = {"name": "admin", "password": ADMIN["login_password"], "roles": ["root"]}
MAJORITY = {"w": "majority"}


def what(result: dict[str, Any]) -> list[str]:
    assert not result.get("failed"), result["msg"]
    return [step["what"] for step in result["steps"]]


def members_of(server: Mongod) -> dict[str, dict[str, Any]]:
    return {member["host"]: member for member in server.ask("replSetGetConfig")["config"]["members"]}


@pytest.mark.parametrize("_round", range(12 if FULL else 1))
def test_all_at_once_make_one_set(start: Start, _round: int) -> None:
    servers = start(3)
    results = on_all(lambda server: replica_set(server, servers), servers)
    assert sum(len(what(result)) for result in results) == 1, results
    assert len(identities(servers)) == 1
    again = on_all(lambda server: replica_set(server, servers), servers)
    assert [result["changed"] for result in again] == [False] * 3


def test_with_authentication_all_at_once(start: Start, keyfile: Path) -> None:
    servers = start(3, keyfile=keyfile)
    founded = on_all(lambda server: replica_set(server, servers), servers)
    assert [result["changed"] for result in founded] == [True, False, False]
    assert "next call with a login" in founded[0]["message"]
    assert [result["changed"] for result in on_all(lambda server: replica_set(server, servers), servers)] == [False] * 3

    first = on_all(lambda server: users(server, [ADMIN_USER], first_user=True, **ADMIN), servers)
    assert sorted(result["changed"] for result in first) == [False, False, True], first

    def exactly(server: Mongod) -> dict[str, Any]:
        return replica_set(server, servers, default_write_concern=MAJORITY, **ADMIN)

    results = on_all(exactly, servers)
    assert {step for result in results for step in what(result)} == {
        "set the default write concern w: majority, wtimeout: 0"
    }
    assert [exactly(server)["changed"] for server in servers] == [False] * 3
    assert len(identities(servers, ADMIN)) == 1
    explicit = servers[0].ask("getDefaultRWConcern", login=ADMIN)
    assert explicit["defaultWriteConcern"] == {"w": "majority", "wtimeout": 0}
    assert explicit["defaultWriteConcernSource"] == "global"

    wrong = replica_set(servers[1], servers, login_user="admin", login_password="another", wait_timeout=600)
    assert "the login as admin was refused" in wrong["msg"]
    stranger = replica_set(servers[1], servers[:2])
    assert f"the members differ ({servers[2].address})" in stranger["msg"]


def test_a_newcomer_goes_the_way_of_the_founders(start: Start, keyfile: Path) -> None:
    servers = start(1, keyfile=keyfile)
    replica_set(servers[0], servers)
    users(servers[0], [ADMIN_USER], first_user=True, **ADMIN)
    servers += start(1, keyfile=keyfile)
    stranger = replica_set(servers[1], servers)
    assert not what(stranger)
    assert f"the members differ ({servers[1].address})" in str(stranger["warnings"])
    first = on_all(lambda server: users(server, [ADMIN_USER], first_user=True, **ADMIN), servers)
    assert [result["changed"] for result in first] == [False, False]
    assert "in no replica set yet" in str(first[1]["warnings"])
    results = on_all(lambda server: replica_set(server, servers, **ADMIN), servers)
    assert sum(len(what(result)) for result in results) == 3
    assert not users(servers[1], [ADMIN_USER], **ADMIN)["changed"]


def test_only_the_first_electable_member_founds(start: Start, keyfile: Path) -> None:
    servers = start(2, keyfile=keyfile)
    members = [{"host": servers[0].address, "priority": 0}, servers[1].address]
    refused = replica_set(servers[0], members, wait_timeout=2)
    assert f"run this task also on the host of {servers[1].address}" in refused["msg"]
    assert what(replica_set(servers[1], members)) == [f"initiate rs0 with 2 members through {servers[1].address}"]


@LONG
def test_grow_one_vote_at_a_time(start: Start, traffic: TrafficOn) -> None:
    servers = start(1)
    assert what(replica_set(servers[0], servers)) == [f"initiate rs0 with 1 member through {servers[0].address}"]
    servers += start(2)
    foretold = what(replica_set(servers[2], servers, check=True))
    with traffic(servers[:1]):
        results = on_all(lambda server: replica_set(server, servers), servers)
    done = [step for result in results for step in what(result)]
    assert sorted(done) == sorted(foretold), "who calls does what is left to do, and nobody does it twice"
    assert foretold == [
        f"add {servers[1].address} without vote and priority",
        f"add {servers[2].address} without vote and priority",
        f"give {servers[1].address} its vote",
        f"give {servers[2].address} its vote",
        f"change {servers[1].address}: priority 0 -> 1",
        f"change {servers[2].address}: priority 0 -> 1",
    ]
    servers += start(2)
    assert len(what(replica_set(servers[4], servers))) == 6
    assert not replica_set(servers[3], servers)["changed"]
    voters = votes_over_time(servers[0])
    assert voters[-1] == 5
    assert max(abs(later - earlier) for earlier, later in zip(voters, voters[1:])) == 1
    assert len({member["_id"] for member in members_of(servers[0]).values()}) == 5


def test_a_primary_that_steps_down_meanwhile(start: Start, traffic: TrafficOn) -> None:
    servers = start(4)
    replica_set(servers[0], servers[:3])
    stop = threading.Event()
    stepped_down: set[int] = set()

    def disturb() -> None:
        """After the first two changes of the configuration its primary steps down."""
        while not stop.wait(0.1) and len(stepped_down) < 2:
            for server in servers[:3]:
                hello = server.hello()
                if hello["isWritablePrimary"] and hello["setVersion"] not in {1, *stepped_down}:
                    stepped_down.add(hello["setVersion"])
                    server.ask("replSetStepDown", 3, secondaryCatchUpPeriodSecs=1, force=True)

    thread = threading.Thread(target=disturb)
    # Nobody hands over here: the others have to miss it first, as one that dies.
    with traffic(servers[:3], elections=DIES):
        thread.start()
        try:
            result = replica_set(servers[3], servers)
        finally:
            stop.set()
            thread.join()
    assert len(stepped_down) == 2
    assert len(what(result)) == 3, result
    assert members_of(servers[3])[servers[3].address]["priority"] == 1


def test_a_run_that_died_is_taken_up(start: Start, traffic: TrafficOn) -> None:
    servers = start(2)
    replica_set(servers[0], servers[:1])
    with traffic(servers[:1]):
        # Too little time to wait for the data.
        died = replica_set(servers[0], servers, wait_timeout=0)
        assert f"left to do: give {servers[1].address} its vote; change {servers[1].address}" in died["msg"]
        assert members_of(servers[0])[servers[1].address]["votes"] == 0
        assert what(replica_set(servers[1], servers)) == [
            f"give {servers[1].address} its vote",
            f"change {servers[1].address}: priority 0 -> 1",
        ]
    assert members_of(servers[0])[servers[1].address]["tags"] == {}
    assert not replica_set(servers[1], servers)["changed"]


def test_arbiter_from_nothing_with_authentication(start: Start, keyfile: Path) -> None:
    """Nobody can log in to an arbiter, and the task runs on its host too."""
    servers = start(4, keyfile=keyfile)
    psa = [servers[0], servers[1], {"host": servers[2].address, "arbiter_only": True}]
    founded = on_all(lambda server: replica_set(server, psa), servers[:3])
    assert sorted(len(what(result)) for result in founded) == [0, 0, 1]
    first = on_all(lambda server: users(server, [ADMIN_USER], first_user=True, **ADMIN), servers[:3])
    assert sorted(result["changed"] for result in first) == [False, False, True], first
    results = on_all(lambda server: replica_set(server, psa, default_write_concern={"w": 1}, **ADMIN), servers[:3])
    assert {step for result in results for step in what(result)} == {"set the default write concern w: 1, wtimeout: 0"}
    assert not what(replica_set(servers[2], psa, **ADMIN))
    assert what(replica_set(servers[2], [*psa, servers[3]], **ADMIN))[0].startswith(f"add {servers[3].address}")


@LONG
def test_arbiter_from_nothing_and_later(start: Start, traffic: TrafficOn) -> None:
    servers = start(4)
    psa = [servers[0], servers[1], {"host": servers[2].address, "arbiter_only": True}]
    assert what(replica_set(servers[2], psa)) == [f"initiate rs0 with 3 members through {servers[0].address}"]
    assert not replica_set(servers[2], psa)["changed"]
    assert servers[2].hello()["arbiterOnly"]
    with traffic(servers[:2]):
        result = replica_set(servers[2], psa, default_write_concern={"w": "1"})
        assert what(result) == ["set the default write concern w: 1, wtimeout: 0"]
        assert not replica_set(servers[2], psa, default_write_concern={"w": 1.0})["changed"]
        grown = what(replica_set(servers[3], [*psa, servers[3]]))
    assert grown[0] == f"add {servers[3].address} without vote and priority"


def test_arbiters_come_one_for_another(start: Start, traffic: TrafficOn) -> None:
    """After the default write concern."""
    servers = start(4)
    replica_set(servers[0], servers[:2])
    first, second = ({"host": server.address, "arbiter_only": True} for server in servers[2:])
    with traffic(servers[:2]):
        assert what(replica_set(servers[0], [*servers[:2], first])) == [
            "set the default write concern w: majority, wtimeout: 0",
            f"add the arbiter {first['host']}",
        ]
        both = replica_set(servers[0], [*servers[:2], first, second])
        assert "2 arbiters are listed, and the server takes one" in both["msg"]
        assert what(replica_set(servers[0], [*servers[:2], second])) == [
            f"remove {first['host']}",
            f"add the arbiter {second['host']}",
        ]


def test_change_members_and_settings(start: Start, traffic: TrafficOn) -> None:
    servers = start(3)
    first, second, third = (server.address for server in servers)
    members: list[Any] = [{"host": first, "priority": 3}, second, third]
    replica_set(servers[0], members)
    members[1] = {"host": second, "priority": "2.0", "tags": {"zone": 1}}
    members[2] = {"host": third, "priority": 0, "votes": "0", "hidden": "yes", "secondary_delay_secs": 60}
    settings = {**QUICK, "heartbeatTimeoutSecs": "12"}
    with traffic(servers):
        result = replica_set(servers[1], members, settings=settings)
    assert what(result) == [
        f"change {second}: priority 1 -> 2, tags {{}} -> {{'zone': '1'}}",
        f"change {third}: priority 1 -> 0, hidden False -> True, secondary_delay_secs 0 -> 60",
        f"take the vote of {third}",
        "set heartbeatTimeoutSecs 10 -> 12",
    ]
    assert "2 members vote" in str(result["warnings"])
    same: list[Any] = [first, {"host": second.upper(), "priority": 2, "votes": 1.0}, {"host": third, "priority": "0"}]
    assert not replica_set(servers[2], same, settings={"electionTimeoutMillis": 2000.0})["changed"]


def test_horizons_come_and_go_on_all_members(start: Start, traffic: TrafficOn) -> None:
    servers = start(3)
    psa = [servers[0].address, servers[1].address, {"host": servers[2].address, "arbiter_only": True}]
    replica_set(servers[0], psa, default_write_concern=MAJORITY)
    before = servers[0].ask("replSetGetConfig")["config"]

    def seen_from(view: str) -> list[dict[str, Any]]:
        """All members with the names that they have there; the port is the usual one."""
        horizons = [{view: f"db{number}.example.org"} if view else {} for number in range(3)]
        return [{"host": server.address, "horizons": one} for server, one in zip(servers, horizons)]

    some = replica_set(servers[0], [*seen_from("outside")[:2], servers[2]])
    assert f"{servers[2].address} has no horizon outside, and others have" in some["msg"]
    assert servers[0].ask("replSetGetConfig")["config"] == before
    with traffic(servers[:2]):
        for view in ("outside", "inside", ""):
            (step,) = what(replica_set(servers[0], seen_from(view)))
            assert step.startswith("set the horizons: ")
            assert [member.get("horizons") for member in servers[0].ask("replSetGetConfig")["config"]["members"]] == [
                {view: f"db{number}.example.org:27017"} if view else None for number in range(3)
            ]
            assert not replica_set(servers[1], seen_from(view))["changed"]
            assert not replica_set(servers[1], servers)["changed"]


def test_refusals_name_the_member(start: Start) -> None:
    servers = start(2)
    twin = start(1)[0]
    other = start(1, replica_set="rs1")[0]
    alone = start(1, replica_set="")[0]
    gone = f"{HOST}:{free_port()}"
    replica_set(other, [other], replica_set="rs1")
    # Nothing is waited for: the call ends long before run_module gives up, and that before wait_timeout.
    for member, expected in {
        gone: f"{gone} (Connection refused)",
        other.address: f"{other.address}: it belongs to the replica set rs1, not to rs0",
        alone.address: f"{alone.address}: it runs without a replica set",
    }.items():
        assert expected in replica_set(servers[0], [*servers, member], wait_timeout=600)["msg"]
        assert not servers[0].hello().get("setName")

    replica_set(servers[0], servers)
    replica_set(twin, [twin])
    first, second = (server.address for server in servers)
    refused: list[tuple[list[Any], str]] = [
        ([*servers, twin], f"{twin.address}: it belongs to another replica set of the same name"),
        ([first, {"host": second, "arbiter_only": True, "priority": 0}], f"{second}: arbiter_only is false"),
    ]
    for members, expected in refused:
        assert expected in replica_set(servers[0], members)["msg"]
    assert len(members_of(servers[0])) == 2


def test_a_wiped_member_rejoins(start: Start, traffic: TrafficOn) -> None:
    servers = start(3)
    replica_set(servers[0], servers)
    identity = identities(servers)
    wiped = servers[0]
    with traffic(servers[1:], elections=DIES):
        wiped.stop()
        assert f"{wiped.address} (Connection refused)" in replica_set(servers[1], servers)["msg"]
        shutil.rmtree(wiped.folder / "data")
        wiped.start()
        assert not replica_set(wiped, servers)["changed"]
        deadline = time.monotonic() + 30
        while not wiped.hello().get("secondary") and not wiped.hello()["isWritablePrimary"]:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    assert identities(servers) == identity


@LONG
def test_swap_two_of_three(start: Start, traffic: TrafficOn) -> None:
    servers = start(5)
    replica_set(servers[0], servers[:3])
    primary = next(server for server in servers[:3] if server.hello()["isWritablePrimary"])
    kept = next(server for server in servers[:3] if server is not primary)
    wanted = [kept, *servers[3:]]
    foretold = what(replica_set(kept, wanted, check=True))
    with traffic(servers[:3]):
        result = replica_set(kept, wanted)
    assert what(result) == foretold
    assert foretold[-2:] == [f"step down {primary.address}", f"remove {primary.address}"]
    config = members_of(kept)
    assert set(config) == {server.address for server in wanted}
    assert min(config[server.address]["_id"] for server in servers[3:]) > 2
    assert result["primary"] in config
    voters = votes_over_time(kept)
    assert max(abs(later - earlier) for earlier, later in zip(voters, voters[1:])) == 1
    assert not replica_set(servers[4], wanted)["changed"]


@LONG
def test_the_primary_leaves_office(start: Start, traffic: TrafficOn) -> None:
    servers = start(3)
    replica_set(servers[0], servers)
    primary = next(server for server in servers if server.hello()["isWritablePrimary"])
    others = [server for server in servers if server is not primary]
    members: list[Any] = [*others, {"host": primary.address, "priority": 0}]
    with traffic(others):
        assert what(replica_set(primary, members)) == [
            f"step down {primary.address}",
            f"change {primary.address}: priority 1 -> 0",
        ]
        # It asks itself, while it is still a member, to be none any more.
        assert what(replica_set(others[0], others)) == [f"remove {primary.address}"]
        assert what(replica_set(others[0], servers))[0] == f"add {primary.address} without vote and priority"
    assert members_of(others[0])[primary.address]["_id"] > 2


def test_the_dead_are_replaced(start: Start, traffic: TrafficOn) -> None:
    servers = start(4)
    replica_set(servers[0], servers[:3])
    dead, alive = servers[0], servers[1:]
    with traffic(alive[:2], elections=DIES):
        dead.stop()
        assert f"{dead.address} (Connection refused)" in replica_set(servers[1], servers)["msg"]
        assert what(replica_set(servers[3], alive)) == [
            f"remove {dead.address}",
            f"add {servers[3].address} without vote and priority",
            f"give {servers[3].address} its vote",
            f"change {servers[3].address}: priority 0 -> 1",
        ]
    assert not replica_set(servers[1], alive)["changed"]


def test_check_where_nothing_runs() -> None:
    members = [f"{HOST}:{free_port()}" for _number in range(3)]
    nobody = Mongod("", Path())
    result = replica_set(nobody, members, check=True, **ADMIN)
    assert what(result) == [f"initiate rs0 with 3 members through {members[0]}"]
    assert sorted(result["diff"][0]["after"]["members"]) == sorted(members)
    assert "1. initiate" in result["diff"][1]["prepared"]
    assert len(result["warnings"]) == 4
    made = users(nobody, [ADMIN_USER], check=True, first_user=True, **ADMIN)
    assert made["changes"] == [{"user": "admin@admin", "command": "createUser"}]


@pytest.mark.parametrize(
    ("interpreter", "authentication"),
    [pytest.param(sys.executable, False, marks=LONG), (DISTRIBUTION_PYTHON, True)],
)
def test_four_beats(start: Start, keyfile: Path, tmp_path: Path, interpreter: str, authentication: bool) -> None:
    servers = start(3, keyfile=keyfile if authentication else None)
    login = ADMIN if authentication else {}
    common = {"login_host": "127.0.0.1", "login_port": servers[0].port}
    wanted = {"replica_set": "rs0", "members": [server.address for server in servers], "settings": QUICK}
    www = {"name": "www", "database": "www", "password": "www correct horse", "roles": ["readWrite"]}
    found: dict[str, Any] = {
        "scaleout.webapp.mongodb_replicaset": {**common, **wanted},
        "when": "not ansible_check_mode",
    }
    first: dict[str, Any] = {
        "scaleout.webapp.mongodb_user": {**common, "users": [ADMIN_USER], "first_user": True, **ADMIN}
    }
    tasks: list[dict[str, Any]] = [
        *([found, first] if authentication else []),
        {"scaleout.webapp.mongodb_replicaset": {**common, **wanted, "default_write_concern": MAJORITY, **login}},
        {"scaleout.webapp.mongodb_user": {**common, "users": [www], **login}},
    ]
    check = run_playbook(tmp_path, tasks, interpreter, "--check", "--diff")
    run = run_playbook(tmp_path, tasks, interpreter, "--diff")
    again = run_playbook(tmp_path, tasks, interpreter, "--diff")
    last = run_playbook(tmp_path, tasks, interpreter, "--check", "--diff")
    assert [result["changed"] for result in check[-2:]] == [True, True], check
    assert [result["changed"] for result in run] == [True] * len(tasks), run
    assert not any(result["changed"] for result in again + last), again + last
    assert run[-1]["diff"] == check[-1]["diff"]
    assert identities(servers, login or None) == {again[-2]["config"]["settings"]["replicaSetId"]}
