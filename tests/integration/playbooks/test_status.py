# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the last play of status.yml shows of what hosts said. The hosts are names only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.playbook import TOP, run

WELL = {
    "fire": "2026-11-21T02:13:00Z",
    "node": "h2",
    "state": "finished",
    "exit_code": 0,
    "seconds": 2.5,
    "timed_out": False,
    "why": "",
    "tail": "",
}
SILENT = "cron-guard: the store does not answer: h1:27017: timed out"


def show(folder: Path, *asked: dict[str, Any]) -> str:
    """The last play alone, with what each host answered when it was asked for the last runs."""
    play = yaml.safe_load((TOP / "playbooks/status.yml").read_text())[-1]
    assert play["name"] == "Show it"
    (folder / "play.yml").write_text(yaml.safe_dump([play]))
    (folder / "vars").symlink_to(TOP / "playbooks/vars")
    due = {"running": False, "started": None, "ended": None, "exit_code": None, "result": None, "next": 1767312000}
    service = {"health": {}, "instances": [{"host": "h1", "port": 3000}]}
    app = {"hosts": [], "services": {"web": service}, "jobs": [{"strategy": "lease", "cron": {"id": "mail"}}]}
    names = [f"h{at}" for at, _said in enumerate(asked, 1)]
    plan = {
        "apps": {"www": app},
        "hosts": {name: {"address": "192.0.2.1", "groups": ["app"]} for name in names},
        "vip": None,
        "secrets": [],
    }
    unit = {"unit": "www-web@3000.service", "release": "v7", "running": True}
    hosts = {
        name: {
            "ansible_connection": "local",
            "webapp_plan": plan,
            "webapp_secrets_report": {},
            "webapp_instances_there": {"instances": [unit]},
            "webapp_jobs_there": {"results": [{"item": "www", "last": {"mail": due}}]},
            "webapp_leases": said,
        }
        for name, said in zip(names, asked)
    }
    members: dict[str, Any] = {name: {} for name in names}
    inventory = {"all": {"hosts": hosts, "children": {"app": {"hosts": members}, "loadbalancer": {}}}}
    (folder / "hosts.json").write_text(json.dumps(inventory))
    done = run(folder / "play.yml", inventory=str(folder / "hosts.json"))
    assert done.code == 0, done.output
    assert "v7" in done.output
    assert "deploy lock: free" in done.output
    return " ".join(done.output.split())


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"rc": 69, "stdout": SILENT, "stderr": ""}, SILENT),
        ({"rc": 78, "stdout": "cron-guard: the store is refused", "stderr": ""}, "cron-guard: the store is refused"),
        ({"rc": 1, "stdout": "", "stderr": "Traceback:\n  File\nPermissionError: no"}, "PermissionError: no"),
        ({"rc": 2, "stdout": "", "stderr": "", "msg": "[Errno 2] No such file"}, "[Errno 2] No such file"),
        ({"rc": 137, "stdout": "", "stderr": ""}, "exit code 137"),
    ],
)
def test_a_store_that_does_not_answer_hides_nothing_else(tmp_path: Path, answer: dict[str, Any], said: str) -> None:
    output = show(tmp_path, answer, {"unreachable": True})
    assert "mail lease not known - - 2026-01-02 00:00:00" in output
    assert f"no last runs of guarded jobs from h1: {said} deploy lock" in output


def test_one_host_that_can_ask_is_enough(tmp_path: Path) -> None:
    good = {"rc": 0, "stdout": json.dumps({"www/mail": [WELL]}), "stderr": ""}
    output = show(tmp_path, {"rc": 69, "stdout": SILENT, "stderr": ""}, good, {"skipped": True})
    assert "mail lease h2 2026-11-21 02:13:00 finished, exit code 0, 2.5 s" in output
    assert f"no last runs of guarded jobs from h1: {SILENT}" in output
