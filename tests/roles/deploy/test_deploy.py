# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases go out and come back while visitors ask, on three app hosts behind two balancers. Needs Docker."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.playbook import Run, kill_at, start
from tests.support.small_cluster import SOURCE, SmallCluster
from tests.support.traffic import Report, Request, Traffic

IMAGES = {"a1": "debian12", "a2": "debian13", "a3": "debian12", "b1": "debian12", "b2": "debian13"}
APPS = ("a1", "a2", "a3")
BALANCERS = ("b1", "b2")
WWW = {"Host": "www.test"}
# One in sixteen takes most of a second, so that it is in flight when its server is drained.
VISITS = [
    *[Request("GET", "/", WWW), Request("GET", "/plain.txt", WWW), Request("HEAD", "/", WWW)] * 4,
    *[Request("POST", "/", WWW, lambda number: f"{number}".encode())] * 3,
    Request("GET", "/slow", WWW),
]
# More than the tests wait for, so that some come while something happens.
LEAST_VISITS = 500
MANY_VISITS = 10_000
# Nginx notes reloads there. Its usual log tells of warnings only.
NOTICES = "/var/log/nginx/notice.log"
# Where a deploy is killed: the last task that begins, and how many seconds later.
PHASES = {
    "lock": ("Take the deploy lock there", 0.2),
    "build": ("app : Build the release", 0.5),
    "copy": ("app : Give the release to the hosts that lack it", 1.0),
    "step": ("app : Run the step", 2.0),
    "drain": ("app : Let the balancers send no more requests there", 0.7),
    "switch": ("app : Switch to the release", 0.3),
    "restart": ("app : Run the instances", 1.0),
    "undrain": ("app : Let the balancers send requests to those that answer them", 0.7),
    "tell": ("Keep a line of it", 0.5),
}


class Cluster(SmallCluster):
    """`source` is what releases are made from."""

    source: Path

    def deploy(self, *arguments: str) -> Run:
        return self.play("playbooks/deploy.yml", *arguments)

    def rollback(self, *arguments: str) -> Run:
        return self.play("playbooks/rollback.yml", *arguments)

    def scale(self, instances: int, *arguments: str) -> Run:
        """With another number in the inventory."""
        self.apps["www"]["services"]["web"]["instances"] = instances
        return self.play("playbooks/scale.yml", *arguments)

    def units(self) -> dict[str, str]:
        """The process of each instance that runs, by host and port."""
        found = {}
        for host in APPS:
            for block in self.sh(host, "systemctl show --property=Id,MainPID 'www-web@*'").split("\n\n"):
                values = dict(line.split("=", 1) for line in block.splitlines())
                if values.get("MainPID", "0") != "0":
                    found[f"{host}:{values['Id'].partition('@')[2].removesuffix('.service')}"] = values["MainPID"]
        return found

    def retried(self, port: int) -> int:
        """Requests that had to leave an instance with this port for another one."""
        ask = f"grep -c 'upstream=[^ ]*:{port}, ' /var/log/nginx/access.log"
        return sum(int(self.sh(balancer, ask) or 0) for balancer in BALANCERS)

    def note_reloads(self) -> None:
        for balancer in BALANCERS:
            setting = f"echo 'error_log {NOTICES} notice;' >/etc/nginx/modules-enabled/99-notices.conf"
            self.sh(balancer, f"{setting} && systemctl reload nginx")

    def reloads(self) -> dict[str, int]:
        """By balancer, since they are noted."""
        ask = f"grep -c 'signal 1 (SIGHUP) received' {NOTICES}"
        return {balancer: int(self.sh(balancer, ask) or 0) for balancer in BALANCERS}

    def releases(self) -> list[str]:
        """What all processes say they run."""
        ask = "python3 -c 'import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).read().decode())'"
        answers = [
            self.sh(host, f"{ask} http://{self.addresses[host]}:{port}/") for host in APPS for port in (3000, 3001)
        ]
        return [json.loads(answer)["release"] for answer in answers]

    def release(self) -> str:
        """The one release that all run."""
        (found,) = set(self.releases())
        for host in APPS:
            assert self.sh(host, "readlink /opt/webapp/www/current") == f"releases/{found}"
        return found

    def whole(self) -> None:
        """All instances run one release, are well, and get requests from both balancers."""
        shown = self.play("playbooks/status.yml")
        assert shown.changed() == 0
        lines = [line.strip() for line in shown.output.splitlines()]
        release = self.release()
        for host in APPS:
            for port in (3000, 3001):
                assert f"{host}:{port} web {release} well active active" in [" ".join(line.split()) for line in lines]
        assert "deploy lock: free" in shown.output
        assert f"virtual IP {self.vip}: b" in shown.output

    def visits(self) -> Traffic:
        # With pauses: hosts and visitors share one machine with Ansible, whose runs they would starve.
        return Traffic(f"http://{self.vip}/", VISITS, workers=8, count=200_000, seconds=3600, pause=0.05)

    def audit(self) -> dict[str, str]:
        """The newest line of the log, which all hosts have."""
        lines = {self.sh(host, "tail -n 1 /var/log/scaleout-webapp/deploys.log") for host in (*APPS, *BALANCERS)}
        assert len(lines) == 1
        found: dict[str, str] = json.loads(lines.pop())
        return found


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("deploy")
    found = Cluster(folder, "deploytest", "172.31.71", IMAGES)
    found.source = folder / "source"
    shutil.copytree(SOURCE, found.source)
    found.groups = {"app": APPS, "loadbalancer": BALANCERS}
    found.apps = {"www": found.app("www", "tiny", 3000, found.source)}
    found.apps["www"]["services"]["web"].update(instances=2, start_timeout=8)
    with found.up():
        assert found.site().changed() > 0
        found.note_reloads()
        yield found


