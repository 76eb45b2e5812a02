"""Options of the role as given on the command line: `-e key=value` makes texts of numbers, truths and lists."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.mongodb.changes import config_of, done, made
from tests.integration.mongodb.mongods import REPOSITORY, Mongod, Start, replica_set, wait_for
from tests.support.full import LONG


def make_exactly(folder: Path, server: Mongod, *extra: str) -> str:
    """The role's task for the set, on this machine; what Ansible said."""
    role = {"name": "scaleout.webapp.mongodb", "tasks_from": "exact_set"}
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "mongodb_members": [server.address],
        "mongodb_admin_user": None,
        "mongodb_admin_password": None,
    }
    tasks = [{"ansible.builtin.include_role": role}]
    play = [{"hosts": "localhost", "gather_facts": False, "vars": variables, "tasks": tasks}]
    (folder / "play.yml").write_text(json.dumps(play))
    program = str(Path(sys.executable).parent / "ansible-playbook")
    given = [part for option in (f"mongodb_port={server.port}", *extra) for part in ("-e", option)]
    run = subprocess.run(
        [program, "play.yml", "-i", os.devnull, *given],
        env={**os.environ, "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return re.sub(r"\s+", " ", run.stdout)


@pytest.mark.parametrize("as_json", [False, pytest.param(True, marks=LONG)])
def test_force_on_the_command_line(start: Start, tmp_path: Path, as_json: bool) -> None:
    servers, _login = made(start, 3)
    survivor, lost = servers[0], servers[1:]
    for server in lost:
        server.stop()
    wait_for(lambda: not survivor.hello().get("primary"))
    names = [server.address for server in lost]
    force = (
        [json.dumps({"mongodb_force": True, "mongodb_lost_members": names})]
        if as_json
        else ["mongodb_force=true", f"mongodb_lost_members={','.join(names)}"]
    )
    more = ["mongodb_wait_timeout=60", "mongodb_max_lag=10"]
    assert "changed=1" in make_exactly(tmp_path, survivor, *force, *more)
    assert [member["host"] for member in config_of(survivor)["members"]] == [survivor.address]
    assert "changed=0" in make_exactly(tmp_path, survivor, *more, "mongodb_force=no")
    assert not done(replica_set(survivor, [survivor]))
