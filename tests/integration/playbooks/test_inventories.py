# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventories that come with the collection can be planned as they are."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("inventory", ["demo", "single", "ha"])
def test_it_can_be_planned(inventory: str) -> None:
    command = ["ansible-playbook", "playbooks/plan.yml", "-i", f"inventories/{inventory}"]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "www (apostrophe)" in done.stdout
    assert "MongoDB replica set rs0" in done.stdout
