"""What a step waits for, what has an end, and what is remembered between runs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.mongodb.changes import TrafficOn, config_of, done, made, primary_of
from tests.integration.mongodb.mongods import (
    Mongod,
    Start,
    replica_set,
    result_of,
    run_module,
    start_replica_set,
    wait_for,
)
from tests.support.full import LONG


def in_maintenance(server: Mongod, primary: Mongod) -> None:
    """RECOVERING: it answers and is in good health, but does not count as one that has the data."""
    server.ask("replSetMaintenance", True)
    # The primary hears of it with the next heartbeat.
    wait_for(lambda: state_of(server, primary) == "RECOVERING")


def state_of(server: Mongod, primary: Mongod) -> str:
    members = primary.ask("replSetGetStatus")["members"]
    return next(str(member["stateStr"]) for member in members if member["name"] == server.address)


def times_asked(server: Mongod) -> int:
    """For the state of its set, by anybody."""
    return int(server.ask("serverStatus")["metrics"]["commands"]["replSetGetStatus"]["total"])


def test_a_vote_is_not_taken_before_those_that_are_left_have_the_data(start: Start, traffic: TrafficOn) -> None:
    servers, _login = made(start, 3)
    primary = primary_of(servers)
    behind, leaves = (server for server in servers if server is not primary)
    with traffic(servers):
        in_maintenance(behind, primary)
        version = config_of(primary)["version"]
        for wanted in ([primary, behind], [primary, behind, {"host": leaves.address, "votes": 0, "priority": 0}]):
            refused = replica_set(primary, wanted, wait_timeout=3)
            assert "2 of the voters that are left need the data first" in refused["msg"], refused
            assert f"{behind.address} is RECOVERING" in refused["msg"]
        assert all(member["votes"] for member in config_of(primary)["members"])
        # Only the priority was taken, which costs no vote.
        assert config_of(primary)["version"] == version + 1

        before = times_asked(primary)
        run = start_replica_set(primary, [primary, behind])
        # Once for the health of all, then again and again while it waits.
        wait_for(lambda: times_asked(primary) > before + 3)
        assert run.poll() is None
        assert len(config_of(primary)["members"]) == 3
        behind.ask("replSetMaintenance", False)
        assert done(result_of(run)) == [f"remove {leaves.address}"]


@LONG
def test_a_member_that_is_late_on_purpose_gets_its_vote(start: Start, traffic: TrafficOn) -> None:
    """Later than max_lag, and no more than its delay; or the delay goes first."""
    servers, _login = made(start, 3)
    primary = primary_of(servers)
    late, other = (server for server in servers if server is not primary)
    delayed = {"host": late.address, "votes": 0, "priority": 0, "secondary_delay_secs": 20}
    done(replica_set(primary, [primary, other, delayed]))

    def behind() -> bool:
        members = primary.ask("replSetGetStatus")["members"]
        written = {member["name"]: member["optimeDate"] for member in members}
        return bool((written[primary.address] - written[late.address]).total_seconds() > 12)

    with traffic(servers):
        wait_for(behind)
        votes = {"host": late.address, "votes": 1}
        assert done(replica_set(primary, [primary, other, votes])) == [f"give {late.address} its vote"]
        done(replica_set(primary, [primary, other, {**votes, "votes": 0}]))
        wait_for(behind)
        assert done(replica_set(primary, [primary, other, {**votes, "secondary_delay_secs": 0}])) == [
            f"change {late.address}: secondary_delay_secs 20 -> 0",
            f"give {late.address} its vote",
        ]


@pytest.mark.parametrize("also_primary", [False, pytest.param(True, marks=LONG)])
def test_a_lost_majority_is_told_long_before_the_end_of_the_wait(start: Start, also_primary: bool) -> None:
    servers, _login = made(start, 3)
    primary = primary_of(servers)
    left = next(server for server in servers if (server is primary) is not also_primary)
    lost = [server for server in servers if server is not left]
    for server in lost:
        server.stop()
    # At once, while the one that is left takes itself or a dead one for the primary, and later. No call is given the
    # time to wait for its own end: whoever runs it gives up before that.
    for _moment in ("at once", "later"):
        refused = replica_set(left, [left], wait_timeout=600)
        assert refused["failed"], refused
        assert all(server.address in refused["msg"] for server in lost), refused
        listed = replica_set(left, servers, wait_timeout=600)
        assert "if they are lost for good see force" in listed["msg"], listed
        assert all(server.address in listed["msg"] for server in lost), listed
        wait_for(lambda: not left.hello().get("primary"))
    assert "no majority of its voting members answers" in replica_set(left, [left], wait_timeout=600)["msg"]


def test_fractions_are_refused_and_numbers_kept(start: Start) -> None:
    servers = start(1)
    done(replica_set(servers[0], servers))
    before = config_of(servers[0])
    refused = replica_set(servers[0], servers, settings={"heartbeatTimeoutSecs": 10.5})
    assert "heartbeatTimeoutSecs must be a whole number" in refused["msg"]
    assert config_of(servers[0]) == before
    # Each whole number is stored as it is, at both ends: the next call finds no difference.
    ends = {"heartbeatTimeoutSecs": 1, "electionTimeoutMillis": 2**31 - 1, "catchUpTakeoverDelayMillis": -1}
    for settings in (ends, {"catchUpTimeoutMillis": 0}):
        assert done(replica_set(servers[0], servers, settings=settings))
        assert not done(replica_set(servers[0], servers, settings=settings))


def ids_of(server: Mongod) -> dict[str, int]:
    return {member["host"]: member["_id"] for member in config_of(server)["members"]}


@LONG
def test_no_id_comes_again_after_a_forced_configuration(start: Start) -> None:
    servers = start(4)
    first, gone, by_hand, new = servers
    done(replica_set(first, [first, gone]))
    done(replica_set(first, [first]))
    for _round in range(2):
        done(replica_set(first, [first, gone]))
        given = {ids_of(first)[gone.address]}
        done(replica_set(first, [first]))
        # By somebody else: an addition and a removal, and a version that jumps.
        config: dict[str, Any] = config_of(first)
        other = {"_id": max(given) + 1, "host": by_hand.address, "votes": 0, "priority": 0}
        changed = {**config, "version": config["version"] + 1, "members": [*config["members"], other]}
        first.ask("replSetReconfig", changed, force=True)
        wait_for(lambda: bool(by_hand.hello().get("setName")))
        jumped = config_of(first)["version"]
        assert jumped > 1000
        first.ask("replSetReconfig", {**config, "version": jumped + 1})
        done(replica_set(first, [first, new]))
        assert ids_of(first)[new.address] not in {0, *given, other["_id"]}
        assert not done(replica_set(first, [first, new]))
        done(replica_set(first, [first]))
    shown = run_module("mongodb_replicaset_info", {"login_port": first.port})
    assert shown["members"][0]["tags"] == {}
    assert not done(replica_set(first, shown["members"], settings=shown["settings"]))
    tagged = {"host": first.address, "tags": {"zone": "a"}}
    assert done(replica_set(first, [tagged])) == [f"change {first.address}: tags {{}} -> {{'zone': 'a'}}"]
    assert not done(replica_set(first, [tagged]))
