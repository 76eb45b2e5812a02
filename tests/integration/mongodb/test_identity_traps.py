"""Members that are the same under another name, and those that have to begin anew."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.integration.mongodb.changes import (
    WITH_AND_WITHOUT,
    TrafficOn,
    assert_one_vote_at_a_time,
    config_of,
    done,
    four_beats,
    made,
    primary_of,
)
from tests.integration.mongodb.mongods import ADMIN, HOST, Start, make_set, replica_set, wipe
from tests.support.full import FULL, LONG

BEGINNINGS: list[dict[str, Any]] = [
    {"arbiter_only": True, "priority": 0},
    {"arbiter_only": False, "build_indexes": False, "priority": 0, "votes": 0},
    {"build_indexes": True, "priority": 1, "votes": 1},
]


def ids_of(config: dict[str, Any]) -> dict[str, int]:
    return {member["host"]: member["_id"] for member in config["members"]}


@WITH_AND_WITHOUT
def test_hosts_are_renamed_in_place(start: Start, keyfile: Path, traffic: TrafficOn, authentication: bool) -> None:
    servers = start(3, keyfile=keyfile if authentication else None)
    login = ADMIN if authentication else {}
    make_set(servers, [f"localhost:{server.port}" for server in servers], login)
    before = config_of(servers[0], login)
    with traffic(servers, login):
        steps = four_beats(servers[1], [f"127.0.0.1:{server.port}" for server in servers], **login)
    after = config_of(servers[0], login)
    assert ids_of(after) == {f"127.0.0.1:{server.port}": number for number, server in enumerate(servers)}
    assert list(ids_of(before).values()) == list(ids_of(after).values())
    assert len([step for step in steps if "127.0.0.1" in step and "localhost" in step]) == 3


def names_of_this_machine() -> list[str]:
    """Its host name, and its full one if it has any, as far as they lead to an address of it."""
    found = []
    for name in dict.fromkeys((socket.gethostname().lower(), socket.getfqdn().lower())):
        with contextlib.suppress(OSError):
            address = socket.gethostbyname(name)
            if name != "localhost" and (address == HOST or address.startswith("127.")):
                found.append(name)
    return found


def test_names_that_really_resolve(start: Start, traffic: TrafficOn) -> None:
    """The machine's own names: a process is known under each, whatever the configuration calls it."""
    names = names_of_this_machine()
    if not names:
        pytest.skip("this machine cannot resolve its own name to itself")
    servers = start(2, bind=",".join({socket.gethostbyname(name) for name in names}))
    done(replica_set(servers[0], servers))
    before = ids_of(config_of(servers[0]))
    with traffic(servers):
        for name in names:
            called = [f"{name}:{server.port}" for server in servers]
            assert len(four_beats(servers[1], called)) == 2
            config = config_of(servers[0])
            assert ids_of(config) == dict(zip(called, before.values()))
            # The same names as people write them, and through another way to the same process.
            assert not done(replica_set(servers[0], [one.upper() for one in called], login_host=name))
            short = name.partition(".")[0]
            if short in names:
                assert not done(replica_set(servers[0], [f"{short}:{server.port}" for server in servers]))
        assert len(four_beats(servers[0], servers)) == 2
    twice = replica_set(servers[0], [*servers, f"{names[0]}:{servers[0].port}"])
    assert f"{servers[0].address} is the same process" in twice["msg"]


@LONG
def test_from_names_of_loopback_to_real_ones(start: Start, traffic: TrafficOn) -> None:
    """The server refuses both kinds in one configuration, so it cannot go one by one."""
    servers = start(1)
    done(replica_set(servers[0], [f"localhost:{servers[0].port}"]))
    with traffic(servers):
        four_beats(servers[0], [f"{HOST}:{servers[0].port}"])


@WITH_AND_WITHOUT
@LONG
def test_a_member_begins_anew_as_something_else(
    start: Start, keyfile: Path, traffic: TrafficOn, authentication: bool
) -> None:
    servers, login = made(start, 4, keyfile if authentication else None)
    done(replica_set(servers[0], servers, **login))
    target = next(server for server in servers if server is not primary_of(servers))
    others = [server for server in servers if server is not target]
    before = ids_of(config_of(others[0], login))
    with traffic(others, login):
        for given in BEGINNINGS if FULL else BEGINNINGS[:2]:
            wanted: list[Any] = [{"host": target.address, **given}, *others]
            refused = replica_set(others[0], wanted, **login)
            assert refused["failed"], given
            assert refused["msg"].startswith(f"{target.address}: ")
            assert "has data" in refused["msg"]
            # As a member it would be given the data again at once.
            done(replica_set(others[0], others, **login))
            wipe(target)
            four_beats(others[0], wanted, **login)
        assert ids_of(config_of(others[0], login))[target.address] > max(before.values())
    assert_one_vote_at_a_time(servers)


@LONG
def test_a_removed_member_comes_back(start: Start, traffic: TrafficOn) -> None:
    """With its old data, and under another `_id` than any other host had."""
    servers, _login = made(start, 4)
    done(replica_set(servers[0], servers))
    gone = next(server for server in servers[:3] if server is not primary_of(servers))
    others = [server for server in servers if server is not gone]
    with traffic(others):
        four_beats(others[0], others)
        refused = replica_set(gone, [gone])
        assert "was removed from a replica set" in refused["msg"]
        four_beats(gone, servers)
    assert_one_vote_at_a_time(servers)


def test_ipv6(start: Start) -> None:
    servers = start(2, ipv6=True)
    done(replica_set(servers[0], [f"[0:0:0:0:0:0:0:1]:{server.port}" for server in servers]))
    assert not done(replica_set(servers[1], [f"[::1]:{server.port}" for server in servers], login_host="::1"))
