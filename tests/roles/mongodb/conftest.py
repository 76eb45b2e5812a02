"""Hosts for the role mongodb. Needs Docker, and root for a first image."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.roles.mongodb.harness import REPOSITORY, Cluster

IMAGES = {"m1": "debian12", "m2": "debian12", "m3": "debian13", "m4": "debian12"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    found = Cluster(tmp_path_factory.mktemp("mongodb"), "mongotest", "172.31.78", IMAGES)
    created = found.run(REPOSITORY / "testhosts" / "create.yml")
    try:
        assert created.code == 0, created.output
        yield found
    finally:
        found.run(REPOSITORY / "testhosts" / "destroy.yml")
