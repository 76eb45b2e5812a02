"""The whole life of an app on real hosts: two of the app, one balancer. Needs Docker, and root for a first image."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import container
from tests.support.playbook import kill, kill_at

REPOSITORY = Path(__file__).parents[3]
SITE = Path(__file__).parent / "site"
NETWORK = "apptest"
HOSTS = {"h1": "172.31.76.11", "h2": "172.31.76.12", "b1": "172.31.76.13"}
IMAGES = {"h1": "debian12", "h2": "debian13", "b1": "debian12"}
APP_HOSTS = ["h1", "h2"]
PORTS = [3000, 3001]
CACHE = Path(os.environ.get("SCALEOUT_CACHE") or Path.home() / ".cache" / "scaleout-webapp")
SECRET = "a-secret-that-nobody-may-read"
AWKWARD = 'it\'s "100%" $HOME #1 `x` \\ end'
PLAYS = {
    "app": "- {hosts: apps, gather_facts: false, roles: [scaleout.webapp.app]}",
    "preflight": "- {hosts: apps, gather_facts: false, roles: [scaleout.webapp.preflight]}",
    "check": """
- hosts: apps
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: scaleout.webapp.app, tasks_from: check}
""",
    "static": """
- hosts: balancers
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: scaleout.webapp.app, tasks_from: static}
""",
    "remove": """
