from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.mongodb.mongods import Mongod, Start, mongod_program


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

    def start_some(count: int, replica_set: str = "rs0", keyfile: Path | None = None) -> list[Mongod]:
        new = [Mongod(program, tmp_path / f"m{len(servers) + number}", replica_set, keyfile) for number in range(count)]
        servers.extend(new)
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(Mongod.start, new))
        return new

    yield start_some
    for server in servers:
        server.stop()
