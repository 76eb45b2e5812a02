# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The containers of docs/profiles/steedos.md, its inventory and its drop-in, on hosts with an engine inside.

Only the image is another: made on the hosts from their Python, so that no registry is needed. Needs Docker, and root
for a first image.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support import steedos_page
from tests.support.secrets import shown
from tests.support.small_cluster import CACHE, SmallCluster
from tests.support.traffic import Report, Request, Traffic

SERVER = Path(__file__).parent / "server.py"
IMAGES = {"h1": "debian12", "h2": "debian13"}
# Of 20.10 and 26.
ENGINES = {"debian12": "docker.io", "debian13": "docker.io docker-cli"}
INSTALL = (
    "DEBIAN_FRONTEND=noninteractive apt-get -qy -o Dpkg::Options::=--force-confold install --no-install-recommends"
)
PORTS = (5100, 5101)
PLACES = [(host, port) for host in IMAGES for port in PORTS]
GIVEN = {"erp_license": token_hex(16), "erp_s3_secret": token_hex(16)}
VISITS = [Request("GET", "/", {"Host": "erp.test"})]
# What Python needs of a Debian, with the server.
ROOT = "bin lib lib64 usr/lib64 usr/bin/python3* usr/lib/python3* usr/lib/x86_64-linux-gnu srv/server.py"


