"""A restore that was interrupted, and members that came or went since: what it finds decides how it goes on."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.mongodb.mongods import REPOSITORY
from tests.support.full import LONG

ARCHIVE = "rs0-20260101T000000Z.tar.zst"
NOT_THERE = "must be in /var/backups/mongodb of a member that can become primary"


def restore(folder: Path, phases: dict[str, str]) -> str:
    """Check what it would do on these hosts, each a folder here; empty for a phase is a host without a note."""
    hosts = {}
    for number, (name, phase) in enumerate(phases.items()):
        data = folder / name / "data"
        data.mkdir(parents=True)
        if phase:
            note = {"archive": ARCHIVE, "source": "m1", "phase": phase}
            data.with_name("data.restoring").write_text(json.dumps(note))
        hosts[name] = {"mongodb_address": f"192.0.2.{number}", "mongodb_data_path": str(data)}
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "mongodb_members": [f"192.0.2.{number}:27017" for number in range(len(hosts))],
        "mongodb_keyfile_content": "a2V5IG9mIHRoZSB0ZXN0cw==",
        "mongodb_admin_password": "not asked for",
        "mongodb_restore_archive": ARCHIVE,
    }
    (folder / "hosts.json").write_text(json.dumps({"all": {"vars": variables, "hosts": hosts}}))
    role = {"name": "scaleout.webapp.mongodb", "tasks_from": "restore"}
    play = [{"hosts": "all", "gather_facts": False, "tasks": [{"ansible.builtin.include_role": role}]}]
    (folder / "play.yml").write_text(json.dumps(play))
    run = subprocess.run(
        [str(Path(sys.executable).parent / "ansible-playbook"), "play.yml", "-i", "hosts.json", "--check"],
        env={**os.environ, "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return "" if run.returncode == 0 else re.sub(r"\s+", " ", run.stdout)


@pytest.mark.parametrize(
    ("phases", "refused"),
    [
        pytest.param({"m1": "exchanged", "m2": "exchanged", "m3": ""}, "", id="one came", marks=LONG),
        pytest.param({"m1": "exchanged", "m3": "exchanged"}, "", id="one went"),
        pytest.param({"m1": "exchanged", "m2": "begun", "m3": ""}, NOT_THERE, id="not all was exchanged", marks=LONG),
        pytest.param({"m1": "finished", "m2": "exchanged"}, NOT_THERE, id="it is over", marks=LONG),
        pytest.param(
            {"m2": "exchanged", "m3": "exchanged"},
            "m1, which has the data, is not in this run",
            id="the source went",
            marks=LONG,
        ),
    ],
)
def test_members_that_came_or_went(tmp_path: Path, phases: dict[str, str], refused: str) -> None:
    """With all data exchanged the archive is not needed any more, and none is there."""
    said = restore(tmp_path, phases)
    assert refused in said if refused else not said
