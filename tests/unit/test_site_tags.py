# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of a role can be chosen through site.yml: an include that lacks a tag hides the tasks that have it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

TOP = Path(__file__).resolve().parents[2]
PLAYBOOKS = [TOP / "playbooks" / name for name in ("site.yml", "_certificates.yml")]
PLAYS = [play for playbook in PLAYBOOKS for play in yaml.safe_load(playbook.read_text(encoding="utf-8"))]
INCLUDES = [
    (role["name"].split(".")[-1], role.get("tasks_from", "main"), set(task.get("tags", [])) | set(play["tags"]))
    for play in PLAYS
    for outer in play.get("tasks", [])
    for task in [outer, *outer.get("block", []), *outer.get("always", [])]
    for role in [task.get("ansible.builtin.include_role")]
    if role
]


@pytest.mark.parametrize(("role", "entry", "tags"), [include for include in INCLUDES if include[1] != "remove"])
def test_the_include_has_every_tag_of_the_role(role: str, entry: str, tags: set[str]) -> None:
    tasks: list[dict[str, Any]] = yaml.safe_load(
        (TOP / "roles" / role / "tasks" / f"{entry}.yml").read_text(encoding="utf-8")
    )
    stages = {tag for task in tasks for tag in task.get("tags", [])}
    assert {role, f"{role}_configure"} <= stages
    assert stages <= tags


def test_every_role_that_is_included_is_looked_at() -> None:
    roles = {role for role, _entry, _tags in INCLUDES}
    assert {"acme", "app", "mongodb", "nginx", "redis", "memcached", "keepalived"} <= roles
