"""The script with which the role asks its mongod, on real ones: who has to be well before a member is restarted."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from tests.integration.mongodb.changes import done
from tests.integration.mongodb.mongods import REPOSITORY, Start, replica_set, wait_for


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
    listed = [server.address for server in servers[1:]]
    asked = servers[0].address
    wait_for(lambda: not member.still_missing(asked, "peers", listed))
    servers[2].stop()
    assert member.still_missing(asked, "peers", listed) == f"{servers[2].address} is silent"
    assert member.still_missing(asked, "peers", []) == "", "hello tells of no hidden members"


def test_who_is_in_no_set_has_no_vote_to_lose(start: Start, member: Any) -> None:
    one, new = start(2)
    assert member.still_missing(one.address, "peers", [new.address]) == ""
    done(replica_set(one, [one]))
    assert member.still_missing(one.address, "peers", [new.address]) == ""
    new.stop()
    assert member.still_missing(one.address, "peers", [new.address]) == f"{new.address} is silent"
    one.stop()
    assert member.still_missing(one.address, "peers", [new.address]) == "", "what does not serve is not missed"
