# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`ansible_become` of an inventory is meant for its hosts and beats `become`: tasks on the controller set it too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

TOP = Path(__file__).resolve().parents[2]
FILES = sorted([*TOP.glob("roles/*/tasks/*.yml"), *TOP.glob("playbooks/**/*.yml")])


def tasks(content: Any) -> Iterator[dict[str, Any]]:
    if isinstance(content, list):
        for item in content:
            yield from tasks(item)
    if isinstance(content, dict):
        yield content
        for value in content.values():
            yield from tasks(value)


def on_controller(path: Path) -> list[dict[str, Any]]:
    return [task for task in tasks(yaml.safe_load(path.read_text())) if task.get("delegate_to") == "localhost"]


def test_there_are_some() -> None:
    assert sum(len(on_controller(path)) for path in FILES) > 10


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TOP)))
def test_the_controller_is_not_asked_for_other_rights(path: Path) -> None:
    odd = [task["name"] for task in on_controller(path) if task.get("vars", {}).get("ansible_become") is not False]
    assert not odd