class Cluster(SmallCluster):
    """h1 is balancer, database and app host, h2 an app host only."""

    def sh(self, host: str, command: str) -> str:
        return self.over_ssh(host, command, subprocess.PIPE).stdout.strip()

    def succeed(self, host: str, command: str, timeout: float = 60) -> str:
        done = self.over_ssh(host, command, subprocess.STDOUT, timeout)
        assert done.returncode == 0, f"{host}: {command}: {done.stdout}"
        return done.stdout.strip()

    def over_ssh(self, host: str, command: str, errors: int, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Not by `docker exec`: the engine inside turns on cgroup controllers, and then a host takes no process so."""
        options = ["-i", f"{CACHE}/ssh/id_ed25519", "-o", f"UserKnownHostsFile={CACHE}/ssh/known_hosts.{self.network}"]
        return subprocess.run(
            ["ssh", *options, f"root@{self.addresses[host]}", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            timeout=timeout,
            check=False,
        )

    def make_image(self, host: str, image: str) -> None:
        """One that tells its own name."""
        subprocess.run(["docker", "cp", str(SERVER), f"{self.network}-{host}:/srv/server.py"], check=True)
        start = """-c 'CMD ["/usr/bin/python3", "/srv/server.py"]'"""
        self.succeed(host, f"cd / && tar -c {ROOT} | docker import -c 'ENV IMAGE={image}' {start} - {image}", 250)

    def ask(self, host: str, port: int) -> dict[str, Any] | None:
        try:
            with urllib.request.urlopen(f"http://{self.addresses[host]}:{port}/", timeout=5) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except (OSError, http.client.HTTPException):
            return None

    def tell(self, key: str) -> list[Any]:
        """The same thing of all containers."""
        return [(self.ask(*place) or {}).get(key) for place in PLACES]

    def client(self, host: str, port: int) -> str:
        """The process that systemd runs."""
        return self.sh(host, f"systemctl show --value --property=MainPID erp-web@{port}")

    def containers(self, host: str) -> list[str]:
        return sorted(self.succeed(host, "docker ps --all --format '{{.Names}}'").split())

    def comes_back(self, host: str, port: int, kill: str) -> None:
        """Another container answers after this command."""
        before = self.ask(host, port)
        assert before is not None
        self.succeed(host, kill)
        self.wait_until(lambda: (self.ask(host, port) or before)["container"] != before["container"], kill)
        self.wait_until(lambda: self.containers(host) == [f"erp-{port}" for port in PORTS], kill)

    @staticmethod
    def wait_until(what: Callable[[], bool], after: str) -> None:
        for _try in range(300):
            if what():
                return
            time.sleep(0.2)
        pytest.fail(f"nothing came after {after}")

    def visits(self) -> Traffic:
        return Traffic(f"http://{self.addresses['h1']}/", VISITS, workers=4, count=200_000, seconds=3600, pause=0.05)

    @contextmanager
    def watched(self) -> Iterator[list[int]]:
        """Notes again and again how many containers answer."""
        counts: list[int] = []
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.05):
                counts.append(len(PLACES) - self.tell("image").count(None))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield counts
        finally:
            done.set()
            watcher.join()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("containers")
    found = Cluster(folder, "containers", "172.31.72", IMAGES)
    found.groups = {"loadbalancer": ["h1"], "app": ["h1", "h2"], "mongodb": ["h1"]}
    found.variables = {
        "testhost_volumes": ["containers-{{ inventory_hostname }}:/var/lib/docker"],
        "webapp_mongodb": {"install": {"method": "binary", "binary": str(CACHE / "mongodb/6.0.5/bin/mongod")}},
        "webapp_secrets": GIVEN,
        "webapp_firewall": steedos_page.firewall(),
    }
    (folder / "erp").mkdir()
    (folder / "erp" / "metadata.yml").write_text("name: erp\n")
    _release, found.apps = steedos_page.examples()
    found.apps["erp"].update(domains=["erp.test"], source={"path": str(folder / "erp")})
    with found.up():
        for host in IMAGES:
            prepare(found, host)
        yield found


def prepare(cluster: Cluster, host: str) -> None:
    """What the page leaves to its reader: an engine, the image, the drop-in."""
    # The sysctls of a test host are read-only, which this engine of 26 takes for a failure.
    cluster.succeed(host, "echo DOCKER_ALLOW_IPV6_ON_IPV4_INTERFACE=1 >/etc/default/docker")
    cluster.succeed(host, f"apt-get -q update && {INSTALL} {ENGINES[IMAGES[host]]}", 600)
    cluster.make_image(host, image_of(cluster))
    folder = "/etc/systemd/system/erp-web@.service.d"
    cluster.succeed(host, f"mkdir -p {folder} && cat >{folder}/docker.conf <<'E'\n{steedos_page.drop_in()}E")


def image_of(cluster: Cluster) -> str:
    command: str = cluster.apps["erp"]["services"]["web"]["command"]
    return command.rpartition(" ")[2]


def judge(what: str, report: Report) -> None:
    print(f"\n{what}\n{report.text()}")
    assert report.failed == []


def test_life_of_containers(cluster: Cluster) -> None:
    all_answer(cluster)
    no_command_line_has_a_secret(cluster)
    only_balancers_reach_what_is_closed(cluster)
    what_is_killed_comes_back(cluster)
    another_tag_goes_out_one_by_one(cluster)
    a_host_starts_again(cluster)
    nothing_is_left(cluster)


def all_answer(cluster: Cluster) -> None:
    cluster.settles()
    assert cluster.tell("image") == [image_of(cluster)] * len(PLACES)
    assert cluster.tell("primary") == [True] * len(PLACES)
    assert len(set(cluster.tell("container"))) == len(PLACES)
    for host, port in PLACES:
        told = (cluster.ask(host, port) or {})["environment"]
        given = environment(cluster, host, port)
        assert given["STEEDOS_NODEID"] == f"erp-{cluster.addresses[host]}-{port}"
        assert {
            name: hashlib.sha256(given[name].encode()).hexdigest() for name in handed_on(cluster)
        }.items() <= told.items()
        assert cluster.sh(host, f"ps -o user= -p {cluster.client(host, port)}") == "erp"
    with cluster.visits() as traffic:
        traffic.wait_for(100)
        report = traffic.finish()
    judge("all answer", report)


def handed_on(cluster: Cluster) -> list[str]:
    return re.findall(r"--env (\S+)", cluster.apps["erp"]["services"]["web"]["command"])


def environment(cluster: Cluster, host: str, port: int) -> dict[str, str]:
    """What systemd gave to the client of the engine."""
    lines = cluster.succeed(host, f"tr '\\0' '\\n' </proc/{cluster.client(host, port)}/environ").splitlines()
    return dict(line.split("=", 1) for line in lines)


def no_command_line_has_a_secret(cluster: Cluster) -> None:
    """The engine keeps the environment of a container: for root, and for the group docker."""
    given = environment(cluster, "h1", PORTS[0])
    names = ("STEEDOS_TENANT_TOKEN_SECRET", "STEEDOS_SESSION_SECRET", "STEEDOS_LICENSE")
    secrets = {name: given[name] for name in (*names, "STEEDOS_CFS_AWS_S3_SECRET_ACCESS_KEY")}
    secrets["password of MongoDB"] = urlsplit(given["MONGO_URL"]).password or ""
    assert set(GIVEN.values()) < set(secrets.values())
    assert all(len(value) > 15 for value in secrets.values())
    for host in IMAGES:
        for public in (
            "ps -eww -o args",
            "systemctl show 'erp-web@*'; systemctl cat 'erp-web@*'",
            "docker ps --no-trunc",
            "docker inspect --format '{{.Path}} {{.Args}} {{.Config.Cmd}} {{.Config.Labels}}' $(docker ps -q)",
            "journalctl",
        ):
            text = cluster.succeed(host, public)
            assert text
            assert shown(text, secrets) == [], f"{public} on {host}"
        assert shown(cluster.succeed(host, "docker inspect $(docker ps -q)"), secrets) == list(secrets)
        assert "permission denied" in cluster.sh(host, "runuser -u nobody -- docker ps 2>&1")
        assert cluster.sh(host, "runuser -u nobody -- ls /var/lib/docker/containers") == ""


def only_balancers_reach_what_is_closed(cluster: Cluster) -> None:
    """Published ports pass by the role firewall, as this machine is no balancer and has been answered."""
    for rule in steedos_page.closing():
        cluster.succeed("h2", rule.replace("10.0.0.11,10.0.0.12", cluster.addresses["h1"]))
    assert cluster.tell("image") == [image_of(cluster)] * len(PORTS) + [None] * len(PORTS)
    ask = "python3 -c 'import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=5).status)'"
    for port in PORTS:
        assert cluster.succeed("h1", f"{ask} http://{cluster.addresses['h2']}:{port}/") == "200"
    cluster.succeed("h2", "iptables -F DOCKER-USER && iptables -A DOCKER-USER -j RETURN")
    assert None not in cluster.tell("image")


def what_is_killed_comes_back(cluster: Cluster) -> None:
    """The client of the engine, the container, and the engine itself."""
    with cluster.visits() as traffic:
        for host in IMAGES:
            traffic.wait_more(50)
            cluster.comes_back(host, 5100, f"kill -KILL {cluster.client(host, 5100)}")
            inside = cluster.succeed(host, "docker inspect --format '{{.State.Pid}}' erp-5101")
            cluster.comes_back(host, 5101, f"kill -KILL {inside}")
        report = traffic.finish()
    judge("killed clients and containers", report)
    with cluster.visits() as traffic:
        traffic.wait_for(50)
        cluster.comes_back("h2", 5100, "systemctl kill --signal=KILL --kill-who=main docker")
        cluster.wait_until(lambda: None not in cluster.tell("image"), "the end of the engine")
        traffic.wait_more(50)
        report = traffic.finish()
    judge("a killed engine", report)
    assert cluster.site().changed() == 0


def another_tag_goes_out_one_by_one(cluster: Cluster) -> None:
    web = cluster.apps["erp"]["services"]["web"]
    web["command"] = web["command"].replace(":3.0", ":3.1")
    assert image_of(cluster).endswith(":3.1")
    for host in IMAGES:
        cluster.make_image(host, image_of(cluster))
    with cluster.visits() as traffic, cluster.watched() as counts:
        traffic.wait_for(50)
        done = cluster.site("--diff")
        traffic.wait_more(50)
        report = traffic.finish()
    assert done.changed() > 0
    assert cluster.tell("image") == [image_of(cluster)] * len(PLACES)
    judge("another tag", report)
    assert set(counts) == {len(PLACES) - 1, len(PLACES)}, "more than one at a time"
    assert cluster.site().changed() == 0


def a_host_starts_again(cluster: Cluster) -> None:
    """Without a word to the engine, whose containers are still on its disk then."""
    for action in ("kill", "start"):
        subprocess.run(["docker", action, "containers-h2"], check=True, capture_output=True, timeout=60)
    cluster.wait_until(lambda: None not in cluster.tell("image"), "the start of h2")
    assert cluster.containers("h2") == [f"erp-{port}" for port in PORTS]


def nothing_is_left(cluster: Cluster) -> None:
    """Of the app, even of a container that does not end when told."""
    cluster.succeed("h1", "docker kill --signal USR1 erp-5100")
    cluster.apps = {"www": cluster.app("www", "bare", 3000)}
    cluster.variables["webapp_retired_apps"] = ["erp"]
    cluster.settles()
    for host in IMAGES:
        assert cluster.containers(host) == []
        assert cluster.sh(host, "ls /etc/webapp; ls /etc/systemd/system/erp*.service") == "www"
        assert cluster.sh(host, "systemctl list-units --state=active,activating --plain --no-legend 'erp*'") == ""
