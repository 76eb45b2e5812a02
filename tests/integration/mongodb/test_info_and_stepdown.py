"""mongodb_replicaset_info and mongodb_stepdown on real sets, with and without authentication."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.mongodb.changes import WITH_AND_WITHOUT
from tests.integration.mongodb.mongods import (
    ADMIN,
    DISTRIBUTION_PYTHON,
    QUICK,
    Mongod,
    Start,
    make_set,
    replica_set,
    run_module,
    run_playbook,
    wait_for,
)
from tests.support.full import LONG

INFO = "mongodb_replicaset_info"
STEPDOWN = "mongodb_stepdown"


def ask(server: Mongod, name: str = INFO, check: bool = False, **more: Any) -> dict[str, Any]:
    return run_module(name, {"login_host": "127.0.0.1", "login_port": server.port, **more}, check)


@WITH_AND_WITHOUT
def test_what_is_told_can_be_wanted(start: Start, keyfile: Path, authentication: bool) -> None:
    servers = start(4, keyfile=keyfile if authentication else None)
    login = ADMIN if authentication else {}
    first, second, third, arbiter = (server.address for server in servers)
    members = [
        {"host": first, "priority": 2.5, "tags": {"zone": "a", "use": "web"}},
        second,
        {"host": third, "priority": 0, "hidden": True, "secondary_delay_secs": 3, "votes": 0},
        {"host": arbiter, "arbiter_only": True},
    ]
    concern = {"w": "majority", "wtimeout": 500}
    make_set(servers, members, login, default_write_concern=concern)
    told = [ask(server, check=check, **login) for server in servers for check in (False, True)]
    for one in told:
        assert one["state"] == "member", one
        assert not one["changed"]
        assert one["primary"] == first
        assert one["default_write_concern"] == concern
        assert [member["id"] for member in one["status"]] == [0, 1, 2, 3]
        assert [member["state"] for member in one["status"]] == ["PRIMARY", "SECONDARY", "SECONDARY", "ARBITER"]
        assert all(member["healthy"] and member["version"] and member["uptime"] >= 0 for member in one["status"])
        assert [member["lag"] is None for member in one["status"]] == [False, False, False, True]
    assert {one["set_id"] for one in told} == {
        str(servers[0].ask("replSetGetConfig", login=login or None)["config"]["settings"]["replicaSetId"])
    }
    wanted = {name: told[0][name] for name in ("replica_set", "members", "settings", "default_write_concern")}
    for server in servers:
        again = run_module("mongodb_replicaset", {"login_port": server.port, **wanted, **login})
        assert not again.get("failed"), again
        assert not again["changed"], again["steps"]


def test_a_member_that_is_still_joining(start: Start) -> None:
    servers = start(2)
    replica_set(servers[0], servers[:1])
    replica_set(servers[0], servers, wait_timeout=0)
    # It hears of its set with a heartbeat.
    wait_for(lambda: "setName" in servers[1].hello())
    told = ask(servers[1])
    assert [member["joining"] for member in told["status"]] == [False, True]
    assert "votes" not in told["members"][1]
    assert told["members"][1]["tags"] == {}
    finished = replica_set(servers[0], told["members"])
    assert next(step["what"] for step in finished["steps"]) == f"give {servers[1].address} its vote"
    assert ask(servers[1])["members"][1]["votes"] == 1


def test_a_member_that_is_down(start: Start) -> None:
    servers = start(3)
    replica_set(servers[0], servers)
    servers[2].stop()
    servers[1].stop()
    # It hears of it with the next heartbeat.
    wait_for(lambda: [one["health"] for one in servers[0].ask("replSetGetStatus")["members"]] == [1, 0, 0])
    told = ask(servers[0])
    assert [member["healthy"] for member in told["status"]] == [True, False, False]
    assert told["status"][1]["lag"] is None
    # In the server's words, which depend on whether it noticed a heartbeat or an election first.
    message = told["status"][1]["message"]
    assert "refused" in message or "no response" in message
    assert told["status"][1]["version"] == ""


def test_where_there_is_no_set(start: Start) -> None:
    new, alone = start(1)[0], start(1, replica_set="")[0]
    assert ask(new)["state"] == "uninitialised"
    assert ask(alone)["state"] == "standalone"
    assert not ask(new, STEPDOWN)["changed"]
    assert "without a replica set" in ask(alone, STEPDOWN)["msg"]
    nobody = Mongod("", Path())
    for name in (INFO, STEPDOWN):
        refused = ask(nobody, name)
        assert refused["failed"]
        assert f"127.0.0.1:{nobody.port}: no answer: Connection refused" in refused["msg"]
        foretold = ask(nobody, name, check=True)
        assert not foretold["changed"]
        assert "does not answer" in str(foretold["warnings"])


@pytest.mark.parametrize(
    ("interpreter", "authentication"),
    [
        pytest.param(sys.executable, False, id="open", marks=LONG),
        pytest.param(DISTRIBUTION_PYTHON, True, id="authentication"),
    ],
)
def test_step_down_in_four_beats(
    start: Start, keyfile: Path, tmp_path: Path, interpreter: str, authentication: bool
) -> None:
    servers = start(3, keyfile=keyfile if authentication else None)
    login = ADMIN if authentication else {}
    make_set(servers, [server.address for server in servers], login)
    old = next(server for server in servers if server.hello()["isWritablePrimary"])
    task: list[dict[str, Any]] = [{f"scaleout.webapp.{STEPDOWN}": {"login_port": old.port, **login}}]
    check = run_playbook(tmp_path, task, interpreter, "--check", "--diff")[0]
    assert old.hello()["isWritablePrimary"]
    run = run_playbook(tmp_path, task, interpreter, "--diff")[0]
    again = run_playbook(tmp_path, task, interpreter, "--diff")[0]
    last = run_playbook(tmp_path, task, interpreter, "--check", "--diff")[0]
    assert [one["changed"] for one in (check, run, again, last)] == [True, True, False, False], (check, run, again)
    assert check["old_primary"] == run["old_primary"] == old.address
    assert run["primary"] in {server.address for server in servers if server is not old}
    assert next(server for server in servers if server.address == run["primary"]).hello()["isWritablePrimary"]
    assert run["diff"]["after"] == {"primary": run["primary"]}
    assert again["old_primary"] == again["primary"] == run["primary"]
    if authentication:
        stranger = ask(next(server for server in servers if server.address == run["primary"]), STEPDOWN)
        assert "give login_user" in stranger["msg"].lower()


@LONG
def test_nobody_steps_down_for_nobody(start: Start) -> None:
    servers = start(3)
    members = [
        servers[0].address,
        {"host": servers[1].address, "priority": 0},
        {"host": servers[2].address, "arbiter_only": True},
    ]
    replica_set(servers[0], members)
    for check in (True, False):
        refused = ask(servers[0], STEPDOWN, check, wait_timeout=1)
        assert f"{servers[1].address} is not electable, {servers[2].address} is an arbiter" in refused["msg"]
        assert servers[0].hello()["isWritablePrimary"]
    short = ask(servers[0], STEPDOWN, stepdown_secs=10, secondary_catch_up_secs=10)
    assert short["msg"].startswith("secondary_catch_up_secs: 10 is not below stepdown_secs, 10")
    forced = ask(servers[0], STEPDOWN, force=True, stepdown_secs=2, secondary_catch_up_secs=1)
    assert forced["primary"] == servers[0].address
    assert "is primary again" in str(forced["warnings"])


@LONG
def test_an_unready_successor_is_waited_for(start: Start) -> None:
    servers = start(2)
    replica_set(servers[0], servers, settings={**QUICK, "heartbeatTimeoutSecs": 1})
    old = next(server for server in servers if server.hello()["isWritablePrimary"])
    other = next(server for server in servers if server is not old)
    other.ask("replSetMaintenance", True)
    wait_for(lambda: {one["stateStr"] for one in old.ask("replSetGetStatus")["members"]} == {"PRIMARY", "RECOVERING"})
    refused = ask(old, STEPDOWN, wait_timeout=2)
    assert f"{other.address} is RECOVERING" in refused["msg"]
    assert old.hello()["isWritablePrimary"]
    other.ask("replSetMaintenance", False)
    assert ask(old, STEPDOWN)["primary"] == other.address
