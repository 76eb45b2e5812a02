# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action on a real inventory: what Ansible hands over, and what it gets back."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

REPO = Path(__file__).resolve().parents[3]
OPAQUE = "opaque-value-of-a-secret"
INVENTORY: dict[str, Any] = {
    "all": {
        "hosts": {
            "lb1": {"ansible_host": "192.0.2.11"},
            "lb2": {"ansible_host": "192.0.2.12"},
            "app1": {"ansible_host": "192.0.2.21", "number": 21, "webapp_address": "10.0.0.{{ number }}"},
            "app2": {"ansible_host": "192.0.2.22", "webapp_instances": {"www": {"web": 1}}},
            "db1": {"ansible_host": "192.0.2.31", "webapp_zone": "a", "mongodb_member": {"priority": 2}},
            "unrelated": {},
        },
        "vars": {
            "webapp_apps": {
                "www": {
                    "profile": "apostrophe",
                    "domains": ["{{ site_name }}.example.com"],
                    "source": {"path": "site"},
                    "environment": {"LITERAL": "x"},
                }
            },
            "site_name": "www",
            "webapp_secrets": {"www_session_secret": OPAQUE},
        },
    },
    "loadbalancer": {"hosts": {"lb2": {}, "lb1": {}}},
    "app": {"children": {"web_servers": {"hosts": {"app1": {}, "app2": {}}}}},
    "mongodb": {"hosts": {"db1": {}}},
}
PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - scaleout.webapp.plan:
      register: planned
      run_once: true
    - ansible.builtin.copy:
        content: "{{ {'plan': planned.plan, 'changed': planned.changed} | to_json }}"
        dest: "{{ playbook_dir }}/{{ inventory_hostname }}.json"
        mode: "0600"
      vars:
        ansible_python_interpreter: "{{ ansible_playbook_python }}"
      connection: local
      check_mode: false
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "inventory" / "site").mkdir(parents=True)
    write(tmp_path, INVENTORY)
    (tmp_path / "play.yml").write_text(PLAYBOOK)
    return tmp_path


def write(folder: Path, inventory: dict[str, Any]) -> None:
    (folder / "inventory" / "hosts.yml").write_text(yaml.safe_dump(inventory, sort_keys=False))


def changed(**variables: Any) -> dict[str, Any]:
    inventory: dict[str, Any] = json.loads(json.dumps(INVENTORY))
    inventory["all"]["vars"].update(variables)
    return inventory


