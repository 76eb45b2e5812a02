# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site.yml refuses what cannot work with a message of its own, before it has spoken to any host."""

from __future__ import annotations

import copy
import json
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

TOP = Path(__file__).resolve().parents[3]
HOSTS = {"lb1": 11, "app1": 21, "app2": 22, "db1": 31, "db2": 32, "db3": 33}
SECRETS = [
    "mongodb_admin_password",
    "mongodb_keyfile",
    "www_disabled_file_key",
    "www_mongodb_password",
    "www_session_secret",
]

Inventory = dict[str, Any]


def good(site: Path) -> Inventory:
    """Nothing listens on port 1 of these loopback addresses: a host that is asked is a host that is unreachable."""
    groups = {"loadbalancer": ["lb1"], "app": ["app1", "app2"], "mongodb": ["db1", "db2", "db3"]}
    apps = {"www": {"profile": "apostrophe", "domains": ["www.example.com"], "source": {"path": str(site)}}}
    return {
        "all": {
            "vars": {"ansible_port": 1, "webapp_apps": apps, "webapp_secrets": dict.fromkeys(SECRETS, "0" * 32)},
            "hosts": {name: {"ansible_host": f"127.0.0.{last}"} for name, last in HOSTS.items()},
        },
        **{group: {"hosts": {name: {} for name in names}} for group, names in groups.items()},
    }


def run(tmp_path: Path, spoil: Callable[[Inventory], object], *arguments: str) -> tuple[int, str]:
    (tmp_path / "site").mkdir(exist_ok=True)
    inventory = copy.deepcopy(good(tmp_path / "site"))
    spoil(inventory)
    path = tmp_path / "hosts" / "hosts.yml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(inventory))
    command = ["ansible-playbook", "playbooks/site.yml", "-i", str(path), *arguments]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def app(inventory: Inventory) -> dict[str, Any]:
    return dict.__getitem__(inventory["all"]["vars"]["webapp_apps"], "www")


def mongodb(inventory: Inventory, install: dict[str, Any]) -> None:
    inventory["all"]["vars"]["webapp_mongodb"] = {"install": install}


def a_branch_that_is_not_there(inventory: Inventory) -> None:
    folder = app(inventory)["source"]["path"]
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    app(inventory).update(source={"git": folder, "version": "no-such-branch"})


def settings_of_one_group(inventory: Inventory) -> None:
    inventory["app"]["vars"] = {"webapp_mongodb": {"cache_mb": 512}}


def second_app_on_the_same_ports(inventory: Inventory) -> None:
    apps = inventory["all"]["vars"]["webapp_apps"]
    apps["shop"] = {**app(inventory), "domains": ["shop.example.com"]}


