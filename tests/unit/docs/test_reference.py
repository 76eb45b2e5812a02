# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reference of what an inventory can say is complete, and examples of roles can be copied."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.settings import APP

TOP = Path(__file__).resolve().parents[3]


def test_every_key_of_an_app_is_explained() -> None:
    page = (TOP / "docs" / "profiles.md").read_text(encoding="utf-8")
    section = page.partition("## What the inventory says about an app")[2].partition("\n## ")[0]
    example, _blank, rest = section.strip().partition("\n\n")
    shown = set(yaml.safe_load(example)["webapp_apps"]["www"])
    listed = {
        name for row in re.findall(r"^\| (`[^|]*) \|", rest, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    assert listed | shown == set(APP.fields)


@pytest.mark.parametrize("page", sorted((TOP / "roles").glob("*/README.md")), ids=lambda page: page.parent.name)
def test_the_example_of_a_role_runs_as_root(page: Path) -> None:
    """As all of them need, where nobody has set it for all."""
    example = re.search(r"^    - hosts: .*?(?=\n\S)", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert example
    (play,) = yaml.safe_load(example[0])
    assert play["become"] is True