def judge(what: str, report: Report, least: int = LEAST_VISITS) -> None:
    print(f"\n{what}\n{report.text()}")
    assert report.total >= least
    assert report.failed == []


def test_a_deploy_is_not_seen(cluster: Cluster) -> None:
    before, reloads = cluster.release(), cluster.reloads()
    with cluster.visits() as traffic:
        traffic.wait_for(200)
        done = cluster.deploy("-e", "webapp_reason='the test wants it'")
        traffic.wait_more(200)
        traffic.wait_for(MANY_VISITS)
        report = traffic.finish()
    assert done.code == 0, done.output
    judge("deploy", report, MANY_VISITS)
    after = cluster.release()
    assert after != before
    cluster.whole()
    for balancer, number in cluster.reloads().items():
        assert 0 < number - reloads[balancer] <= 2 * len(APPS)
    line = cluster.audit()
    assert line["what"] == "deploy of www: the test wants it"
    assert line["apps"]["www"]["outcome"] == "done"  # type: ignore[index]
    assert cluster.site().changed() == 0


def test_a_release_that_is_not_well_goes_back(cluster: Cluster) -> None:
    """It brings a step, which the release of before cannot do."""
    before = cluster.release()
    good = (cluster.source / "server.js").read_text()
    (cluster.source / "server.js").write_text(good.replace("BROKEN ? 500 : 200", "HOME ? 500 : 200"))
    shutil.copy(cluster.source / "migrate.js", cluster.source / "newer.js")
    cluster.apps["www"]["release_steps"] = [{"name": "newer", "command": "node newer.js"}]
    with cluster.visits() as traffic:
        traffic.wait_for(200)
        done = cluster.deploy("-e", "webapp_release=broken")
        traffic.wait_more(200)
        traffic.wait_for(MANY_VISITS)
        report = traffic.finish()
    (cluster.source / "server.js").write_text(good)
    (cluster.source / "newer.js").unlink()
    del cluster.apps["www"]["release_steps"]
    assert done.code != 0
    said = " ".join(done.output.split())
    assert f"www: the release broken cannot be run, and all hosts run {before} again" in said
    assert "answered 500, not 200" in said
    judge("failing deploy", report, MANY_VISITS)
    assert cluster.release() == before
    cluster.whole()
    assert cluster.audit()["apps"]["www"]["outcome"] == "went back"  # type: ignore[index]
    assert cluster.site().changed() == 0