CASES: list[tuple[str, Callable[[Inventory], object], list[str]]] = [
    ("duplicate ports", second_app_on_the_same_ports, ["3000", "www", "shop"]),
    ("unknown profile", lambda i: app(i).update(profile="apostrofe"), ["apostrofe", "apostrophe"]),
    ("missing group", lambda i: i.pop("mongodb"), ["the group mongodb has no host"]),
    ("no app hosts", lambda i: i["app"].update(hosts={}), ["app", "no host"]),
    ("no host name", lambda i: app(i).update(domains=["www_example..com"]), ["www_example..com", "is no host name"]),
    ("no source", lambda i: app(i).update(source={"path": "/nowhere/at/all"}), ["/nowhere/at/all", "source.path"]),
    ("unknown key", lambda i: app(i).update(domain=["a.example.com"]), ["domain", "domains"]),
    (
        "a port of root",
        lambda i: app(i).update(services={"web": {"port": 443}}),
        ["web.port: is 443", "1024 and 65535"],
    ),
    (
        "no such branch",
        a_branch_that_is_not_there,
        ["webapp_apps.www.source.version", "has no branch and no tag no-such-branch"],
    ),
    (
        "no runtime",
        lambda i: app(i).update(runtime={"archive": "files/node.tgz"}),
        ["webapp_apps.www.runtime.archive: there is no file files/node.tgz", "hosts/files/node.tgz"],
    ),
    (
        "no mongod",
        lambda i: mongodb(i, {"method": "binary", "binary": "/no/mongod"}),
        ["webapp_mongodb.install.binary: there is no file /no/mongod. Looked at /no/mongod"],
    ),
    (
        "a MongoDB archive without its checksum",
        lambda i: mongodb(i, {"method": "archive", "archive": "https://x.test/mongodb.tgz"}),
        ["webapp_mongodb.install.archive_checksum: is required by method: archive"],
    ),
    (
        "a checksum that is none",
        lambda i: app(i).update(runtime={"archive": __file__, "checksum": "md5:1"}),
        ["webapp_apps.www.runtime.checksum: is 'md5:1', must be a SHA-256"],
    ),
    (
        "another checksum",
        lambda i: app(i).update(runtime={"archive": __file__, "checksum": "0" * 64}),
        ["webapp_apps.www.runtime.checksum", "has the SHA-256", "Fetch the file again"],
    ),
    (
        "exclude beside an archive",
        lambda i: app(i).update(source={"archive": __file__, "exclude": ["x"]}),
        ["webapp_apps.www.source: has exclude, which only path takes"],
    ),
    (
        "environment of the build",
        lambda i: i["all"]["vars"].update(webapp_build_environment={"A-B": "x"}),
        ["webapp_build_environment.A-B: is 'A-B', must be a name of an environment variable"],
    ),
    (
        "settings of one group",
        settings_of_one_group,
        ["webapp_mongodb: is not the same on all hosts (given on app1, app2; absent on db1, db2, db3 and 1 more)"],
    ),
    (
        "no source for a pinned release",
        lambda i: app(i).update(release="v1.2.3", source={"archive": "site-v1.2.3.tgz"}),
        ["webapp_apps.www.source.archive: there is no file site-v1.2.3.tgz"],
    ),
    (
        "a URL where a file is needed",
        lambda i: app(i).update(runtime={"archive": "https://x.test/node.tgz"}),
        ["webapp_apps.www.runtime.archive: is the URL https://x.test/node.tgz, must be a file on this machine"],
    ),
    (
        "an app called as the user of Ansible",
        lambda i: i["all"]["vars"].update(ansible_user="www"),
        ["webapp_apps.www: is the user that Ansible logs in as on app1, app2 (ansible_user)"],
    ),
    ("impossible port", lambda i: app(i).update(services={"web": {"port": 70000}}), ["port", "70000", "65535"]),
]


