# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventories that come with the collection can be planned as they are."""

from __future__ import annotations

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
