"""What the role asks a set that runs, before it touches anything."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.mongodb.changes import done, made
from tests.integration.mongodb.mongods import ADMIN, Mongod, Start, replica_set, run_module, run_playbook, wait_for

HANG = "initialSyncHangBeforeCopyingDatabases"


def asked(folder: Path, server: Mongod, state: str, installed: str, **more: Any) -> dict[str, Any]:
    """The last task of the questions, about a mongod that may differ from the one that is installed."""
    program = folder / "installed"
    program.write_text(installed)
    wanted = folder / "wanted"
    wanted.write_text("#!/bin/sh\necho db version v6.0.24\n")
    wanted.chmod(0o755)
    variables = {
        "mongodb_port": server.port,
        "mongodb_admin_password": ADMIN["login_password"],
        "mongodb_install_method": "binary",
        "mongodb_binary": str(wanted),
        "mongodb_wait_timeout": 20,
        "__mongodb_executable": str(program),
        "__mongodb_before_read": {"stdout": json.dumps({"state": state, "tls_mode": "disabled"})},
        **more,
    }
    given = folder / "variables.json"
    given.write_text(json.dumps(variables))
    role = {"name": "scaleout.webapp.mongodb", "tasks_from": "running_set"}
    results = run_playbook(folder, [{"ansible.builtin.include_role": role}], sys.executable, "-e", f"@{given}")
    return results[-1]


@pytest.fixture
def leaderless(start: Start, keyfile: Path) -> Mongod:
    """One of three, with the others gone."""
    servers, _login = made(start, 3, keyfile)
    for server in servers[1:]:
        server.stop()
    wait_for(lambda: not servers[0].hello().get("primary"))
    return servers[0]


def test_another_program_waits_for_a_primary(leaderless: Mongod, tmp_path: Path) -> None:
    refused = asked(tmp_path, leaderless, "without a primary", "another program")
    assert "the member knows none" in refused["msg"], refused
    assert "mongodb_force" in refused["msg"]
    same = (tmp_path / "wanted").read_text()
    assert not asked(tmp_path, leaderless, "without a primary", same).get("failed")


def test_a_member_without_the_data_is_asked_for_its_version(start: Start, keyfile: Path, tmp_path: Path) -> None:
    servers, login = made(start, 3, keyfile)
    (new,) = start(
        1, keyfile=keyfile, parameters={"enableTestCommands": "1", f"failpoint.{HANG}": "{mode: 'alwaysOn'}"}
    )
    late = replica_set(servers[0], [*servers, new], wait_timeout=3, **login)
    assert "it is STARTUP2" in late["msg"], late
    assert not new.hello()["secondary"]
    found = run_module("mongodb_fcv", {"login_port": servers[0].port, "upgrade_to": "6.0.24", **login})
    assert sorted(found["running"]) == sorted(server.address for server in [*servers, new])
    assert not asked(tmp_path, new, "catching up", "another program").get("failed")
    new.ask("configureFailPoint", HANG, mode="off")
    done(replica_set(servers[0], [*servers, new], **login))
