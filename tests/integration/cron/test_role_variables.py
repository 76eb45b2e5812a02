# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role makes of its variables, as Ansible reads them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.support.playbook import run

ROLE = Path(__file__).parents[3] / "roles" / "singleton_cron"


def of_hosts(folder: Path, name: str, **given: Any) -> dict[str, Any]:
    """A variable of the role on the hosts a, b and c."""
    keep = {
        "ansible.builtin.copy": {
            "content": f"{{{{ {name} | to_json }}}}",
            "dest": f"{folder}/{{{{ inventory_hostname }}}}",
        }
    }
    files = [str(ROLE / part / "main.yml") for part in ("defaults", "vars")]
    play = {"hosts": "all", "gather_facts": False, "connection": "local", "vars_files": files, "tasks": [keep]}
    own = {"role_path": str(ROLE), "ansible_python_interpreter": sys.executable}
    playbook = folder / "play.yml"
    playbook.write_text(json.dumps([{**play, "vars": own}]))
    (folder / "hosts").write_text("a\nb\nc\n")
    (folder / "given.json").write_text(json.dumps(given))
    assert run(playbook, "-e", f"@{folder}/given.json", inventory=str(folder / "hosts")).code == 0
    return {host: json.loads((folder / host).read_text()) for host in "abc"}


def test_a_host_looks_at_the_jobs_that_it_may_be_given(tmp_path: Path) -> None:
    jobs = [
        {"id": "both", "candidates": ["a", "b"]},
        {"id": "owned", "candidates": ["b"], "owner": "a"},
        {"id": "own", "candidates": ["a"], "owner": "a", "secret_env": {"TOKEN": "opaque"}},
        {"id": "gone", "candidates": ["a"], "state": "absent"},
    ]
    found = of_hosts(tmp_path, "__singleton_cron_possible", singleton_cron_jobs=jobs, singleton_cron_drained=["b"])
    assert "opaque" not in json.dumps(found)
    assert {host: [job["id"] for job in found[host]] for host in "abc"} == {
        "a": ["both", "own", "owned"],
        "b": [],
        "c": [],
    }


def test_secrets_are_given_apart_from_jobs(tmp_path: Path) -> None:
    secret = {"TOKEN": "a\\b\t'\"opaque"}
    jobs = [
        {"id": "one", "candidates": ["a"], "env": {"A": "1"}, "secret_env": secret},
        {"id": "two", "candidates": ["a"]},
    ]
    (tmp_path / "open").mkdir()
    assert of_hosts(tmp_path, "__singleton_cron_secret_env", singleton_cron_jobs=jobs)["a"] == {"one": secret}
    assert of_hosts(tmp_path / "open", "__singleton_cron_open", singleton_cron_jobs=jobs)["a"] == [
        {"id": "one", "candidates": ["a"], "env": {"A": "1"}},
        {"id": "two", "candidates": ["a"]},
    ]
    tasks = yaml.safe_load((ROLE / "tasks" / "configure.yml").read_text())
    calls = [task["scaleout.webapp.singleton_cron"] for task in tasks if "scaleout.webapp.singleton_cron" in task]
    given = [call["jobs"] for call in calls if "jobs" in call]
    assert ["possible" in given[0], "_open" in given[1], "_wanted" in " ".join(given)] == [True, True, False]
