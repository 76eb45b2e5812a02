# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site.yml refuses what cannot work with a message of its own, before it has spoken to any host."""

from __future__ import annotations

import copy
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
    path = tmp_path / "hosts.yml"
    path.write_text(yaml.safe_dump(inventory))
    command = ["ansible-playbook", "playbooks/site.yml", "-i", str(path), *arguments]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def app(inventory: Inventory) -> dict[str, Any]:
    return dict.__getitem__(inventory["all"]["vars"]["webapp_apps"], "www")


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
    ("impossible port", lambda i: app(i).update(services={"web": {"port": 70000}}), ["port", "70000", "65535"]),
    (
        "absent secret",
        lambda i: i["all"]["vars"]["webapp_secrets"].pop("mongodb_keyfile"),
        ["webapp_secrets lacks mongodb_keyfile"],
    ),
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


def test_an_even_number_of_voters_warns_and_goes_on(tmp_path: Path) -> None:
    code, output = run(tmp_path, lambda inventory: inventory["mongodb"]["hosts"].pop("db3"))
    assert code != 0
    assert "[WARNING]" in output
    assert "voting members" in output
    assert "UNREACHABLE" in output


def test_a_host_with_too_little_memory_is_refused(tmp_path: Path) -> None:
    """Asked for real on this machine, in check mode so that a failure of the test changes nothing either."""

    def too_many(inventory: Inventory) -> None:
        here = {"ansible_connection": "local", "ansible_host": "127.0.0.1"}
        inventory["all"]["hosts"] = {"here": {**here, "ansible_python_interpreter": "/usr/bin/python3"}}
        for group in ("loadbalancer", "app", "mongodb"):
            inventory[group]["hosts"] = {"here": {}}
        app(inventory).update(services={"web": {"instances": 900}})

    code, output = run(tmp_path, too_many, "--check")
    assert code != 0
    assert "MB" in output
    assert "memory" in output
    assert "PLAY [Open what the plan needs" not in output, "the run went on after the check of the host"
