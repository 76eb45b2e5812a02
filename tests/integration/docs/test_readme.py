# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory that the README shows is a whole one: it can be planned as it stands there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]


def test_the_readme_shows_a_whole_inventory(tmp_path: Path) -> None:
    block = r"^    # (\S+\.yml)\n((?:(?!    # \S+\.yml$)(?:    .*)?\n)+)"
    blocks = re.findall(block, (TOP / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert [name for name, _text in blocks] == ["hosts.yml", "group_vars/all/main.yml"]
    for name, text in blocks:
        path = tmp_path / "inventory" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "site").mkdir()
    command = ["ansible-playbook", "playbooks/plan.yml", "-i", str(tmp_path / "inventory")]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "as an inventory source" not in done.stderr
    for shown in ("www (apostrophe)", "MongoDB replica set rs0", "192.0.2.10", "lb2", "app2", "db3"):
        assert shown in done.stdout
