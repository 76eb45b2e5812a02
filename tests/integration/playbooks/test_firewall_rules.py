# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory says about SSH comes as far as the rules of the firewall, as check mode shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.playbook import run

PLAYBOOKS = Path(__file__).resolve().parents[3] / "playbooks"
GROUPS = ("loadbalancer", "app", "mongodb")


@pytest.mark.parametrize(
    ("variables", "ports"), [({}, [22]), ({"ansible_port": 2222}, [2222, 22])], ids=["the usual port", "another"]
)
def test_ssh_is_let_in_where_ansible_comes_in(tmp_path: Path, variables: dict[str, Any], ports: list[int]) -> None:
    """Behind a forwarded port it is the usual one."""
    here = {
        "ansible_connection": "local",
        "ansible_host": "192.0.2.1",
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    apps = {"www": {"profile": "apostrophe", "domains": ["www.example.com"], "source": {"path": str(tmp_path)}}}
    given = {"webapp_apps": apps, "webapp_firewall": {"ssh_sources": ["198.51.100.0/24"]}}
    inventory = {
        "all": {"hosts": {"here": {**here, **variables}}, "vars": given},
        **{group: {"hosts": {"here": {}}} for group in GROUPS},
    }
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(inventory))
    play = {
        "hosts": "all",
        "vars_files": [str(PLAYBOOKS / "vars" / "firewall.yml")],
        "tasks": [
            {"ansible.builtin.import_tasks": str(PLAYBOOKS / "steps" / "firewall.yml")},
        ],
    }
    planned = {"ansible.builtin.import_playbook": str(PLAYBOOKS / "_plan.yml")}
    (tmp_path / "play.yml").write_text(yaml.safe_dump([planned, play]))
    done = run(
        tmp_path / "play.yml",
        "--check",
        "--diff",
        "--tags",
        "firewall_configure",
        inventory=str(tmp_path / "hosts.yml"),
    )
    assert done.code == 0, done.output
    shown = [line.strip(" +") for line in done.output.splitlines()]
    rules = [line.partition(" accept")[0] for line in shown if "SSH" in line]
    assert rules == [f"ip saddr {{ 198.51.100.0/24 }} tcp dport {{ {port} }}" for port in ports]
