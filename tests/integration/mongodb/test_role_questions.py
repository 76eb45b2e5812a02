"""What the role asks a set that runs: before it touches anything, and before it restarts a member."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.mongodb.changes import done, made
from tests.integration.mongodb.mongods import (
    ADMIN,
    HOST,
    Mongod,
    Start,
    make_set,
    replica_set,
    run_module,
    run_playbook,
    wait_for,
)
from tests.support.full import LONG
from tests.support.ports import free_port

HANG = "initialSyncHangBeforeCopyingDatabases"


def asked(folder: Path, server: Mongod, state: str, installed: str) -> dict[str, Any]:
    """The last task of the questions, about a mongod that may differ from the one that is installed."""
    program = folder / "installed"
    program.write_text(installed)
    wanted = folder / "wanted"
    wanted.write_text("#!/bin/sh\necho db version v6.0.24\n")
    wanted.chmod(0o755)
    variables = {
        "mongodb_install_method": "binary",
        "mongodb_binary": str(wanted),
        "__mongodb_executable": str(program),
        "__mongodb_before_read": {"stdout": json.dumps({"state": state, "tls_mode": "disabled"})},
    }
    return last_of("running_set", folder, server, variables)


def last_of(stage: str, folder: Path, server: Mongod, variables: dict[str, Any]) -> dict[str, Any]:
    """The result of the last task of a stage, on this machine."""
    common = {"mongodb_port": server.port, "mongodb_admin_password": ADMIN["login_password"]}
    given = folder / "variables.json"
    given.write_text(json.dumps({**common, **variables}))
    role = {"name": "scaleout.webapp.mongodb", "tasks_from": stage}
    return run_playbook(folder, [{"ansible.builtin.include_role": role}], sys.executable, "-e", f"@{given}")[-1]


@pytest.fixture
def leaderless(start: Start, keyfile: Path) -> Mongod:
    """One of three, with the others gone."""
    servers, _login = made(start, 3, keyfile)
    for server in servers[1:]:
        server.stop()
    wait_for(lambda: not servers[0].hello().get("primary"))
    return servers[0]


@LONG
def test_another_program_waits_for_a_primary(leaderless: Mongod, tmp_path: Path) -> None:
    refused = asked(tmp_path, leaderless, "without a primary", "another program")
    assert "the member knows none" in refused["msg"], refused
    assert "mongodb_force" in refused["msg"]
    same = (tmp_path / "wanted").read_text()
    assert not asked(tmp_path, leaderless, "without a primary", same).get("failed")


@LONG
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


def test_who_is_waited_for_before_a_restart(
    start: Start, keyfile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    systemctl = tmp_path / "bin" / "systemctl"
    systemctl.parent.mkdir()
    systemctl.write_text("#!/bin/sh\nprintf 'LoadState=loaded\\nActiveState=active\\nMainPID=1\\nNRestarts=0\\n'\n")
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{systemctl.parent}:{os.environ['PATH']}")
    servers = start(3, keyfile=keyfile)
    hidden = {"host": servers[2].address, "hidden": True, "priority": 0}
    make_set(servers, [*servers[:2], hidden], ADMIN)
    listed = [server.address for server in servers] + [f"{HOST}:{free_port()}"]
    variables: dict[str, Any] = {
        "mongodb_members": listed,
        "mongodb_address": HOST,
        "mongodb_wait_timeout": 100000,
        "__mongodb_member_read": {"stdout": json.dumps({"state": "primary", "tls_mode": "disabled"})},
    }
    # One that is listed and was never there is nobody's loss.
    went_on = last_of("peers", tmp_path, servers[0], variables)
    assert not went_on.get("failed"), went_on
    servers[2].stop()
    waited = last_of("peers", tmp_path, servers[0], {**variables, "mongodb_wait_timeout": 2})
    assert f"after 2 s {servers[2].address} is silent" in str(waited)
