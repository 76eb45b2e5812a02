"""A replica set through its days: made, restarted, killed runs taken up, members added and taken away."""

from __future__ import annotations

from tests.roles.mongodb.harness import PASSWORD, USER_PASSWORD, Cluster, clients


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
    cluster.variables["mongodb_config"] = {"replication": {"oplogSizeMB": 51}}
    assert cluster.run("main", "--check", "--diff").changed() > 0
    assert cluster.pids() == before
    with clients(cluster, elections=1):
        assert cluster.run().changed() > 0
    assert not set(before) & set(cluster.pids())
    assert cluster.whole()
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
    refused = cluster.run("remove", on="m4")
    refused.refused("mongod on m4 is still a member of a replica set (secondary)")
    cluster.members.remove("m4")
    with clients(cluster, elections=0):
        assert cluster.run().changed() > 0
    assert cluster.whole()
    assert cluster.sh("m4", "systemctl is-active mongod") == "active"

    assert cluster.run("remove", "--check", on="m4").changed() > 0
    assert cluster.sh("m4", "systemctl is-active mongod") == "active"
    assert cluster.run("remove", on="m4").changed() > 0
    assert cluster.sh("m4", "systemctl is-active mongod; ls /etc/mongod.key; ls -d /var/lib/mongodb") == (
        "inactive\n/var/lib/mongodb"
    )
    assert cluster.run("remove", on="m4").changed() == 0
    assert cluster.run("remove", on="m4", mongodb_remove_data=True).changed() > 0
    assert cluster.sh("m4", "ls -d /var/lib/mongodb /var/log/mongodb") == ""
