"""A replica set through its days: made, restarted, killed runs taken up, members added and taken away."""

from __future__ import annotations

from typing import Any

from tests.roles.mongodb.harness import PASSWORD, USER_PASSWORD, Cluster, clients, until

# What a member notes that was asked to step down, and when systemd started it: all hosts share one clock.
STEPPED_DOWN = "'response to replSetStepDown command'"
STARTED = "systemctl show mongod --property=ExecMainStartTimestampMonotonic --value"


def test_life_of_a_set(cluster: Cluster) -> None:
    made(cluster)
    restarted_one_after_the_other(cluster)
    killed_restarts_are_finished(cluster)
    one_broken_member_stops_the_restarts(cluster)
    a_member_is_added(cluster)
    a_member_is_taken_away(cluster)


def made(cluster: Cluster) -> None:
    dry = cluster.run("main", "--check", "--diff")
    assert dry.changed() > 0
    assert cluster.sh("m1", "ls /var/lib/mongodb /etc/mongod.conf") == ""
    done = cluster.run("main", "-vvv", "--diff")
    assert done.changed() > 0
    assert cluster.whole()
    for secret in (PASSWORD, USER_PASSWORD, cluster.variables["mongodb_keyfile_content"]):
        assert secret not in dry.output + done.output
    assert cluster.run().changed() == 0
    assert cluster.run("main", "--check", "--diff").changed() == 0


def restarted_one_after_the_other(cluster: Cluster) -> None:
    before = cluster.pids()
    primary = cluster.primary()
    cluster.variables["mongodb_config"] = {"replication": {"oplogSizeMB": 51}}
    assert cluster.run("main", "--check", "--diff").changed() > 0
    assert cluster.pids() == before
    with clients(cluster, elections=1):
        assert cluster.run().changed() > 0
    assert not set(before) & set(cluster.pids())
    assert cluster.whole()
    deposed = [
        host
        for host in cluster.members
        if cluster.sh(host, f"grep -c {STEPPED_DOWN} /var/log/mongodb/mongod.log") != "0"
    ]
    assert deposed == [primary]
    assert max(cluster.members, key=lambda host: int(cluster.sh(host, STARTED))) == primary
    assert cluster.run().changed() == 0


def killed_restarts_are_finished(cluster: Cluster) -> None:
    before = cluster.pids()
    with clients(cluster, elections=2):
        cluster.kill_at("TASK [scaleout.webapp.mongodb : Restart mongod]", mongodb_quiesce_seconds=2)
        cluster.variables["mongodb_quiesce_seconds"] = 2
        assert cluster.run().code == 0
    assert not set(before) & set(cluster.pids())
    assert cluster.whole()
    assert cluster.run().changed() == 0


def one_broken_member_stops_the_restarts(cluster: Cluster) -> None:
    before = cluster.pids()
    with clients(cluster, elections=0):
        failed = cluster.run(mongodb_config={"storage": {"directoryPerDB": True}}, mongodb_wait_timeout=40)
    failed.refused("mongod does not stay up")
    assert len(set(before) & set(cluster.pids())) == 2
    assert cluster.run().code == 0
    assert cluster.whole()


def a_member_is_added(cluster: Cluster) -> None:
    before = cluster.pids()
    cluster.members.append("m4")
    with clients(cluster, elections=0):
        assert cluster.run().changed() > 0
    assert cluster.pids()[:3] == before
    assert cluster.whole()
    assert cluster.run().changed() == 0


def a_member_is_taken_away(cluster: Cluster) -> None:
    asked: dict[str, Any] = {"on": "m4", "mongodb_remaining_hosts": ["m1", "m2", "m3"]}
    refused = cluster.run("remove", **asked)
    refused.refused("mongod on m4 is still a member of a replica set (secondary)")
    # It does not answer, and is a member all the same.
    cluster.sh("m4", "systemctl stop mongod")
    cluster.run("remove", on="m4", mongodb_remove_data=True).refused("Give mongodb_remaining_hosts")
    cluster.run("remove", **asked, mongodb_remove_data=True).refused(f"the set lists {cluster.addresses['m4']}:27017")
    # Nor is one host's word enough.
    few = {**asked, "mongodb_remaining_hosts": ["m1"]}
    assert cluster.sh("m4", "ls /var/lib/mongodb/WiredTiger /etc/mongod.key").count("\n") == 1

    cluster.members.remove("m4")
    with clients(cluster, elections=0):
        assert cluster.run().changed() > 0
    assert cluster.whole()
    cluster.run("remove", **few).refused("1 of 3 answer")

    cluster.sh("m4", "systemctl start mongod")
    with cluster.client("m4") as client:
        until(lambda: not client.admin.command("hello").get("setName"))
    # As tls_files.yml writes it, and an interrupted restore leaves it.
    asked["mongodb_tls_certificate_content"] = "the private key of m4"
    cluster.sh("m4", "touch /etc/mongod.pem /var/lib/mongodb.restoring")
    cluster.sh("m4", "cp -r /var/lib/mongodb /var/lib/mongodb.replaced")
    assert cluster.run("remove", "--check", **asked).changed() > 0
    assert cluster.sh("m4", "systemctl is-active mongod") == "active"
    assert cluster.run("remove", **asked).changed() > 0
    assert cluster.sh("m4", "systemctl is-active mongod") == "inactive"
    assert cluster.sh("m4", "ls -d /etc/mongod.key /etc/mongod.pem /var/lib/mongodb") == "/var/lib/mongodb"
    assert cluster.run("remove", **asked).changed() == 0
    assert cluster.run("remove", **asked, mongodb_remove_data=True).changed() > 0
    assert cluster.sh("m4", "ls -d /var/lib/mongodb* /var/log/mongodb") == ""
