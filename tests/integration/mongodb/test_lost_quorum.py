"""A set without a majority: nothing is done, unless force is given with the names of those that are lost."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from pymongo.write_concern import WriteConcern

from tests.integration.mongodb.changes import WITH_AND_WITHOUT, config_of, done, made, primary_of
from tests.integration.mongodb.mongods import Mongod, Start, identities, on_all, replica_set
from tests.support.full import LONG


def lose(left: list[Mongod], lost: list[Mongod]) -> None:
    """Kill some for good, and wait until the others know that there is no primary."""
    for server in lost:
        server.stop()
    deadline = time.monotonic() + 60
    while any(server.hello().get("primary") for server in left):
        assert time.monotonic() < deadline
        time.sleep(0.1)


@WITH_AND_WITHOUT
def test_force_leaves_the_lost_behind(start: Start, keyfile: Path, authentication: bool) -> None:
    servers, login = made(start, 3, keyfile if authentication else None)
    identity = identities(servers, login or None)
    survivor, lost = servers[0], servers[1:]
    names = [server.address for server in lost]
    lose([survivor], lost)
    without = replica_set(survivor, [survivor], wait_timeout=5, **login)
    assert without["failed"]
    for check in (True, False):
        one_only = replica_set(survivor, [survivor], check=check, force=True, lost_members=names[:1], **login)
        assert names[1] in one_only["msg"]
    assert len(config_of(survivor, login)["members"]) == 3

    forced = {"force": True, "lost_members": names, **login}
    foretold = done(replica_set(survivor, [survivor], check=True, **forced))
    result = replica_set(survivor, [survivor], **forced)
    assert done(result) == foretold != []
    assert "roll" in str(result["warnings"])
    assert primary_of([survivor]) is survivor
    assert done(replica_set(survivor, [survivor], **forced)) == []
    assert done(replica_set(survivor, [survivor], **login)) == []

    # They come back, and into the same set.
    for server in lost:
        server.start()
    done(replica_set(survivor, servers, **login))
    assert identities(servers, login or None) == identity


@WITH_AND_WITHOUT
def test_force_while_the_lost_live(start: Start, keyfile: Path, authentication: bool) -> None:
    servers, login = made(start, 3, keyfile if authentication else None)
    before = config_of(servers[0], login)["version"]
    names = [server.address for server in servers[1:]]
    for check in (True, False):
        refused = replica_set(servers[0], servers[:1], check=check, force=True, lost_members=names, **login)
        assert any(name in refused["msg"] for name in names), refused
    servers[1].stop()
    # One of them lives, and so does the majority.
    refused = replica_set(servers[0], servers[:1], force=True, lost_members=names, **login)
    assert names[1] in refused["msg"]
    assert config_of(servers[0], login)["version"] == before


@LONG
def test_the_newest_survivor_is_taken(start: Start) -> None:
    servers = start(5)
    done(replica_set(servers[0], servers))
    first = primary_of(servers)
    others = [server for server in servers if server is not first]
    stale, fresh, lost = others[0], others[1], [first, *others[2:]]
    stale.ask("fsync", lock=True)
    with first.client() as client:
        client.get_database("traffic", write_concern=None)["numbers"].insert_one({"_id": 1})
    lose([fresh], lost)
    with stale.client() as client:
        client.admin.command("fsyncUnlock")
    names = [server.address for server in lost]
    done(replica_set(stale, [stale, fresh], force=True, lost_members=names))
    new = primary_of([stale, fresh])
    with new.client() as client:
        assert client["traffic"]["numbers"].find_one({"_id": 1})


@LONG
def test_survivors_that_force_at_the_same_time(start: Start) -> None:
    servers = start(5)
    done(replica_set(servers[0], servers))
    with primary_of(servers).client() as client:
        numbers = client.get_database("traffic", write_concern=WriteConcern(w=5))["numbers"]
        numbers.insert_many([{"_id": number} for number in range(100)])
    left, lost = servers[:2], servers[2:]
    lose(left, lost)
    forced: dict[str, Any] = {"force": True, "lost_members": [server.address for server in lost]}
    results = on_all(lambda server: replica_set(server, left, **forced), left)
    steps = [step for result in results for step in done(result)]
    assert len({step for step in steps if step.startswith("force")}) == 1
    assert [(member["host"], member["votes"]) for member in config_of(left[0])["members"]] == [
        (server.address, 1) for server in left
    ]
    with primary_of(left).client() as client:
        assert client["traffic"]["numbers"].count_documents({}) == 100
    assert [done(replica_set(server, left, **forced)) for server in left] == [[], []]
