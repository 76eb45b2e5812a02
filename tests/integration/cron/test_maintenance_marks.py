# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The marks by which hosts know whose jobs rest: the newest of all hosts counts."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from tests.support.playbook import TOP, run

FOLDER = "/var/lib/scaleout-webapp"


def test_maintenance_outlasts_an_older_word_of_a_host_that_was_down(tmp_path: Path) -> None:
    plays = yaml.safe_load((TOP / "playbooks" / "maintenance.yml").read_text())
    [noting] = [play for play in plays if play["name"] == "Note whose jobs rest"]
    here, down = tmp_path / "here", tmp_path / "down"
    down.mkdir()
    play = {"hosts": "all", "gather_facts": False, "vars": {"webapp_chosen": ["www"]}, "tasks": noting["tasks"]}
    playbook = tmp_path / "play.yml"
    playbook.write_text(json.dumps([play]).replace(FOLDER, str(here)))
    inventory = tmp_path / "hosts.yml"
    local = {"ansible_connection": "local", "ansible_python_interpreter": "/usr/bin/python3"}
    inventory.write_text(json.dumps({"all": {"hosts": {"app1": local}}}))
    on = ["-e", "webapp_maintenance=on"]
    assert run(playbook, *on, inventory=str(inventory)).changed() > 0
    # Maintenance ended on one host while the other one could not be reached.
    (down / "jobs.www.resume").touch()
    assert run(playbook, *on, inventory=str(inventory)).changed() == 0
    newest = max([*here.iterdir(), *down.iterdir()], key=lambda path: path.stat().st_mtime_ns)
    assert newest == here / "jobs.www.rest"