@pytest.mark.parametrize(("spoil", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_refused_before_any_host_is_asked(
    tmp_path: Path, spoil: Callable[[Inventory], object], words: list[str]
) -> None:
    code, output = run(tmp_path, spoil)
    assert code != 0
    assert [word for word in words if word not in output] == [], output
    assert "UNREACHABLE" not in output, "a host was asked before the input was refused"


def test_what_is_good_goes_on_to_the_hosts(tmp_path: Path) -> None:
    """Without this the tests above could pass on an inventory that is always refused."""
    code, output = run(tmp_path, lambda inventory: None)
    assert code != 0
    assert "UNREACHABLE" in output


@pytest.mark.parametrize(
    "arguments", [("--tags", "firewall"), ("--tags", "nginx"), ("--skip-tags", "app"), ("--limit", "lb1,db1")]
)
def test_what_the_run_does_not_use_may_be_missing(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """A source that has been moved, and a git server that is silent, do not hinder work on other parts."""

    def gone(inventory: Inventory) -> None:
        apps = inventory["all"]["vars"]["webapp_apps"]
        apps["shop"] = {**app(inventory), "domains": ["shop.example.com"], "services": {"web": {"port": 3100}}}
        inventory["all"]["vars"]["webapp_secrets"] |= {
            name.replace("www", "shop"): "0" * 32 for name in SECRETS if name.startswith("www")
        }
        app(inventory).update(source={"path": "/nowhere/at/all"}, runtime={"archive": "/nowhere/node.tgz"})
        apps["shop"].update(source={"git": "file:///no/such/repository", "version": "main"})

    code, output = run(tmp_path, gone, *arguments)
    assert code != 0
    assert "/nowhere" not in output
    assert "does not answer" not in output
    assert "UNREACHABLE" in output
    code, output = run(tmp_path, gone)
    assert "The plan has 2 problems" in output


def test_an_even_number_of_voters_warns_and_goes_on(tmp_path: Path) -> None:
    code, output = run(tmp_path, lambda inventory: inventory["mongodb"]["hosts"].pop("db3"))
    assert code != 0
    assert "[WARNING]" in output
    assert "voting members" in output
    assert "UNREACHABLE" in output


def test_what_is_odd_warns_and_goes_on(tmp_path: Path) -> None:
    """A typo in a name, a cache without a host, a git server that says nothing, packages that nobody has."""

    def odd(inventory: Inventory) -> None:
        inventory["all"]["vars"].update(webapp_mongdb={}, webapp_redis={})
        app(inventory).update(source={"git": "file:///no/such/repository", "version": "main"})

    code, output = run(tmp_path, odd)
    assert code != 0
    assert (
        "Nothing reads the variable webapp_mongdb of app1, app2, db1 and 3 more. Did you mean webapp_mongodb?" in output
    )
    assert "There is no redis: the group cache has no host, though webapp_redis is given" in output
    assert "file:///no/such/repository does not answer, so no release can be built from it now" in output
    assert "webapp_mongodb.install has no repository" in output
    assert "UNREACHABLE" in output


def this_machine(inventory: Inventory, **variables: Any) -> None:
    """One host that is really asked, in check mode so that a failure of the test changes nothing either."""
    here = {"ansible_connection": "local", "ansible_host": "127.0.0.1", **variables}
    inventory["all"]["hosts"] = {"here": {**here, "ansible_python_interpreter": "/usr/bin/python3"}}
    for group in ("loadbalancer", "app", "mongodb"):
        inventory[group]["hosts"] = {"here": {}}


def test_a_host_with_too_little_memory_is_refused(tmp_path: Path) -> None:
    def too_many(inventory: Inventory) -> None:
        this_machine(inventory)
        app(inventory).update(services={"web": {"instances": 900}})

    code, output = run(tmp_path, too_many, "--check")
    assert code != 0
    assert "MB are declared for services" in output
    assert "PLAY [Open what the plan needs" not in output, "the run went on after the check of the host"


def test_a_host_without_the_interface_of_the_virtual_ip_is_refused(tmp_path: Path) -> None:
    def elsewhere(inventory: Inventory) -> None:
        this_machine(inventory)
        vip = {"address": "127.0.0.100", "prefix": 24, "interface": "no0", "router_id": 51}
        inventory["all"]["vars"]["webapp_vip"] = vip

    code, output = run(tmp_path, elsewhere, "--check")
    assert code != 0
    there = ", ".join(sorted(name for _index, name in socket.if_nameindex()))
    assert f"no0 is not a network interface of this host (interfaces): it has {there}" in output
    assert "PLAY [Open what the plan needs" not in output, "the run went on after the check of the host"


def test_an_account_of_somebody_else_is_not_taken_over(tmp_path: Path) -> None:
    """By site.yml and by the role. The plan is made by hand, as the planner refuses what Debian calls its accounts."""
    wanted = {"user": "daemon", "root": "/opt/webapp/daemon", "hosts": ["localhost"]}
    host = {"memory_mb": 0, "processes": 0, "groups": ["app"], "instances": []}
    nothing: dict[str, list[Any]] = {"ports": [], "addresses": [], "interfaces": []}
    variables = {
        "webapp_plan": {"apps": {"shop": wanted}, "hosts": {"localhost": {**host, "listens": nothing}}},
        "app_name": "shop",
        "app_user": "daemon",
        "app_address": "127.0.0.1",
        "app_services": {},
    }
    plays = {
        "site": {"ansible.builtin.import_tasks": str(TOP / "playbooks" / "steps" / "preflight.yml")},
        "role": {"ansible.builtin.import_role": {"name": "scaleout.webapp.app"}},
    }
    for name, task in plays.items():
        path = tmp_path / f"{name}.yml"
        path.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]))
        command = ["ansible-playbook", str(path), "--check", "-e", json.dumps(variables), "-i", "localhost,"]
        command += ["-e", "ansible_connection=local ansible_python_interpreter=/usr/bin/python3"]
        done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode != 0
        assert "the account daemon is there already (accounts), with the home /usr/sbin and the shell" in done.stdout


def test_a_host_with_a_foreign_process_on_a_port_or_another_address_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def taken(inventory: Inventory) -> None:
            this_machine(inventory, webapp_address="192.0.2.1")
            app(inventory).update(services={"web": {"port": port, "instances": 1}})

        code, output = run(tmp_path, taken, "--check")
    assert code != 0
    assert f"port {port}, meant for www-*@{port}, is held by" in output
    assert "192.0.2.1 is not an address of this host" in output
    assert "PLAY [Open what the plan needs" not in output, "the run went on after the check of the host"