- hosts: apps
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: scaleout.webapp.app, tasks_from: remove}
""",
}


def variables() -> dict[str, Any]:
    return {
        "app_name": "tiny",
        "app_hosts": APP_HOSTS,
        "app_balancers": ["b1"],
        "app_runtime": {"name": "node", "archive": str(CACHE / "node" / "node-22.20.0.tar.gz"), "version": ">=22"},
        "app_source": {"path": str(SITE)},
        "app_environment": {
            "ADDRESS": "${host.address}",
            "GREETING": AWKWARD,
            "RELEASE": "${release.id}",
            "SECRET": SECRET,
        },
        "app_files": [{"path": "data/config.json", "content": {"release": "${release.id}"}}],
        "app_shared_paths": [{"path": "public/uploads", "target": None}],
        "app_writable_paths": ["data/temp"],
        "app_build": [{"name": "assets", "command": "node build.js", "environment": {"BUILD_ONLY": "yes"}}],
        "app_release_steps": [{"name": "migrate", "command": "node migrate.js"}],
        "app_services": {
            "web": {
                "command": "node server.js",
                "port_variable": "PORT",
                "ports": PORTS,
                "health": {"path": "/healthz", "timeout": 2},
                "start_timeout": 15,
                "stop_timeout": 5,
            }
        },
    }


class Run:
    """What one run of ansible-playbook said."""

    def __init__(self, code: int, output: str) -> None:
        self.code = code
        self.output = output

    def changed(self) -> int:
        assert self.code == 0, self.output
        return sum(int(number) for number in re.findall(r"changed=(\d+)", self.output))


class Cluster:
    """Two hosts of the app and a balancer, and the app as it is to be."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = {"ANSIBLE_HOME": str(folder / "home")}
        self.variables = variables()
        for name, text in PLAYS.items():
            (folder / f"{name}.yml").write_text(text)
        ssh = CACHE / "ssh"
        inventory = {
            "all": {
                "vars": {
                    "testhost_network": NETWORK,
                    "testhost_subnet": "172.31.76.0/24",
                    "ansible_user": "root",
                    "ansible_ssh_private_key_file": str(ssh / "id_ed25519"),
                    "ansible_ssh_extra_args": f"-o UserKnownHostsFile={ssh}/known_hosts.{NETWORK} -o ConnectTimeout=5",
                },
                "hosts": {
                    name: {"ansible_host": address, "testhost_image": IMAGES[name]} for name, address in HOSTS.items()
                },
                "children": {"apps": {"hosts": {name: {} for name in APP_HOSTS}}, "balancers": {"hosts": {"b1": {}}}},
            }
        }
        (folder / "hosts.json").write_text(json.dumps(inventory))

    def start(self, playbook: Path | str, *arguments: str, **changes: Any) -> subprocess.Popen[str]:
        path = playbook if isinstance(playbook, Path) else self.folder / f"{playbook}.yml"
        extra = self.folder / "variables.json"
        extra.write_text(json.dumps({**self.variables, **changes}))
        command = [Path(sys.executable).parent / "ansible-playbook", path, "-i", self.folder / "hosts.json"]
        return subprocess.Popen(
            [*map(str, command), "-e", f"@{extra}", *arguments],
            cwd=REPOSITORY,
            env={**os.environ, "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", **self.home},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, playbook: Path | str = "app", *arguments: str, **changes: Any) -> Run:
        process = self.start(playbook, *arguments, **changes)
        output, _none = process.communicate(timeout=600)
        return Run(process.returncode, output)

    def kill_at(self, text: str, playbook: str = "app", after: float = 0.5, **changes: Any) -> None:
        """Begin a run, and kill it with everything it started here in the task of this name."""
        process = self.start(playbook, **changes)
        kill_at(process, text, after, secrets={"app": SECRET})

    def kill_in_step(self, **changes: Any) -> str:
        """The same while a step runs. Returns the host on which it goes on."""
        process = self.start("app", **changes)
        active: list[str] = []
        while not active:
            assert process.poll() is None, "the run ended without a step"
            active = [name for name in APP_HOSTS if self.sh(name, "systemctl is-active webapp-tiny-step") == "active"]
        kill(process)
        return active[0]

    def relays(self) -> list[Path]:
        """What a run keeps here while it brings an artefact from one host to others."""
        return list((self.folder / "home" / "tmp").glob("webapp-*"))

    def sh(self, host: str, command: str) -> str:
        return container.sh(f"{NETWORK}-{host}", command)

    def ask(self, host: str, port: int, path: str = "/") -> dict[str, Any] | None:
        try:
            with urllib.request.urlopen(f"http://{HOSTS[host]}:{port}{path}", timeout=2) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except OSError:
            return None

    def tell(self, key: str) -> list[Any]:
        """The same thing of all instances."""
        return [(self.ask(host, port) or {}).get(key) for host in APP_HOSTS for port in PORTS]

    @contextlib.contextmanager
    def watched(self) -> Iterator[list[int]]:
        """Notes again and again how many instances answer."""
        counts: list[int] = []
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.05):
                counts.append(sum(pid is not None for pid in self.tell("pid")))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield counts
        finally:
            done.set()
            watcher.join()

    @contextlib.contextmanager
    def at_first_answer_of(self, release: str, look: Callable[[], str]) -> Iterator[list[str]]:
        """What `look` saw when a process first answered with the release."""
        seen: list[str] = []
        done = threading.Event()

        def watch() -> None:
            while not seen and not done.wait(0.05):
                if release in self.tell("release"):
                    seen.append(look())

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield seen
        finally:
            done.set()
            watcher.join()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    subprocess.run([sys.executable, str(REPOSITORY / "tools" / "fetch_node.py")], check=True, stdout=subprocess.DEVNULL)
    found = Cluster(tmp_path_factory.mktemp("app"))
    created = found.run(REPOSITORY / "testhosts" / "create.yml")
    try:
        assert created.code == 0, created.output
        yield found
    finally:
        found.run(REPOSITORY / "testhosts" / "destroy.yml")


def test_life_of_an_app(cluster: Cluster) -> None:
    first_deployment(cluster)
    a_mistyped_release_is_refused(cluster)
    a_mistake_is_told_without_its_value(cluster)
    bad_configuration_stops_at_the_first_instance(cluster)
    mending_it_restarts_one_at_a_time(cluster)
    killed_runs_are_finished_by_the_next(cluster)
    one_host_is_down(cluster)
    static_files_are_there_before_the_first_restart(cluster)
    nobody_else_reads_a_release(cluster)
    an_interrupted_step_leaves_no_secret(cluster)
    another_app_takes_a_port(cluster)
    leftovers_of_killed_runs_are_removed(cluster)
    removal(cluster)


