"""Changes of a living set, with a writer and a reader on it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.model import unmarked

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
from tests.integration.mongodb.mongods import ADMIN, QUICK, Start, make_set, replica_set, run_module
from tests.integration.mongodb.traffic import DIES


@WITH_AND_WITHOUT
def test_the_primary_dies_meanwhile(start: Start, keyfile: Path, traffic: TrafficOn, authentication: bool) -> None:
    servers = start(4, keyfile=keyfile if authentication else None)
    login = ADMIN if authentication else {}
    make_set(servers, [{"host": servers[0].address, "priority": 5}, *servers[1:3]], login)
    killed = threading.Event()

    def kill() -> None:
        """When the newcomer is in the configuration."""
        while not killed.wait(0.05):
            if servers[3].address in str(servers[1].hello()["hosts"] + servers[1].hello().get("passives", [])):
                servers[0].stop()
                killed.set()

    thread = threading.Thread(target=kill)
    with traffic(servers[1:3], login, elections=DIES):
        thread.start()
        result = replica_set(servers[3], servers, **login)
        thread.join()
        if result.get("failed"):
            assert servers[0].address in result["msg"], result
        servers[0].start()
        done(replica_set(servers[3], servers, **login))
    assert done(replica_set(servers[2], servers, check=True, **login)) == []
    assert_one_vote_at_a_time(servers)


@WITH_AND_WITHOUT
def test_hidden_delayed_and_tagged_members(
    start: Start, keyfile: Path, traffic: TrafficOn, authentication: bool
) -> None:
    servers, login = made(start, 4, keyfile if authentication else None)
    first, second, third, fourth = (server.address for server in servers)
    members: list[Any] = [
        {"host": first, "tags": {"zone": "a"}},
        {"host": second, "tags": {"zone": "b"}},
        third,
        {"host": fourth, "hidden": True, "priority": 0, "votes": 0, "secondary_delay_secs": 5},
    ]
    with traffic(servers[:3], login):
        four_beats(servers[0], members, **login)
        members[3] = {"host": fourth, "hidden": False, "secondary_delay_secs": 0, "tags": {"zone": "c"}}
        four_beats(servers[3], members, **login)
        drift = {**QUICK, "chainingAllowed": "False", "catchUpTimeoutMillis": 30000}
        four_beats(servers[0], members, settings=drift, **login)
    config = config_of(servers[0], login)
    tags = [unmarked(member["tags"]) for member in config["members"]]
    assert tags == [{"zone": "a"}, {"zone": "b"}, {}, {"zone": "c"}]
    assert config["settings"]["chainingAllowed"] is False


def test_step_down(start: Start, traffic: TrafficOn) -> None:
    servers, _login = made(start, 3)
    with traffic(servers):
        # Who stepped down stands aside for a while, so two of three may do so.
        for _round in range(2):
            old = primary_of(servers)
            result = run_module("mongodb_stepdown", {"login_port": old.port, "stepdown_secs": 12})
            assert result["changed"], result
