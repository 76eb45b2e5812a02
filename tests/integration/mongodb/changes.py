"""What the tests of changes share."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.mongodb.mongods import ADMIN, Mongod, Start, configs_over_time, make_set, replica_set
from tests.integration.mongodb.traffic import Traffic
from tests.support.full import LONG

TrafficOn = Callable[..., AbstractContextManager[Traffic]]
# Without authentication they take as long again: ./test --full runs them, so nothing is skipped for good.
WITH_AND_WITHOUT = pytest.mark.parametrize(
    "authentication", [pytest.param(False, marks=LONG, id="open"), pytest.param(True, id="authentication")]
)


def done(result: dict[str, Any]) -> list[str]:
    """What a call did."""
    assert not result.get("failed"), result["msg"]
    return [step["what"] for step in result["steps"]]


def made(start: Start, count: int, keyfile: Path | None = None) -> tuple[list[Mongod], dict[str, Any]]:
    """A set of three among so many servers, and how to log in."""
    servers = start(count, keyfile=keyfile)
    login = ADMIN if keyfile else {}
    make_set(servers, [server.address for server in servers[:3]], login)
    return servers, login


def primary_of(servers: list[Mongod]) -> Mongod:
    return next(server for server in servers if server.hello()["isWritablePrimary"])


def config_of(server: Mongod, login: dict[str, Any] | None = None) -> dict[str, Any]:
    return dict(server.ask("replSetGetConfig", login=login or None)["config"])


def four_beats(server: Mongod, members: list[Any], **more: Any) -> list[str]:
    """Check, run, run, check; the steps."""
    foretold = done(replica_set(server, members, check=True, **more))
    steps = done(replica_set(server, members, **more))
    assert steps
    assert foretold == steps
    assert done(replica_set(server, members, **more)) == []
    assert done(replica_set(server, members, check=True, **more)) == []
    return steps


def assert_one_vote_at_a_time(servers: list[Mongod]) -> None:
    """Over all configurations that any server saw: one vote at most comes or goes, and an `_id` stays with its host."""
    configs = configs_over_time(servers)
    hosts: dict[int, str] = {}
    voters: set[int] | None = None
    for config in configs:
        for member in config["members"]:
            assert hosts.setdefault(member["_id"], member["host"]) == member["host"], "an _id was used again"
        now = {member["_id"] for member in config["members"] if member["votes"]}
        assert voters is None or len(voters ^ now) <= 1, configs
        voters = now