def test_rollback(cluster: Cluster) -> None:
    first = cluster.release()
    assert cluster.deploy("-e", "webapp_release=v2").code == 0
    assert cluster.release() == "v2"
    reloads = cluster.reloads()
    with cluster.visits() as traffic:
        traffic.wait_for(200)
        done = cluster.rollback("-e", "app_batch=2")
        traffic.wait_more(200)
        report = traffic.finish()
    assert done.code == 0, done.output
    judge("rollback in two batches", report)
    for balancer, number in cluster.reloads().items():
        assert 0 < number - reloads[balancer] <= 2 * 2
    assert cluster.release() == first
    assert cluster.rollback("-e", "webapp_release=v2").code == 0
    assert cluster.release() == "v2"
    refused = cluster.rollback("-e", "webapp_release=v3")
    assert refused.code != 0
    assert "no host holds the release v3" in refused.output
    assert "changed: [" not in refused.output
    cluster.whole()


@pytest.mark.parametrize("phase", PHASES)
def test_killed(cluster: Cluster, phase: str) -> None:
    """Whatever runs next, a deploy or site.yml, ends with one release everywhere."""
    (cluster.source / "public" / "phase.txt").write_text(phase)
    with cluster.visits() as traffic:
        traffic.wait_for(100)
        kill_at(start("playbooks/deploy.yml", inventory=cluster.inventory(), ANSIBLE_TIMEOUT="5"), *PHASES[phase])
        traffic.wait_more(100)
        again = cluster.deploy() if phase in ("build", "step", "drain", "restart") else cluster.site()
        traffic.wait_more(100)
        report = traffic.finish()
    assert again.code == 0, again.output
    judge(f"killed at {phase}", report)
    cluster.whole()
    assert cluster.site().changed() == 0


def test_two_at_once(cluster: Cluster) -> None:
    first = start("playbooks/deploy.yml", inventory=cluster.inventory())
    assert first.stdout is not None
    for line in first.stdout:
        if "Bring the release to the hosts" in line:
            break
    for refused in (cluster.deploy(), cluster.site()):
        assert refused.code != 0
        assert "the deploy lock is held by" in refused.output
        assert "changed: [" not in refused.output
    output = first.stdout.read()
    assert first.wait(timeout=600) == 0, output
    cluster.whole()


def test_bad_input_touches_nothing(cluster: Cluster) -> None:
    before = cluster.release()
    cases = [
        (("-e", "webapp_only_apps=shop"), "there is no app shop. There are: www"),
        (("--limit", "b1,b2"), "--limit leaves no host of www"),
        (("-e", "webapp_release=../x"), "cannot be the name of a release"),
    ]
    for arguments, message in cases:
        refused = cluster.deploy(*arguments)
        assert refused.code != 0
        assert message in " ".join(refused.output.split())
        assert "changed: [" not in refused.output
    cluster.apps["www"]["release"] = before
    pinned = cluster.deploy()
    del cluster.apps["www"]["release"]
    assert f"webapp_apps.www.release pins {before}" in " ".join(pinned.output.split())
    assert cluster.release() == before
    cluster.whole()


def test_a_host_is_down(cluster: Cluster) -> None:
    before = cluster.release()
    cluster.hosts["a3"] = f"{cluster.prefix}.99"
    assert cluster.deploy().code != 0
    done = cluster.deploy("--limit", "!a3")
    cluster.hosts["a3"] = cluster.addresses["a3"]
    assert done.code == 0, done.output
    assert sorted(cluster.releases()).count(before) == 2
    assert cluster.site().changed() > 0
    assert cluster.release() != before
    cluster.whole()


