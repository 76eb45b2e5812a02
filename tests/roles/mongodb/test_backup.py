"""A backup is data again: in its own set, in one with other hosts, and after runs that were killed."""

from __future__ import annotations

import json
from typing import Any

from tests.roles.mongodb.harness import Cluster, clients, until

LOCKED = "fsyncLock"


def test_backup_and_restore(cluster: Cluster) -> None:
    assert cluster.run().changed() > 0
    with cluster.client() as client:
        client.www.documents.insert_many([{"_id": number, "text": "x" * 200} for number in range(20000)])
    backups_that_were_killed_leave_no_lock(cluster)
    expected = contents(cluster)
    archive = backed_up(cluster)
    refused(cluster, archive)
    restored(cluster, archive, expected)
    data_that_was_put_aside_is_kept(cluster, archive)
    killed_restores_are_finished(cluster, archive, expected)
    restored_to_other_hosts(cluster, expected)


def contents(cluster: Cluster) -> dict[str, Any]:
    with cluster.client() as client:
        return dict(client.www.command("dbHash")["collections"])


def archives(cluster: Cluster) -> list[str]:
    found = [cluster.sh(host, "ls /var/backups/mongodb/") for host in cluster.members]
    return sorted(name for names in found for name in names.split() if name.endswith(".zst"))


def locked(cluster: Cluster) -> list[str]:
    names = []
    for host in cluster.members:
        with cluster.client(host) as client:
            if client.admin.command("currentOp").get(LOCKED):
                names.append(host)
    return names


def backups_that_were_killed_leave_no_lock(cluster: Cluster) -> None:
    # On the host as well: the module itself dies.
    slow = "#!/bin/sh\nsleep 300\n"
    cluster.sh("m3", f"apt-get install -y zstd; printf '{slow}' >/usr/local/bin/zstd; chmod 755 /usr/local/bin/zstd")
    cluster.kill_at("TASK [scaleout.webapp.mongodb : Back up the member]", what="backup")
    until(lambda: locked(cluster) == ["m3"])
    cluster.sh("m3", "kill -9 $(ps -o ppid= -C zstd); pkill zstd; rm /usr/local/bin/zstd")
    until(lambda: locked(cluster) == [])


def backed_up(cluster: Cluster) -> str:
    assert cluster.run("backup", "--check").changed() > 0
    assert archives(cluster) == []
    folder = cluster.folder / "fetched"
    with clients(cluster, elections=0):
        assert cluster.run("backup", mongodb_backup_fetch=str(folder)).changed() > 0
    assert locked(cluster) == []
    (archive,) = archives(cluster)
    assert (folder / archive).stat().st_mode & 0o777 == 0o600
    assert json.loads((folder / f"{archive}.json").read_text())["version"] == "6.0.5"
    assert cluster.run("backup", mongodb_backup_keep=1).code == 0
    assert len(archives(cluster)) == 1
    return str(folder / archive)


def refused(cluster: Cluster, archive: str) -> None:
    cluster.run("restore", mongodb_restore_archive=archive).refused("mongodb_restore_confirm=rs0")
    cluster.run("restore", mongodb_restore_archive="/none").refused("must be a file on the controller")
    damaged = cluster.folder / "damaged.tar.zst"
    damaged.write_bytes(b"x" + cluster.folder.joinpath(archive).read_bytes())
    manifest = cluster.folder.joinpath(f"{archive}.json").read_text()
    damaged.with_name("damaged.tar.zst.json").write_text(manifest)
    given = {"mongodb_restore_archive": str(damaged), "mongodb_restore_confirm": "rs0"}
    cluster.run("restore", **given).refused("it is damaged")
    damaged.write_bytes(cluster.folder.joinpath(archive).read_bytes())
    damaged.with_name("damaged.tar.zst.json").write_text(manifest.replace('version": "6.0"', 'version": "4.4"'))
    cluster.run("restore", **given).refused("install a mongod 4.4 or 5.0 first")
    assert cluster.whole()


def spoil(cluster: Cluster) -> None:
    with cluster.client() as client:
        client.www.documents.drop()
        client.www.later.insert_one({"after": "the backup"})


def restored(cluster: Cluster, archive: str, expected: dict[str, Any]) -> None:
    spoil(cluster)
    given = {"mongodb_restore_archive": archive, "mongodb_restore_confirm": "rs0"}
    assert cluster.run("restore", "--check", **given).code == 0
    assert contents(cluster) != expected
    assert cluster.run("restore", **given).changed() > 0
    assert contents(cluster) == expected
    assert cluster.whole()
    assert cluster.sh("m1", "ls -d /var/lib/mongodb.*") == ""
    assert cluster.run().changed() == 0


def data_that_was_put_aside_is_kept(cluster: Cluster, archive: str) -> None:
    given = {"mongodb_restore_archive": archive, "mongodb_restore_confirm": "rs0"}
    aside = "/var/lib/mongodb.replaced"
    cluster.sh("m2", f"mkdir {aside}; touch {aside}/precious")
    cluster.run("restore", **given).refused("no restore is known to have put it there")
    assert cluster.whole()
    other = json.dumps({"archive": "another.tar.zst", "source": "m1", "phase": "begun"})
    cluster.sh("m2", f"echo '{other}' >/var/lib/mongodb.restoring")
    cluster.run("restore", **given).refused("mongodb_restore_archive=another.tar.zst")
    cluster.run().refused("A restore of another.tar.zst has not come to its end on m2")
    assert cluster.whole()
    assert cluster.sh("m2", f"ls {aside}") == "precious"
    cluster.sh("m2", f"rm -r {aside} /var/lib/mongodb.restoring")


def killed_restores_are_finished(cluster: Cluster, archive: str, expected: dict[str, Any]) -> None:
    given = {"mongodb_restore_archive": archive, "mongodb_restore_confirm": "rs0"}
    spoil(cluster)
    for task in (
        "Make data of the archive, beside",
        "Put the data of before aside",
        "Put the data of the backup in place",
    ):
        cluster.kill_at(f"TASK [scaleout.webapp.mongodb : {task}", what="restore", **given)
    cluster.run().refused("has not come to its end")
    assert cluster.run("restore", **given).code == 0
    assert contents(cluster) == expected
    assert cluster.whole()

    # What was written since the set was made of it stays.
    spoil(cluster)
    cluster.kill_at("TASK [scaleout.webapp.mongodb : Ask the running member", what="restore", **given)
    with cluster.client() as client:
        client.www.since.insert_one({"after": "the exchange"})
    assert cluster.run("restore", **given).code == 0
    since = contents(cluster)
    assert since.pop("since")
    assert since == expected
    assert cluster.sh("m1", "ls -d /var/lib/mongodb.*") == ""
    with cluster.client() as client:
        client.www.since.drop()


def restored_to_other_hosts(cluster: Cluster, expected: dict[str, Any]) -> None:
    archive = next((cluster.folder / "fetched").glob("*.zst"))
    cluster.members = ["m4"]
    password = {"mongodb_admin_password": "another-password"}
    assert cluster.run("main", mongodb_replica_set="rs9", **password).code == 0
    given = {"mongodb_restore_archive": str(archive), "mongodb_restore_confirm": "rs9"}
    assert cluster.run("restore", mongodb_replica_set="rs9", **given, **password).code == 0
    with cluster.client("m4", password="another-password") as client:
        assert dict(client.www.command("dbHash")["collections"]) == expected
        assert client.admin.command("hello")["hosts"] == [f"{cluster.addresses['m4']}:27017"]