def play(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["ansible-playbook", "-i", str(folder / "inventory" / "hosts.yml"), str(folder / "play.yml"), *options],
        env={**os.environ, "ANSIBLE_CONFIG": str(REPO / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_hosts_out_of_limit_are_planned_and_no_secret_is_seen(folder: Path) -> None:
    done = play(folder, "--limit", "app2,db1", "--check", "-vvv", "--diff")
    assert done.returncode == 0, done.stdout + done.stderr
    seen = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    assert sorted(seen) == ["app2", "db1"]
    result = seen["app2"]
    plan = result["plan"]
    assert plan == seen["db1"]["plan"]
    assert result["changed"] is False
    assert list(plan["hosts"]) == ["lb1", "lb2", "app1", "app2", "db1"]
    assert plan["hosts"]["app1"]["address"] == "10.0.0.21"
    assert plan["hosts"]["app1"]["groups"] == ["app"]
    assert plan["hosts"]["db1"]["zone"] == "a"
    assert [plan["hosts"][name]["processes"] for name in ("app1", "app2")] == [2, 1]
    assert plan["mongodb"]["members"] == [{"host": "192.0.2.31:27017", "priority": 2, "tags": {"zone": "a"}}]
    assert plan["apps"]["www"]["domains"] == ["www.example.com"]
    assert plan["apps"]["www"]["source"] == {"path": str((folder / "inventory" / "site").resolve())}
    assert OPAQUE not in done.stdout + done.stderr + json.dumps(plan)
    assert "There are 2 balancers and no webapp_vip" in done.stderr


def test_numbers_given_to_one_run_are_told(folder: Path) -> None:
    done = play(folder, "-e", json.dumps({"webapp_instances": {"www": {"web": 3}}}))
    assert done.returncode == 0, done.stdout + done.stderr
    plan = json.loads((folder / "app2.json").read_text())["plan"]
    assert [plan["hosts"][name]["processes"] for name in ("app1", "app2")] == [3, 3]
    assert "webapp_instances is given by -e" in done.stderr


def test_everything_wrong_is_reported_at_once(folder: Path) -> None:
    tls = {"certificate": "site.crt", "key": "/k.pem", "on_host": False}
    site = {"profile": "no_such", "domains": ["x.test"], "source": {"archive": "site"}, "tls": tls}
    inventory = changed(webapp_apps={"www": site}, webapp_mongodb={"settings": "{{ nobody_knows }}"})
    inventory["all"]["hosts"]["app2"]["ansible_port"] = "ssh"
    inventory["all"]["hosts"]["app1"]["webapp_address"] = "{{ ansible_facts.default_ipv4.address }}"
    write(folder, inventory)
    done = play(folder)
    assert done.returncode != 0
    text = done.stdout + done.stderr
    assert "The plan has 7 problems. Nothing was touched." in text
    assert "webapp_apps.www.profile: no profile is called no_such" in text
    assert f"webapp_apps.www.source.archive: there is no file site. Looked at {folder}/inventory/site" in text
    assert f"webapp_apps.www.tls.certificate: there is no file site.crt. Looked at {folder}/inventory/site.crt" in text
    assert "webapp_apps.www.tls.key: there is no file /k.pem. Looked at /k.pem" in text
    assert "webapp_mongodb: cannot be read: 'nobody_knows' is undefined" in text
    assert "inventory: webapp_address of app1 cannot be read" in text
    assert "inventory: ansible_port of app2 is 'ssh', must be a number" in text
    assert not list(folder.glob("*.json"))


def test_one_value_for_the_cluster_and_names_that_nothing_reads(folder: Path) -> None:
    inventory = changed(webapp_mongdb={"cache_mb": 512}, webapp_vip_address="10.0.0.9")
    inventory["mongodb"]["vars"] = {"webapp_mongodb": {"cache_mb": 1024}}
    inventory["loadbalancer"]["vars"] = {"webapp_build_environment": {"A": "{{ inventory_hostname }}"}}
    inventory["all"]["vars"]["webapp_build_environment"] = {"A": "x"}
    inventory["all"]["vars"]["webapp_redis"] = {"port": "{{ 6000 + inventory_hostname | length }}"}
    inventory["all"]["hosts"]["app2"]["webapp_zome"] = "a"
    write(folder, inventory)
    done = play(folder)
    assert done.returncode != 0
    text = " ".join((done.stdout + done.stderr).split())
    assert "The plan has 2 problems. Nothing was touched." in text
    assert (
        "webapp_mongodb: is not the same on all hosts (absent on lb1, lb2, app1 and 1 more; another value on db1). "
        "The cluster has one value: put it into group_vars/all"
    ) in text
    assert (
        "webapp_build_environment: is not the same on all hosts (given on lb1, lb2; another value on app1, app2, db1)"
    ) in text

    write(folder, changed(webapp_mongdb={"cache_mb": 512}, webapp_vip_address="10.0.0.9"))
    done = play(folder)
    assert done.returncode == 0
    text = " ".join((done.stdout + done.stderr).split())
    assert (
        "Nothing reads the variable webapp_mongdb of lb1, lb2, app1 and 2 more. Did you mean webapp_mongodb?"
    ) in text
    assert text.count("Nothing reads the variable") == 2


def test_a_second_plan_in_one_run_knows_what_the_first_one_left(folder: Path) -> None:
    """site.yml twice in one run: its facts are variables of hosts then."""
    done = subprocess.run(
        [
            "ansible-playbook",
            "-i",
            str(folder / "inventory" / "hosts.yml"),
            *[str(REPO / "playbooks" / "_plan.yml")] * 2,
        ],
        env={**os.environ, "ANSIBLE_CONFIG": str(REPO / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing reads" not in done.stderr


def test_a_profile_beside_the_inventory(folder: Path) -> None:
    own = folder / "inventory" / "profiles" / "mine.yml"
    own.parent.mkdir()
    own.write_text("description: x\nruntime: {name: node}\nservices: {}\nroutes: []\n")
    site = {"profile": "mine", "domains": ["x.test"], "source": {"path": "site"}}
    write(folder, changed(webapp_apps={"www": site}))
    done = play(folder)
    assert f"{own}: services: names no service" in done.stdout + done.stderr
