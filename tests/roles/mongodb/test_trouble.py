"""What is refused before anything is touched, a changed password, and a set that has lost its majority."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from tests.roles.mongodb.harness import PASSWORD, Cluster, until

ENDLESS = 100000


def test_trouble(cluster: Cluster) -> None:
    assert cluster.run().changed() > 0
    with cluster.client() as client:
        client.www.documents.insert_many([{"_id": number} for number in range(1000)])
    other_versions_are_refused(cluster)
    the_password_is_changed(cluster)
    a_lost_majority_is_told_and_left_behind(cluster)


def program(folder: Path, version: str) -> str:
    """What says to be a mongod of this version."""
    path = folder / f"mongod-{version}"
    path.write_text(f"#!/bin/sh\necho 'db version v{version}'\n")
    path.chmod(0o755)
    return str(path)


def other_versions_are_refused(cluster: Cluster) -> None:
    before = cluster.pids()
    for version, said in (("8.0.1", "skips a version"), ("5.0.4", "a downgrade is not done here")):
        given: dict[str, Any] = {
            "mongodb_binary": program(cluster.folder, version),
            "mongodb_config": {"operationProfiling": {"mode": "off"}},
        }
        for arguments in ((), ("--check",)):
            refused = cluster.run("main", *arguments, **given)
            refused.refused(said)
            refused.refused("upgrade playbook")
    assert cluster.pids() == before
    for host in cluster.members:
        found = cluster.sh(
            host, "/usr/local/bin/mongod --version | head -1; ls /usr/local/bin; grep -c Profiling /etc/mongod.conf"
        )
        assert found == "db version v6.0.5\nmongod\n0"
    assert cluster.run().changed() == 0


def the_password_is_changed(cluster: Cluster) -> None:
    new = {"mongodb_admin_password": "another-password"}
    cluster.run(**new).refused("mongodb_admin_password_before")
    both = {**new, "mongodb_admin_password_before": PASSWORD}
    # With a restart in the same run, which logs in to step down.
    changed: dict[str, Any] = {"mongodb_config": {"replication": {"oplogSizeMB": 52}}}
    assert cluster.run("main", "--check", "--diff", **both, **changed).changed() > 0
    assert cluster.whole()
    cluster.kill_at(
        "TASK [scaleout.webapp.mongodb : Make the administrator, or change the password]", **both, **changed
    )
    done = cluster.run("main", "-vvv", "--diff", **both, **changed)
    assert done.code == 0
    assert PASSWORD not in done.output
    assert "another-password" not in done.output
    cluster.variables.update(new, **changed)
    assert cluster.run().changed() == 0
    assert cluster.run(**both).changed() == 0
    assert cluster.whole(password="another-password")


def a_lost_majority_is_told_and_left_behind(cluster: Cluster) -> None:
    login = {"password": "another-password"}
    for host in ("m2", "m3"):
        subprocess.run(["docker", "stop", "--time", "1", f"{cluster.network}-{host}"], check=True, capture_output=True)
    with cluster.client("m1", **login) as client:
        until(lambda: not client.admin.command("hello").get("primary"))
    lost = [f"{cluster.addresses[host]}:27017" for host in ("m2", "m3")]
    # Whoever waited for a primary would wait for a day.
    told = cluster.run(mongodb_wait_timeout=ENDLESS)
    told.refused("no answer from")
    told.refused("force and lost_members")
    for name in lost:
        told.refused(name)

    cluster.members = ["m1"]
    without = cluster.run(mongodb_wait_timeout=ENDLESS)
    without.refused("no majority of its voting members answers")
    without.refused("run this task with force")
    # With a new password, which nobody can set before there is a primary.
    new = {"mongodb_admin_password": "a-third-password", "mongodb_admin_password_before": login["password"]}
    assert cluster.run(mongodb_force=True, mongodb_lost_members=lost, **new).changed() > 0
    login = {"password": "a-third-password"}
    cluster.variables["mongodb_admin_password"] = login["password"]
    assert cluster.whole(**login)
    with cluster.client("m1", **login) as client:
        assert client.www.documents.count_documents({}) == 1000
    assert cluster.run().changed() == 0
