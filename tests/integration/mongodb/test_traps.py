"""What goes wrong around a replica set, each once with real servers."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.model import JOINING
from pymongo.errors import OperationFailure

from tests.integration.mongodb.changes import (
    WITH_AND_WITHOUT,
    TrafficOn,
    assert_one_vote_at_a_time,
    config_of,
    done,
    made,
    primary_of,
)
from tests.integration.mongodb.mongods import (
    ADMIN,
    Start,
    identities,
    make_set,
    on_all,
    replica_set,
    start_replica_set,
    users,
    wipe,
)
from tests.integration.mongodb.traffic import DIES
from tests.support.full import FULL, LONG


@WITH_AND_WITHOUT
@pytest.mark.parametrize("number", [pytest.param(0, id="first"), pytest.param(2, id="last", marks=LONG)])
def test_a_wiped_member_founds_no_second_set(
    start: Start, keyfile: Path, traffic: TrafficOn, number: int, authentication: bool
) -> None:
    servers, login = made(start, 3, keyfile if authentication else None)
    identity = identities(servers, login or None)
    others = [server for server in servers if server is not servers[number]]
    with traffic(others, login, elections=DIES):
        wipe(servers[number])
        # As on all hosts at once, the wiped one by its own loopback address among them.
        results = on_all(lambda server: replica_set(server, servers, **login), servers)
        assert [done(result) for result in results] == [[], [], []]
    assert identities(others, login or None) == identity
    assert str(config_of(primary_of(others), login)["settings"]["replicaSetId"]) in identity


@LONG
def test_members_of_other_sets_with_authentication(start: Start, keyfile: Path) -> None:
    servers, login = made(start, 3, keyfile)
    twin, other = start(1, keyfile=keyfile)[0], start(1, replica_set="rs1", keyfile=keyfile)[0]
    make_set([twin], [twin], login)
    replica_set(other, [other], replica_set="rs1")
    before = config_of(servers[0], login)
    for stranger, expected in {
        twin: f"{twin.address}: it belongs to another replica set of the same name rs0",
        other: f"{other.address}: it belongs to the replica set rs1, not to rs0",
    }.items():
        for server, check in ((servers[1], True), (servers[1], False), (stranger, False)):
            refused = replica_set(server, [*servers, stranger], check=check, **login)
            assert expected in refused["msg"], refused
    # In the place of a member that is there.
    assert twin.address in replica_set(servers[0], [*servers[:2], twin], **login)["msg"]
    assert config_of(servers[0], login) == before


@LONG
def test_a_twin_with_another_password_is_not_taken_for_a_member(start: Start, keyfile: Path) -> None:
    servers, login = made(start, 1, keyfile)
    twin = start(1, keyfile=keyfile)[0]
    make_set([twin], [twin], {**login, "login_password": "another correct horse"})
    refused = replica_set(servers[0], [*servers, twin], **login)
    assert f"{twin.address}: it is in some replica set rs0, and which one cannot be read" in refused["msg"]


def test_silent_hosts_are_named_in_seconds(start: Start, keyfile: Path) -> None:
    servers, login = made(start, 3, keyfile)
    stuck = start(2, keyfile=keyfile)
    for server in stuck:
        assert server.process
        server.process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    refused = replica_set(servers[0], [*servers, *stuck], wait_timeout=300, **login)
    took = time.monotonic() - began
    assert all(server.address in refused["msg"] for server in stuck), refused
    assert "Every listed member has to run" in refused["msg"]
    # Far below what any wait of the driver (30 s) or of the task would be, for two as for one.
    assert took < 25
    unknown = replica_set(servers[0], [*servers, "no-such-host.invalid:27017"], wait_timeout=300, **login)
    assert "no-such-host.invalid:27017 (" in unknown["msg"]
    nobody = replica_set(servers[0], servers, wait_timeout=300, **{**ADMIN, "login_user": "nobody"})
    assert "the login as nobody was refused" in nobody["msg"]
    users(servers[0], [{"name": "weak", "password": "weak", "roles": ["read"]}], **login)
    weak = replica_set(servers[0], servers, login_user="weak", login_password="weak")
    assert "clusterAdmin" in weak["msg"]


def test_eight_voters_are_refused(start: Start) -> None:
    servers = start(1)
    done(replica_set(servers[0], servers))
    # That nobody answers there is not worth a word in check mode.
    eight = [servers[0], *[f"127.0.0.1:{port}" for port in range(1, 8)]]
    refused = replica_set(servers[0], eight, check=True)
    assert "8 members would vote, 7 are possible" in refused["msg"]
    assert config_of(servers[0])["version"] == 1


@WITH_AND_WITHOUT
def test_somebody_else_changes_the_set_meanwhile(
    start: Start, keyfile: Path, traffic: TrafficOn, authentication: bool
) -> None:
    servers, login = made(start, 5, keyfile if authentication else None)
    stop = threading.Event()
    others: list[int] = []

    def disturb() -> None:
        while not stop.wait(0.2):
            config = config_of(servers[0], login)
            config["version"] += 1
            config["settings"]["heartbeatTimeoutSecs"] = 10 + len(others) % 2
            with contextlib.suppress(OperationFailure):
                primary_of(servers[:3]).ask("replSetReconfig", config, login=login or None)
                others.append(config["version"])

    thread = threading.Thread(target=disturb)
    with traffic(servers[:3], login):
        thread.start()
        try:
            steps = done(replica_set(servers[1], servers, **login))
        finally:
            stop.set()
            thread.join()
    assert others
    assert len(steps) == 6
    assert not done(replica_set(servers[4], servers, **login))
    assert_one_vote_at_a_time(servers)


@pytest.mark.parametrize("_round", range(4 if FULL else 1))
@WITH_AND_WITHOUT
def test_a_killed_run_is_taken_up(
    start: Start, keyfile: Path, traffic: TrafficOn, authentication: bool, _round: int
) -> None:
    servers, login = made(start, 5, keyfile if authentication else None)
    with traffic(servers[:3], login):
        for version in range(2, 6):
            # Killed as soon as this version is in use, wherever the run is then.
            run = start_replica_set(servers[_round], servers, **login)
            while run.poll() is None and config_of(servers[0], login)["version"] < version:
                time.sleep(0.01 * (1 + _round))
            run.kill()
            run.communicate()
        done(replica_set(servers[3], servers, **login))
    members = config_of(servers[0], login)["members"]
    assert [(member["votes"], member["priority"]) for member in members] == [(1, 1)] * 5
    assert not any(JOINING in member["tags"] for member in members)
    assert not done(replica_set(servers[4], servers, **login))
    assert_one_vote_at_a_time(servers)


def test_one_member_under_many_names(start: Start) -> None:
    servers = start(2)
    loud = [f"LOCALHOST:{server.port}" for server in servers]
    done(replica_set(servers[0], loud))
    assert not done(replica_set(servers[1], [name.lower() for name in loud]))
    assert not done(replica_set(servers[1], [f" {loud[0]} ", {"host": f"LocalHost:{servers[1].port}", "votes": "1"}]))
    no_port = replica_set(servers[0], [*loud, "localhost"])
    assert "localhost:27017 (" in no_port["msg"]
    twice = replica_set(servers[0], [*loud, loud[0].lower()])
    assert f"{loud[0].lower()} is listed twice" in twice["msg"]