def first_deployment(cluster: Cluster) -> None:
    dry = cluster.run("app", "--check", "--diff")
    assert dry.changed() > 0
    assert cluster.sh("h1", "ls /opt/webapp /etc/webapp") == ""

    done = cluster.run("app", "-vvv", "--diff")
    assert done.changed() > 0
    assert SECRET not in done.output + dry.output
    assert set(cluster.tell("greeting")) == {AWKWARD}
    releases = set(cluster.tell("release"))
    assert len(releases) == 1
    assert cluster.sh("h2", "cat /opt/webapp/tiny/current/public/built.txt") == f"{releases.pop()} yes"
    assert cluster.ask("h1", 3000, "/files")
    assert cluster.sh("h1", "wc -l < /opt/webapp/tiny/shared/public/uploads/migrated.log") == "1"
    assert cluster.sh("h1", "stat -c '%a %U %G' /etc/webapp/tiny/environment") == "640 root tiny"
    assert SECRET not in cluster.sh("h1", "systemctl cat tiny-web@3000; systemctl show tiny-web@3000; journalctl")

    assert cluster.run().changed() == 0
    assert cluster.run("app", "--check", "--diff").changed() == 0


def a_mistyped_release_is_refused(cluster: Cluster) -> None:
    before = cluster.tell("pid")
    release = cluster.tell("release")[0]
    for playbook in ("check", "app"):
        refused = cluster.run(playbook, app_release="v1-mistyped", app_environment={"OTHER": "1"})
        assert refused.code != 0
        assert f"no host holds the release v1-mistyped. There are: {release}." in refused.output
    assert cluster.tell("pid") == before
    assert cluster.sh("h1", "ls /opt/webapp/tiny/releases") == release
    assert cluster.run("check", app_release=release).changed() == 0
    assert cluster.run("app", "--check", app_release="v1-meant", app_new_release=True).changed() > 0


def a_mistake_is_told_without_its_value(cluster: Cluster) -> None:
    environment = {**cluster.variables["app_environment"], "LINES": f"{SECRET}\n{SECRET}"}
    refused = cluster.run("app", "-vvv", "--diff", app_environment=environment)
    assert refused.code != 0
    assert "app_environment.LINES: has a line break" in refused.output
    assert SECRET not in refused.output


def bad_configuration_stops_at_the_first_instance(cluster: Cluster) -> None:
    before = cluster.tell("pid")
    environment = {**cluster.variables["app_environment"], "BROKEN": "1"}
    services = {"web": {**cluster.variables["app_services"]["web"], "start_timeout": 3}}
    failed = cluster.run(app_environment=environment, app_services=services)
    assert failed.code != 0
    assert "/healthz answered 500, not 200" in failed.output
    assert sum(old != new for old, new in zip(before, cluster.tell("pid"))) == 1


def mending_it_restarts_one_at_a_time(cluster: Cluster) -> None:
    cluster.variables["app_environment"]["GREETING"] = "mended"
    with cluster.watched() as counts:
        done = cluster.run()
    assert done.code == 0, done.output
    assert set(cluster.tell("greeting")) == {"mended"}
    assert len(counts) > 20
    assert min(counts) >= len(APP_HOSTS) * len(PORTS) - 1


def killed_runs_are_finished_by_the_next(cluster: Cluster) -> None:
    slow = {**cluster.variables["app_environment"], "BUILD_SECONDS": "300"}
    cluster.kill_in_step(app_release="v2", app_new_release=True, app_environment=slow)
    cluster.kill_at("Order the hosts", app_release="v2")
    assert "v2" not in cluster.tell("release")
    cluster.kill_at("Run the instances", app_release="v2")
    with cluster.watched() as counts:
        assert cluster.run(app_release="v2").code == 0
    assert min(counts) >= 1
    assert set(cluster.tell("release")) == {"v2"}
    assert cluster.sh("h1", "grep -c v2 /opt/webapp/tiny/shared/public/uploads/migrated.log") == "1"
    assert cluster.sh("h1", "systemctl is-active webapp-tiny-step") == "inactive"
    # Nothing is pinned any more: what runs stays.
    assert cluster.run().changed() == 0


