# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stores for guards, once for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cron.guards import MariaServer, MongoSet, Node, PostgresServer, RedisServer
from tests.support.full import LONG


@pytest.fixture(scope="session")
def mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoSet]:
    made = MongoSet(tmp_path_factory.mktemp("cron-mongo"))
    yield made
    made.stop()


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    made = RedisServer(tmp_path_factory.mktemp("cron-redis") / "store")
    yield made
    made.stop()


@pytest.fixture(params=["mongo", pytest.param("redis", marks=LONG)])
def store(request: pytest.FixtureRequest) -> MongoSet | RedisServer:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def maria(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaServer]:
    made = MariaServer(tmp_path_factory.mktemp("cron-maria"))
    yield made
    made.stop()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    made = PostgresServer(tmp_path_factory.mktemp("cron-postgres"))
    yield made
    made.stop()


# The servers of SQL are installed for the full run only.
@pytest.fixture(params=["mongo", "redis", pytest.param("maria", marks=LONG), pytest.param("postgres", marks=LONG)])
def hosts_of_any(request: pytest.FixtureRequest, tmp_path: Path) -> list[Node]:
    url = request.getfixturevalue(request.param).url
    return [Node(f"app{at}", tmp_path, url) for at in range(3)]


@pytest.fixture
def nodes(store: MongoSet | RedisServer, tmp_path: Path) -> list[Node]:
    return [Node(f"app{at}", tmp_path, store.url, skew) for at, skew in enumerate((0, 90, -90))]
