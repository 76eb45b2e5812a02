# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of a converged cluster share. README.md says which variables they read."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP))

from tests.cluster.cluster import ON_HOST, Cluster, Members, Site, read_hosts, value_of
from tests.cluster.load import Load


def setting(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise pytest.UsageError(f"{name} is not set; tests/cluster/README.md says what it names")
    absent = [path for path in value.split(",") if not Path(path).exists()]
    if absent:
        raise pytest.UsageError(f"{name}={value}: no such file: {absent}")
    return value


@pytest.fixture(scope="session")
def plan() -> dict[str, Any]:
    return dict(json.loads(Path(setting("SCALEOUT_PLAN")).read_text()))


# A rotation changes them.
@pytest.fixture(scope="module")
def secrets(cluster: Cluster) -> dict[str, str]:
    return cluster.secrets()


@pytest.fixture(scope="session")
def cluster(plan: dict[str, Any]) -> Cluster:
    hosts = read_hosts(setting("SCALEOUT_INVENTORY"), os.environ.get("SCALEOUT_HOST_PREFIX"))
    named = {name: hosts[name] for name in plan["hosts"]}
    return Cluster(plan, named, os.environ.get("SCALEOUT_VIP") or f"http://{plan['vip']['address']}/")


@pytest.fixture(scope="module")
def ask_members(cluster: Cluster, secrets: dict[str, str]) -> Members:
    """Asks every member of the replica set who it is, and whom it lets in."""
    mongodb = cluster.plan["mongodb"]
    user = mongodb["users"][0]

    def ask() -> dict[str, dict[str, Any]]:
        answers = {}
        for member in mongodb["members"]:
            address, port = member["host"].rsplit(":", 1)
            host = next(host for host in cluster.hosts.values() if host.address == address)
            data = {
                "address": address,
                "port": int(port),
                "user": user["name"],
                "database": user["database"],
                "password": value_of(user["password"], secrets),
            }
            answers[member["host"]] = host.python(ON_HOST / "mongodb.py", data)
        return answers

    return ask


@pytest.fixture(scope="module")
def password(secrets: dict[str, str]) -> str:
    return secrets["www_admin_password"]


@pytest.fixture
def visitor(cluster: Cluster) -> Site:
    return Site(cluster.vip_url)


@pytest.fixture
def load(visitor: Site, password: str) -> Iterator[Load]:
    load = Load(visitor, password)
    yield load
    load.clean()


@pytest.fixture
def admin(cluster: Cluster, password: str) -> Site:
    return Site(cluster.vip_url).login("admin", password)


@pytest.fixture(scope="module")
def direct(cluster: Cluster) -> Iterator[dict[str, str]]:
    """A URL for each process of the site, asked past the balancers but as a balancer asks it."""
    targets = {instance.name: (instance.address, instance.port) for instance in cluster.instances}
    with cluster.balancers[0].forwards(targets) as urls:
        yield urls


@pytest.fixture(scope="session")
def output() -> Path:
    folder = TOP / "tests" / "output"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def record(request: pytest.FixtureRequest, output: Path) -> Callable[[dict[str, Any]], None]:
    """Keep a test's figures in tests/output/cluster.json, under the test's name."""

    def keep(figures: dict[str, Any]) -> None:
        path = output / "cluster.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**known, request.node.name: figures}, indent=2) + "\n")
        print(json.dumps(figures))

    return keep
