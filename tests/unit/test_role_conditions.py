# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A truth given as `-e option=false` is a text: where a role decides by it, it is read as what it says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROLES = Path(__file__).resolve().parents[2] / "roles"
DECISIONS = ("when", "that", "changed_when", "failed_when", "until")


def decisions(content: Any) -> Iterator[str]:
    """All conditions of a file of tasks."""
    if isinstance(content, list):
        for item in content:
            yield from decisions(item)
    if isinstance(content, dict):
        for key, value in content.items():
            if key in DECISIONS:
                yield from map(str, value if isinstance(value, list) else [value])
            else:
                yield from decisions(value)


@pytest.mark.parametrize("role", sorted(path.name for path in ROLES.iterdir()))
def test_truths_are_read_as_what_they_say(role: str) -> None:
    entry_points = yaml.safe_load((ROLES / role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
    options = {
        name: spec
        for entry in entry_points.values()
        for name, spec in entry["options"].items()
        if spec["type"] == "bool"
    }
    as_they_are = [
        f"{path.name}: {condition}"
        for path in sorted((ROLES / role / "tasks").glob("*.yml"))
        for condition in decisions(yaml.safe_load(path.read_text()))
        for name in options
        if re.search(rf"\b{name}\b(?! *\| *bool)", condition)
    ]
    assert not as_they_are