@pytest.mark.parametrize("task", ["app : Give the release to the hosts that lack it", "app : Run the instances"])
def test_a_host_is_lost_meanwhile(cluster: Cluster, task: str) -> None:
    before = cluster.release()
    running = start("playbooks/deploy.yml", inventory=cluster.inventory(), ANSIBLE_TIMEOUT="5")
    assert running.stdout is not None
    said = []
    for line in running.stdout:
        said.append(line)
        if line.startswith("TASK [") and task in line:
            subprocess.run(["docker", "kill", "deploytest-a2"], check=True, capture_output=True)
            break
    output = " ".join("".join([*said, *running.stdout]).split())
    try:
        assert running.wait(timeout=60) != 0
        assert "a2" in output.rpartition("Say how it ended")[2]
        for host in ("a1", "a3"):
            assert cluster.sh(host, "readlink /opt/webapp/www/current") == f"releases/{before}"
    finally:
        subprocess.run(["docker", "start", "deploytest-a2"], check=True, capture_output=True)
    wait_for_ssh(cluster, "a2")
    assert cluster.site().code == 0
    cluster.whole()


def wait_for_ssh(cluster: Cluster, host: str) -> None:
    for _try in range(120):
        with contextlib.suppress(OSError), socket.create_connection((cluster.addresses[host], 22), timeout=1):
            return
        time.sleep(0.5)
    pytest.fail(f"{host} does not come back")


def test_a_balancer_is_down(cluster: Cluster) -> None:
    before = cluster.release()
    cluster.hosts["b2"] = f"{cluster.prefix}.99"
    assert cluster.deploy().code != 0
    assert cluster.release() == before
    done = cluster.deploy("--limit", "!b2")
    cluster.hosts["b2"] = cluster.addresses["b2"]
    assert done.code == 0, done.output
    assert cluster.release() != before
    cluster.whole()


def test_maintenance(cluster: Cluster) -> None:
    for state, status in (("on", 503), ("off", 200)):
        switch = ("playbooks/maintenance.yml", "-e", f"webapp_maintenance={state}")
        changed = {host for host, (tasks, *_bad) in cluster.play(*switch).recap().items() if tasks}
        assert changed == {*BALANCERS, *APPS}, "the page is on balancers, the mark that jobs rest on app hosts"
        for balancer in BALANCERS:
            connection = http.client.HTTPConnection(cluster.addresses[balancer], timeout=10)
            connection.request("GET", "/", headers=WWW)
            assert connection.getresponse().status == status
            connection.close()
        assert cluster.play(*switch).changed() == 0
    assert cluster.play("playbooks/maintenance.yml", "-e", "webapp_maintenance=maybe").code != 0


def test_a_job_that_runs_is_neither_killed_nor_doubled(cluster: Cluster) -> None:
    """It is due each minute, so also while the release goes out."""
    unit, starts = "scaleout-cron-www.long", "/opt/webapp/www/home/long"

    def runs() -> dict[str, str]:
        """Its process, by host."""
        asked = {host: cluster.sh(host, f"systemctl show --property=MainPID --value {unit}.service") for host in APPS}
        return {host: pid for host, pid in asked.items() if pid not in ("", "0")}

    command = "sh -c 'date >>\"$HOME/long\"; exec sleep 900'"
    cluster.apps["www"]["jobs"] = [{"name": "long", "schedule": "* * * * *", "command": command}]
    try:
        assert cluster.site().changed() > 0
        deadline = time.monotonic() + 75
        while not runs():
            assert time.monotonic() < deadline, "it does not start"
            time.sleep(1)
        before, release = runs(), cluster.release()
        assert cluster.deploy().code == 0
        time.sleep(65 - time.time() % 60)
        assert cluster.release() != release
        assert runs() == before
        assert sum(len(cluster.sh(host, f"cat {starts} 2>/dev/null").splitlines()) for host in APPS) == len(before) == 1
    finally:
        for host in APPS:
            cluster.sh(host, f"systemctl stop {unit}.timer {unit}.service; rm -f {starts}")
        del cluster.apps["www"]["jobs"]
        assert cluster.site().code == 0


