from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.mongodb.mongods import Mongod, Start, mongod_program
from tests.integration.mongodb.traffic import HANDED_OVER, Traffic, traffic_on


@pytest.fixture(scope="session")
def program() -> str:
    return mongod_program()


@pytest.fixture
def keyfile(tmp_path: Path) -> Path:
    path = tmp_path / "keyfile"
    path.write_text("only for these tests")
    path.chmod(0o400)
    return path


@pytest.fixture
def start(program: str, tmp_path: Path) -> Iterator[Start]:
    """Starts servers; all are gone after the test."""
    servers: list[Mongod] = []

    def start_some(count: int, replica_set: str = "rs0", **more: Any) -> list[Mongod]:
        folders = [tmp_path / f"m{len(servers) + number}" for number in range(count)]
        new = [Mongod(program, folder, replica_set, **more) for folder in folders]
        servers.extend(new)
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(Mongod.start, new))
        return new

    yield start_some
    for server in servers:
        server.stop()
        # Each is some hundred megabytes, and pytest keeps the folders of several runs; the logs stay.
        shutil.rmtree(server.folder / "data", ignore_errors=True)


@pytest.fixture
def traffic(record_property: Callable[[str, Any], None]) -> Callable[..., AbstractContextManager[Traffic]]:
    """A writer and a reader for the time of a change; what they saw stands in the report of the tests."""

    @contextmanager
    def run(
        servers: list[Mongod], login: dict[str, Any] | None = None, elections: float = HANDED_OVER
    ) -> Iterator[Traffic]:
        with traffic_on(servers, login or {}, elections) as running:
            yield running
        for name, value in running.figures().items():
            record_property(name, value)

    return run
