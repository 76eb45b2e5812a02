"""From one version to the next, and from no TLS to nothing else, with clients at work."""

from __future__ import annotations

from typing import Any

from tests.roles.mongodb.certificates import Authority
from tests.roles.mongodb.harness import OLD_LIBRARY, Cluster, clients, mongod


def test_upgrade_then_tls(cluster: Cluster) -> None:
    for host in cluster.members:
        cluster.sh(host, OLD_LIBRARY)
    upgraded(cluster)
    encrypted(cluster)


def version(cluster: Cluster) -> tuple[set[str], str]:
    running = set()
    for host in cluster.members:
        with cluster.client(host) as client:
            running.add(client.admin.command("buildInfo")["version"])
    with cluster.client() as client:
        known = client.admin.command("getParameter", 1, featureCompatibilityVersion=1)
    return running, known["featureCompatibilityVersion"]["version"]


def upgraded(cluster: Cluster) -> None:
    cluster.variables["mongodb_binary"] = str(mongod("5.0.4"))
    assert cluster.run().code == 0
    assert version(cluster) == ({"5.0.4"}, "5.0")

    cluster.variables["mongodb_binary"] = str(mongod("6.0.5"))
    assert cluster.run("upgrade", "--check").code == 0
    assert version(cluster) == ({"5.0.4"}, "5.0")
    with clients(cluster, elections=1):
        assert cluster.run("upgrade").changed() > 0
    assert version(cluster) == ({"6.0.5"}, "5.0")

    cluster.run("upgrade", mongodb_binary=str(mongod("5.0.4"))).refused("a downgrade is not done here")
    assert version(cluster) == ({"6.0.5"}, "5.0")

    cluster.variables["mongodb_binary"] = str(mongod("6.0.24"))
    with clients(cluster, elections=1):
        assert cluster.run("upgrade", mongodb_set_fcv=True).changed() > 0
    assert version(cluster) == ({"6.0.24"}, "6.0")
    assert cluster.run("upgrade", mongodb_set_fcv=True).changed() == 0


def encrypted(cluster: Cluster) -> None:
    folder = cluster.folder / "tls"
    folder.mkdir()
    authority = Authority(folder)
    cluster.variables["mongodb_tls_ca_content"] = authority.ca.read_text()
    cluster.variables["certificates"] = {
        name: authority.certificate(address) for name, address in cluster.addresses.items()
    }
    cluster.inventory["mongodb_tls_certificate_content"] = "{{ certificates[inventory_hostname] }}"
    over_tls: dict[str, Any] = {"tls": True, "tlsCAFile": str(authority.ca)}

    cluster.variables["mongodb_tls_mode"] = "preferTLS"
    assert cluster.run("main", "--check", "--diff").changed() > 0
    cluster.run("main", "--limit", "m1").refused("all members change it in one run")
    # Two restarts of each, over allowTLS.
    with clients(cluster, elections=2):
        done = cluster.run("main", "--diff")
    assert done.changed() > 0
    assert "PRIVATE KEY" not in done.output

    cluster.variables["mongodb_tls_mode"] = "requireTLS"
    with clients(cluster, elections=1, **over_tls):
        cluster.kill_at("TASK [scaleout.webapp.mongodb : Restart mongod]")
        assert cluster.run().code == 0
    assert cluster.whole(**over_tls)
    assert cluster.run().changed() == 0
    assert cluster.run("backup").changed() > 0

    cluster.variables["mongodb_tls_mode"] = "disabled"
    assert cluster.run().changed() > 0
    assert cluster.whole()
