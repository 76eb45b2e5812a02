"""Members that leave a living set, with a writer and a reader on it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.integration.mongodb.changes import (
    WITH_AND_WITHOUT,
    TrafficOn,
    assert_one_vote_at_a_time,
    done,
    four_beats,
    made,
    primary_of,
)
from tests.integration.mongodb.mongods import ADMIN, Start, make_set, on_all, replica_set
from tests.support.full import LONG


@WITH_AND_WITHOUT
def test_three_to_five_to_three(start: Start, keyfile: Path, traffic: TrafficOn, authentication: bool) -> None:
    servers, login = made(start, 5, keyfile if authentication else None)
    with traffic(servers[:3], login):
        four_beats(servers[3], servers, **login)
        four_beats(servers[1], servers[:3], **login)
    assert_one_vote_at_a_time(servers)


@WITH_AND_WITHOUT
def test_two_of_three_are_replaced(start: Start, keyfile: Path, traffic: TrafficOn, authentication: bool) -> None:
    servers, login = made(start, 5, keyfile if authentication else None)
    # The primary among them.
    old = primary_of(servers[:3])
    stays = next(server for server in servers[:3] if server is not old)
    with traffic([stays, *servers[3:]], login):
        four_beats(servers[4], [stays, *servers[3:]], **login)
    assert not old.hello().get("isWritablePrimary")
    assert_one_vote_at_a_time(servers)


@WITH_AND_WITHOUT
@pytest.mark.parametrize("called_on", ["primary", pytest.param("secondary", marks=LONG)])
def test_the_primary_leaves(
    start: Start, keyfile: Path, traffic: TrafficOn, called_on: str, authentication: bool
) -> None:
    servers, login = made(start, 3, keyfile if authentication else None)
    old = primary_of(servers)
    others = [server for server in servers if server is not old]
    with traffic(others, login):
        four_beats(
            old if called_on == "primary" else others[0],
            [old, {"host": others[0].address, "priority": 5}, others[1]],
            **login,
        )
        four_beats(others[1], [{"host": old.address, "priority": 0}, *others], **login)
        four_beats(others[0], others, **login)
    assert_one_vote_at_a_time(servers)


@LONG
@WITH_AND_WITHOUT
def test_an_arbiter_comes_and_goes(start: Start, keyfile: Path, traffic: TrafficOn, authentication: bool) -> None:
    servers = start(3, keyfile=keyfile if authentication else None)
    login = ADMIN if authentication else {}
    make_set(servers, servers[:2], login)
    with traffic(servers[:2], login):
        with_arbiter = [*servers[:2], {"host": servers[2].address, "arbiter_only": True}]
        steps = four_beats(servers[1], with_arbiter, **login)
        assert steps[0] == "set the default write concern w: majority, wtimeout: 0"
        four_beats(servers[0], servers[:2], **login)
    defaults = servers[0].ask("getDefaultRWConcern", login=login or None)
    assert defaults["defaultWriteConcern"] == {"w": "majority", "wtimeout": 0}
    assert_one_vote_at_a_time(servers)


@LONG
def test_from_all_hosts_at_once(start: Start, traffic: TrafficOn) -> None:
    servers, _login = made(start, 5)
    with traffic(servers[:3]):
        for wanted in (servers, servers[:3]):
            results = on_all(partial(replica_set, members=wanted), servers[:3])
            assert any(done(result) for result in results)
            assert not done(replica_set(servers[0], wanted, check=True))
    assert_one_vote_at_a_time(servers)
