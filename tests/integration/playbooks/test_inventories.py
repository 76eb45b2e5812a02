# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventories that come with the collection can be planned as they are, and Molecule's hosts can be reached."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[3]


def play(playbook: str, inventory: str, cache: Path) -> tuple[int, str]:
    """As in a fresh clone: nothing that quickstart downloads is there yet."""
    command = ["ansible-playbook", f"playbooks/{playbook}.yml", "-i", f"inventories/{inventory}"]
    environment = {**os.environ, "SCALEOUT_CACHE": str(cache), "ANSIBLE_TIMEOUT": "1"}
    done = subprocess.run(command, cwd=TOP, env=environment, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize("inventory", ["demo", "single", "ha"])
def test_it_can_be_planned_before_its_files_are_there(tmp_path: Path, inventory: str) -> None:
    code, output = play("plan", inventory, tmp_path)
    assert code == 0, output
    assert "www (apostrophe)" in output
    assert "MongoDB replica set rs0" in output
    assert "[WARNING]: webapp_apps.www.runtime.archive: there is no file" in output


@pytest.mark.parametrize("inventory", ["demo", "single", "ha"])
def test_no_host_is_touched_before_its_files_are_there(tmp_path: Path, inventory: str) -> None:
    code, output = play("site", inventory, tmp_path)
    assert code != 0
    assert "Nothing was touched." in output
    assert "webapp_apps.www.runtime.archive: there is no file" in output
    assert "webapp_mongodb.install." in output
    assert "UNREACHABLE" not in output


def variables(*inventories: str) -> dict[str, dict[str, str]]:
    """Of each host, as Ansible reads them."""
    options = [option for inventory in inventories for option in ("-i", inventory)]
    command = ["ansible-inventory", *options, "--list"]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout)["_meta"]["hostvars"])


@pytest.mark.parametrize(
    ("scenario", "base", "network"),
    [("default", "demo", "scaleout-molecule"), ("single", "single", "scaleout-single")],
)
def test_the_hosts_of_a_scenario_are_made_and_reached_like_those_of_the_demo(
    scenario: str, base: str, network: str
) -> None:
    (demo, *_others) = variables("inventories/demo").values()
    names = ("ansible_user", "ansible_ssh_private_key_file", "ansible_ssh_extra_args", "scaleout_cache")
    hosts = variables(f"inventories/{base}", f"molecule/{scenario}/inventory")
    assert hosts
    for name, host in hosts.items():
        assert {key: host.get(key) for key in names} == {key: demo[key] for key in names}, name
        assert host["testhost_network"] == network
        assert host["testhost_image"].startswith("debian")
