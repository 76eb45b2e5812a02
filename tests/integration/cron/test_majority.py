# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A take counts when the majority has it: one that the primary alone has heard of is undone after its death."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo.read_concern import ReadConcern

from tests.integration.cron.guards import TABLE, Node, wait_until
from tests.integration.mongodb.mongods import Mongod, mongod_program
from tests.support.full import LONG
from tests.support.playbook import kill

pytestmark = LONG


@pytest.fixture
def members(tmp_path: Path) -> Iterator[list[Mongod]]:
    made = [Mongod(mongod_program(), tmp_path / f"member{at}") for at in range(3)]
    try:
        for server in made:
            server.start()
        hosts = [{"_id": at, "host": f"127.0.0.1:{server.port}"} for at, server in enumerate(made)]
        made[0].ask("replSetInitiate", {"_id": "rs0", "members": hosts})
        wait_until(lambda: healthy(made), "the set has no primary and two secondaries")
        yield made
    finally:
        for server in made:
            server.stop()


def healthy(servers: list[Mongod]) -> bool:
    hellos = [server.hello() for server in servers]
    return sorted((hello["isWritablePrimary"], hello["secondary"]) for hello in hellos) == [
        (False, True),
        (False, True),
        (True, False),
    ]


def kept(server: Mongod, key: str) -> dict[str, Any] | None:
    """What this member has, whatever the others know."""
    with server.client() as client:
        found: dict[str, Any] | None = client.cron.get_collection(TABLE, read_concern=ReadConcern("local")).find_one(
            key
        )
        return found


def test_what_only_a_primary_that_dies_has_heard_is_started_once(members: list[Mongod], tmp_path: Path) -> None:
    url = f"mongodb://{','.join(f'127.0.0.1:{server.port}' for server in members)}/cron?replicaSet=rs0"
    now = time.time()
    before, fire = (time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime(now - 60 * ago)) for ago in (31, 30))
    marks = tmp_path / "marks"
    nodes = [Node(f"app{at}", tmp_path, url) for at in range(2)]
    first, second = (node.settings("job", f"echo $SCALEOUT_FIRE >> {marks}", store_wait=60) for node in nodes)
    assert nodes[0].run("run", str(first), "--fire", before)[0] == 0
    [primary] = [server for server in members if server.hello()["isWritablePrimary"]]
    others = [server for server in members if server is not primary]
    for server in others:
        assert server.process
        server.process.send_signal(signal.SIGSTOP)
    guards = []
    try:
        guards.append(nodes[0].start("run", str(first), "--fire", fire))
        wait_until(lambda: kept(primary, f"test/job/{fire}") is not None, "the primary did not hear of it")
        time.sleep(2)
        assert kept(primary, f"test/job/{fire}")["state"] == "taken"  # type: ignore[index]
        primary.stop()
        for server in others:
            assert server.process
            server.process.send_signal(signal.SIGCONT)
        guards.append(nodes[1].start("run", str(second), "--fire", fire))
        assert [guard.wait(timeout=120) for guard in guards] == [0, 0]
    finally:
        for guard in guards:
            kill(guard)
    assert marks.read_text().split() == [before, fire]
    # What it had heard alone is undone when it is back.
    primary.start()
    wait_until(lambda: healthy(members), "the member did not come back")
    wait_until(lambda: kept(primary, f"test/job/{fire}") == kept(others[0], f"test/job/{fire}"), "it kept its own")
    assert marks.read_text().split() == [before, fire]
    assert [(run["fire"], run["state"]) for run in nodes[1].history(second)] == [
        (before, "finished"),
        (fire, "finished"),
    ]
