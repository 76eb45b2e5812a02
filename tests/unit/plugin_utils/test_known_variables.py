# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one list of webapp_* variables is complete: without that, the plan would warn of what the collection reads."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.scaleout.webapp.plugins.plugin_utils._inventory import GIVEN, KNOWN

REPO = Path(__file__).resolve().parents[3]


def test_every_name_that_playbooks_and_roles_use_is_listed() -> None:
    files = [*REPO.glob("playbooks/**/*.yml"), *REPO.glob("roles/*/**/*.yml"), *REPO.glob("inventories/*/**/*.yml")]
    used = {name for path in files for name in re.findall(r"\bwebapp_[a-z_]+", path.read_text(encoding="utf-8"))}
    assert used >= {"webapp_apps", "webapp_plan"}
    assert used - KNOWN == set(), "add them to plugins/plugin_utils/_plan/model.py"


def test_every_name_that_an_inventory_may_give_is_documented() -> None:
    documented = (REPO / "docs" / "profiles.md").read_text(encoding="utf-8")
    assert [name for name in GIVEN if f"`{name}`" not in documented and f"`{name}: " not in documented] == [
        "webapp_apps"
    ]
    assert "    webapp_apps:\n" in documented