def one_host_is_down(cluster: Cluster) -> None:
    subprocess.run(["docker", "stop", "--time", "2", f"{NETWORK}-h2"], check=True, capture_output=True)
    cluster.variables["app_environment"]["GREETING"] = "limited"
    limited = cluster.run("app", "--limit", "h1")
    assert limited.code == 0, limited.output
    assert "not seen, their releases are unknown: h2" in limited.output
    assert cluster.tell("greeting") == ["limited", "limited", None, None]
    other = cluster.run("app", "--limit", "h1", app_name="other")
    assert "no release was found, but h2 did not answer" in other.output
    assert other.code != 0
    subprocess.run(["docker", "start", f"{NETWORK}-h2"], check=True, capture_output=True)
    assert cluster.run(REPOSITORY / "testhosts" / "create.yml").code == 0
    assert cluster.run().changed() > 0
    assert set(cluster.tell("greeting")) == {"limited"}


def static_files_are_there_before_the_first_restart(cluster: Cluster) -> None:
    """Although the run is limited to the hosts of the app."""

    def assets() -> str:
        return cluster.sh("b1", "ls /opt/webapp/tiny/static/public/assets")

    assert cluster.run("static").changed() == 0
    with cluster.at_first_answer_of("v3", assets) as seen:
        done = cluster.run("app", "--limit", "apps", app_release="v3", app_new_release=True)
    assert done.code == 0, done.output
    assert len(seen) == 1
    assert {"v2.css", "v3.css"} <= set(seen[0].split())
    assert cluster.sh("b1", "cat /opt/webapp/tiny/static/public/built.txt") == "v3 yes"
    assert cluster.sh("b1", "ls /opt/webapp/tiny/releases/v3") == "public"

    cluster.sh("b1", "rm -r /opt/webapp/tiny")
    assert cluster.run("static", "--check").changed() > 0
    assert cluster.sh("b1", "ls /opt/webapp") == ""
    assert cluster.run("static").changed() > 0
    assert assets() == seen[0]
    assert cluster.run("static").changed() == 0

    assert cluster.run(app_keep_releases=1).changed() > 0
    assert cluster.run("static", app_keep_releases=1).changed() > 0
    assert assets() == "v3.css"
    assert cluster.sh("b1", "ls /opt/webapp/tiny/releases") == "v3"


def nobody_else_reads_a_release(cluster: Cluster) -> None:
    """A host that was made when releases were open to everybody is closed by a run."""
    cluster.sh("h1", "chmod 755 /opt/webapp/tiny/releases /opt/webapp/tiny/artifacts")
    assert cluster.run().changed() > 0
    folders = cluster.sh("h1", "cd /opt/webapp/tiny && stat -c '%a %G' releases artifacts")
    assert folders == "750 tiny\n700 root"
    assert cluster.sh("h1", "stat -c %a /opt/webapp/tiny/artifacts/v3.tar.zst") == "600"
    as_nobody = "setpriv --reuid nobody --regid nogroup --clear-groups"
    assert cluster.sh("h1", f"{as_nobody} cat /opt/webapp/tiny/current/package.json") == ""
    assert cluster.sh("b1", f"{as_nobody} cat /opt/webapp/tiny/static/public/built.txt") == "v3 yes"


def an_interrupted_step_leaves_no_secret(cluster: Cluster) -> None:
    """Neither while it runs nor, where it was never begun, after the next run."""
    file = "/run/webapp-tiny-step.environment"
    slow = {**cluster.variables["app_environment"], "BUILD_SECONDS": "300"}
    host = cluster.kill_in_step(app_release="v4", app_new_release=True, app_environment=slow)
    assert cluster.sh(host, "systemctl is-active webapp-tiny-step") == "active"
    assert cluster.sh(host, f"ls {file}") == ""
    cluster.sh(host, f"echo {SECRET} > {file}")
    assert cluster.run(app_release="v3").code == 0
    assert cluster.sh(host, f"ls {file}") == ""
    assert cluster.sh(host, "systemctl is-active webapp-tiny-step") == "inactive"