def test_fewer_and_more_are_not_seen(cluster: Cluster) -> None:
    before, retried = cluster.units(), cluster.retried(3001)
    assert sorted(before) == [f"{host}:{port}" for host in APPS for port in (3000, 3001)]
    staying = {name: pid for name, pid in before.items() if name.endswith(":3000")}
    with cluster.visits() as traffic:
        traffic.wait_for(200)
        assert cluster.scale(1, "--check").changed() > 0
        assert cluster.units() == before
        fewer = cluster.scale(1)
        assert fewer.changed() > 0
        assert "www-web on a1: 2 to 1" in fewer.output
        traffic.wait_more(200)
        assert cluster.units() == staying
        assert cluster.scale(1).changed() == 0
        assert cluster.site().changed() == 0
        report = traffic.finish()
    judge("fewer", report)
    assert cluster.retried(3001) == retried, "not drained before it was stopped"
    assert cluster.audit()["what"] == "scale of www"

    with cluster.visits() as traffic:
        traffic.wait_for(200)
        assert cluster.scale(2).changed() > 0
        traffic.wait_more(200)
        assert cluster.scale(2).changed() == 0
        report = traffic.finish()
    judge("more", report)
    assert cluster.retried(3001) == retried, "asked before it was well"
    now = cluster.units()
    assert {name: pid for name, pid in now.items() if name in staying} == staying
    assert now.keys() == before.keys()
    cluster.whole()
    assert cluster.site().changed() == 0


@pytest.mark.parametrize("playbook", ["site", "deploy"])
def test_fewer_by_other_playbooks(cluster: Cluster, playbook: str) -> None:
    """Then the inventory has more again."""
    service, retried = cluster.apps["www"]["services"]["web"], cluster.retried(3001)
    with cluster.visits() as traffic:
        traffic.wait_for(100)
        service["instances"] = 1
        done = cluster.play(f"playbooks/{playbook}.yml")
        assert done.code == 0, done.output
        traffic.wait_more(100)
        assert set(cluster.units()) == {f"{host}:3000" for host in APPS}
        service["instances"] = 2
        done = cluster.play(f"playbooks/{playbook}.yml")
        assert done.code == 0, done.output
        traffic.wait_more(100)
        report = traffic.finish()
    judge(f"fewer and more by {playbook}", report)
    assert cluster.retried(3001) == retried
    assert cluster.scale(2).code == 0
    cluster.whole()
    assert cluster.site().changed() == 0


def test_other_ports_are_not_seen(cluster: Cluster) -> None:
    """All that the balancers know is surplus: it serves until they know the new ones."""
    with cluster.visits() as traffic:
        traffic.wait_for(100)
        for playbook, port in (("scale", 3100), ("site", 3000)):
            cluster.apps["www"]["services"]["web"]["port"] = port
            refused = cluster.deploy()
            assert refused.code != 0
            assert "www-web runs on other ports than the inventory says" in " ".join(refused.output.split())
            assert "changed: [" not in refused.output
            done = cluster.play(f"playbooks/{playbook}.yml")
            assert done.code == 0, done.output
            assert set(cluster.units()) == {f"{host}:{port + number}" for host in APPS for number in (0, 1)}
            traffic.wait_more(100)
        report = traffic.finish()
    judge("other ports", report)
    cluster.whole()
    assert cluster.site().changed() == 0


def test_more_than_the_hosts_carry_is_refused(cluster: Cluster) -> None:
    before = cluster.units()
    with_extra = json.dumps({"webapp_instances": {"www": {"web": 200}}})
    for refused in (cluster.scale(200), cluster.scale(2, "-e", with_extra)):
        assert refused.code != 0
        assert "MB are declared for services" in refused.output
        assert "changed: [" not in refused.output
    assert "webapp_instances is given by -e" in " ".join(refused.output.split())
    unknown = cluster.scale(2, "-e", "webapp_only_apps=shop")
    assert "there is no app shop. There are: www" in " ".join(unknown.output.split())
    assert cluster.units() == before
    cluster.whole()
