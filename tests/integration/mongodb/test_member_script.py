"""The script with which the role asks its mongod, on real ones: who has to be well before a member is restarted."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from tests.integration.mongodb.changes import done
from tests.integration.mongodb.mongods import REPOSITORY, Start, replica_set, wait_for, wipe


@pytest.fixture(scope="module")
def member() -> Any:
    spec = importlib.util.spec_from_file_location("member", REPOSITORY / "roles" / "mongodb" / "files" / "member.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_hidden_voter_is_missed(start: Start, member: Any) -> None:
    servers = start(3)
    hidden = {"host": servers[2].address, "hidden": True, "priority": 0}
    done(replica_set(servers[0], [*servers[:2], hidden]))
    members = [server.address for server in servers]
    asked = servers[0].address
    wait_for(lambda: not member.still_missing(asked, "peers", members))
    servers[2].stop()
    assert member.still_missing(asked, "peers", members) == f"{servers[2].address} is silent"
    assert member.still_missing(asked, "peers", []) == "", "hello tells of no hidden members"


def test_what_does_not_serve_is_not_missed(start: Start, member: Any) -> None:
    one, other = start(2)
    assert member.still_missing(one.address, "peers", []) == ""
    members = [one.address, other.address]
    done(replica_set(one, members))
    one.stop()
    assert member.still_missing(one.address, "peers", members) == ""


def test_a_member_that_lost_its_data_is_missed(start: Start, member: Any) -> None:
    servers = start(2)
    hidden = {"host": servers[1].address, "hidden": True, "priority": 0}
    done(replica_set(servers[0], [servers[0], hidden]))
    members = [server.address for server in servers]
    # Else the others would give it the data again at once.
    servers[1].replica_set = "rs1"
    wipe(servers[1])
    assert member.still_missing(servers[0].address, "peers", members) == f"{servers[1].address} is uninitialised"
