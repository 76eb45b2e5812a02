# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role takes away from a host that is no member any more."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.mongodb.mongods import REPOSITORY, run_playbook

ROLE = REPOSITORY / "roles" / "mongodb"
KEY = "/etc/mongod.pem"
CA = "/etc/mongod-ca.pem"
SOURCES = "/etc/apt/sources.list.d/mongodb.sources"


def files(folder: Path, given: dict[str, Any]) -> list[str]:
    """What is removed, by what was given."""
    tasks: list[dict[str, Any]] = [
        {"ansible.builtin.include_vars": str(ROLE / place / "main.yml")} for place in ("defaults", "vars")
    ]
    tasks.append({"ansible.builtin.debug": {"var": "__mongodb_files"}})
    shown = run_playbook(folder, tasks, sys.executable, "-e", json.dumps(given))[-1]
    return list(shown["__mongodb_files"])


@pytest.mark.parametrize(
    ("given", "own", "others"),
    [
        pytest.param(
            {
                "mongodb_repository": {"key": "https://example.org/server.asc"},
                "mongodb_tls_ca_content": "certificates",
                "mongodb_tls_certificate_content": "certificate and key",
            },
            {KEY, CA, SOURCES, "/etc/apt/keyrings/mongodb.asc"},
            {"/etc/mongod.conf", "/usr/bin/mongod"},
            id="packages",
        ),
        pytest.param({"mongodb_repository": None}, set(), {KEY, CA, SOURCES}, id="nothing of ours"),
        pytest.param(
            {"mongodb_install_method": "archive", "mongodb_archive": "https://example.org/mongodb-7.0.14.tgz"},
            {"/etc/mongod.conf", "/opt/mongodb/mongodb-7.0.14"},
            {KEY, CA, SOURCES, "/opt/mongodb"},
            id="archive",
        ),
        # An older one may be what is there, and somebody else's data beside it.
        pytest.param(
            {"mongodb_install_method": "archive", "mongodb_archive": ""}, set(), {"/opt/mongodb/"}, id="no archive"
        ),
    ],
)
def test_what_the_role_wrote_goes(tmp_path: Path, given: dict[str, Any], own: set[str], others: set[str]) -> None:
    found = set(files(tmp_path, given))
    assert own | {"/etc/mongod.key"} <= found
    assert not others & found


def test_what_restores_left_is_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    systemctl = tmp_path / "bin" / "systemctl"
    systemctl.parent.mkdir()
    systemctl.write_text("#!/bin/sh\necho not-found\n")
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{systemctl.parent}:{os.environ['PATH']}")
    data, replaced, note = (tmp_path / f"db{ending}" for ending in ("", ".replaced", ".restoring"))
    for folder in (data, replaced, tmp_path / "db.restore"):
        folder.mkdir()
    (replaced / "WiredTiger").touch()
    note.touch()

    def remove(whole: bool) -> dict[str, Any]:
        given = {
            "mongodb_address": "192.0.2.1",
            "mongodb_data_path": str(data),
            "mongodb_log_path": str(tmp_path / "log"),
            "mongodb_remove_data": whole,
            "__mongodb_files": [],
        }
        role = {"name": "scaleout.webapp.mongodb", "tasks_from": "remove"}
        tasks = [{"ansible.builtin.include_role": role}]
        return run_playbook(tmp_path, tasks, sys.executable, "-e", json.dumps(given))[-1]

    assert f"There is data in {replaced} on localhost" in remove(whole=True)["msg"]
    (replaced / "WiredTiger").unlink()
    assert not remove(whole=False).get("failed")
    assert replaced.exists()
    assert not remove(whole=True).get("failed")
    assert not list(tmp_path.glob("db*"))
