"""The playbooks as an operator runs them, from an inventory: site, backup, restore, upgrade, remove_mongodb."""

from __future__ import annotations

import json
from typing import Any

from tests.roles.mongodb.harness import OLD_LIBRARY, PASSWORD, REPOSITORY, USER_PASSWORD, Cluster, Run, clients, mongod

PLAYBOOKS = REPOSITORY / "playbooks"
# An app that needs the set. It is not deployed here.
PROFILE = """
description: Has a database
runtime: {name: node}
services: {web: {command: node app, port: 3000, memory_mb: 100}}
routes: [{path: /, service: web}]
stores: {mongodb: {}}
"""


class Landscape:
    """An inventory whose members of MongoDB are real; m4 is only said to be the rest of the cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.site = cluster.folder / "site"
        self.site.mkdir()
        self.profile = cluster.folder / "plain.yml"
        self.profile.write_text(PROFILE)
        self.mongodb: dict[str, Any] = {
            "install": {"method": "binary", "binary": str(mongod("6.0.5"))},
            "settings": cluster.variables["mongodb_settings"],
        }

    def play(self, name: str, *arguments: str, **variables: Any) -> Run:
        cluster = self.cluster
        own = {
            key: cluster.variables[key] for key in ("mongodb_config", "mongodb_quiesce_seconds", "mongodb_wait_timeout")
        }
        settings: dict[str, Any] = {
            **own,
            "webapp_apps": {
                "www": {
                    "profile": str(self.profile),
                    "domains": ["www.example.com"],
                    "source": {"path": str(self.site)},
                }
            },
            "webapp_mongodb": self.mongodb,
            "webapp_secrets": {
                "mongodb_admin_password": PASSWORD,
                "www_mongodb_password": USER_PASSWORD,
                "mongodb_keyfile": cluster.variables["mongodb_keyfile_content"],
            },
            "webapp_firewall": {"enabled": False},
        }
        zones = {"m1": "north", "m2": "south", "m3": "north", "m4": "south"}
        members: dict[str, Any] = {name: {} for name in cluster.members}
        hosts = {
            "all": {
                "vars": {**cluster.inventory, **settings},
                "hosts": {
                    name: {"ansible_host": address, "webapp_zone": zones[name]}
                    for name, address in cluster.addresses.items()
                },
                "children": {
                    "mongodb": {"hosts": members},
                    **{name: {"hosts": {"m4": {}}} for name in ("loadbalancer", "app")},
                },
            }
        }
        inventory = cluster.folder / "landscape.json"
        inventory.write_text(json.dumps(hosts))
        extra = [word for key, value in variables.items() for word in ("-e", json.dumps({key: value}))]
        return cluster.play(PLAYBOOKS / f"{name}.yml", inventory, *extra, *arguments)

    def converge(self) -> Run:
        return self.play("site", "--tags", "mongodb", "--limit", "mongodb")


def test_the_days_of_a_set(cluster: Cluster) -> None:
    landscape = Landscape(cluster)
    made(landscape)
    backed_up_and_restored(landscape)
    upgraded(landscape)
    a_member_leaves(landscape)


def made(landscape: Landscape) -> None:
    cluster = landscape.cluster
    assert landscape.converge().changed() > 0
    assert cluster.whole()
    assert landscape.converge().changed() == 0
    with cluster.client() as client:
        members = client.admin.command("replSetGetConfig")["config"]["members"]
        client.www.documents.insert_many([{"_id": number, "text": "x" * 200} for number in range(5000)])
    assert [member["tags"] for member in members] == [{"zone": "north"}, {"zone": "south"}, {"zone": "north"}]


def contents(cluster: Cluster) -> dict[str, Any]:
    with cluster.client() as client:
        return dict(client.www.command("dbHash")["collections"])


def backed_up_and_restored(landscape: Landscape) -> None:
    cluster = landscape.cluster
    expected = contents(cluster)
    folder = cluster.folder / "fetched"
    with clients(cluster, elections=0):
        done = landscape.play("backup", mongodb_backup_fetch=str(folder))
    assert done.changed() > 0
    (archive,) = folder.glob("*.zst")
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert f"/var/backups/mongodb/{archive.name}, {archive.stat().st_size} bytes" in done.output

    with cluster.client() as client:
        client.www.documents.drop()
        client.www.later.insert_one({"after": "the backup"})
    landscape.play("restore", mongodb_restore_archive=str(archive)).refused("mongodb_restore_confirm=rs0")
    given = {"mongodb_restore_archive": str(archive), "mongodb_restore_confirm": "rs0"}
    assert landscape.play("restore", **given).changed() > 0
    assert contents(cluster) == expected
    assert cluster.whole()
    assert landscape.converge().changed() == 0


def upgraded(landscape: Landscape) -> None:
    cluster = landscape.cluster
    for host in cluster.members:
        cluster.sh(host, OLD_LIBRARY)
    landscape.mongodb["install"]["binary"] = str(mongod("6.0.24"))
    with clients(cluster, elections=1):
        assert landscape.play("upgrade", mongodb_set_fcv=True).changed() > 0
    for host in cluster.members:
        with cluster.client(host) as client:
            assert client.admin.command("buildInfo")["version"] == "6.0.24"
    assert cluster.whole()
    assert landscape.play("upgrade", mongodb_set_fcv=True).changed() == 0


def a_member_leaves(landscape: Landscape) -> None:
    cluster = landscape.cluster
    landscape.play("remove_mongodb", mongodb_former_member="m3").refused("is still a member")
    cluster.members.remove("m3")
    assert landscape.converge().changed() > 0
    assert landscape.play("remove_mongodb", mongodb_former_member="m3", mongodb_remove_data=True).changed() > 0
    assert cluster.sh("m3", "systemctl is-active mongod; ls -d /var/lib/mongodb") == "inactive"
    assert landscape.converge().changed() == 0