def leftovers_of_killed_runs_are_removed(cluster: Cluster) -> None:
    """Of each of the big files that a run copies, where it is killed before it could remove the copy."""
    root = "/opt/webapp/tiny"
    cluster.sh("h1", "rm -r /opt/webapp/runtimes/node-*")
    cluster.kill_at("Unpack the runtime", after=0.1)
    archive = "ls /opt/webapp/runtimes/*.archive"
    assert cluster.sh("h1", archive) != ""
    # As if that run had come to the next task.
    assert cluster.run().changed() > 0
    cluster.sh("h1", "touch $(ls -d /opt/webapp/runtimes/node-*).archive")
    cluster.sh(
        "h1", f"mkdir {root}/releases/.gone.unpack; touch {root}/artifacts/.source {root}/artifacts/.gone.tar.zst.new"
    )
    assert cluster.run("app", "--check").changed() > 0
    assert cluster.sh("h1", archive) != ""
    assert cluster.run().changed() > 0
    assert cluster.sh("h1", f"{archive}; find {root}/releases {root}/artifacts -maxdepth 1 -name '.*'") == ""

    cluster.sh("b1", f"rm -r {root}/releases/*")
    cluster.kill_at("Unpack the static folders", playbook="static", after=0)
    assert cluster.relays() != []
    assert cluster.sh("b1", f"find {root}/releases -name '.*.tar.zst'") != ""
    assert cluster.run("static").changed() > 0
    assert cluster.relays() == []
    assert cluster.sh("b1", f"find {root}/releases -maxdepth 1 -name '.*'") == ""
    assert cluster.run("static").changed() == 0


def another_app_takes_a_port(cluster: Cluster) -> None:
    ports = [{"port": 3001, "owner": "other-*@3001"}]
    refused = cluster.run("preflight", preflight_ports=ports)
    assert refused.code != 0
    said = " ".join(refused.output.split())
    assert "port 3001, meant for other-*@3001, is held by" in said
    assert "tiny-web@3001.service (ports)" in said
    sharers = ["tiny-*@*", "other-*@*"]
    assert cluster.run("preflight", preflight_ports=ports, preflight_port_sharers=sharers).changed() == 0

    units = "tiny-web@3000 tiny-web@3001 other-web@3001"
    other: dict[str, Any] = {
        "app_name": "other",
        "app_services": {"web": {**cluster.variables["app_services"]["web"], "ports": [3001]}},
        "app_takes_ports_of": ["tiny"],
    }
    assert cluster.run("app", "--check", **other).changed() > 0
    assert cluster.sh("h1", f"systemctl is-active {units}").split() == ["active", "active", "inactive"]
    assert cluster.run(**other).changed() > 0
    for host in APP_HOSTS:
        assert cluster.sh(host, f"systemctl is-active {units}").split() == ["active", "inactive", "active"]
        assert cluster.sh(host, f"systemctl is-enabled {units}").split() == ["enabled", "disabled", "enabled"]
    assert cluster.run(**other).changed() == 0

    assert cluster.run("remove", **other).changed() > 0
    assert cluster.run().changed() > 0
    assert cluster.sh("h1", f"systemctl is-active {units}").split() == ["active", "active", "inactive"]


def removal(cluster: Cluster) -> None:
    assert cluster.run("remove").changed() > 0
    assert cluster.tell("pid") == [None] * 4
    assert cluster.sh("h1", "ls /opt/webapp/tiny") == "shared"
    assert cluster.run("remove").changed() == 0
    assert cluster.run("remove", app_remove_data=True).code == 0
    assert cluster.sh("h1", "ls /opt/webapp; ls /etc/systemd/system/tiny*; id tiny") == "other\nruntimes"
