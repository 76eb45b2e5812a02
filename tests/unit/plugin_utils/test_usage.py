# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which parts a run uses, by its tags."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.scaleout.webapp.plugins.plugin_utils._usage import PARTS, parts_of_run

PLAYBOOKS = Path(__file__).resolve().parents[3] / "playbooks"


def uses(playbook: str) -> dict[str, list[str]]:
    plays: list[dict[str, Any]] = yaml.safe_load((PLAYBOOKS / f"{playbook}.yml").read_text(encoding="utf-8"))
    return dict(plays[0]["vars"]["webapp_plan_uses"])


@pytest.mark.parametrize(
    ("run", "skip", "parts"),
    [
        (["all"], [], set(PARTS)),
        (["tagged"], [], set(PARTS)),
        (["always"], [], set()),
        (["firewall"], [], set()),
        (["app"], [], {"source", "runtime"}),
        (["app_verify"], [], {"runtime"}),
        (["loadbalancer"], [], {"tls"}),
        (["nginx_configure", "mongodb"], [], {"tls", "mongodb"}),
        (["mongodb_service"], [], set()),
        (["all"], ["mongodb", "app"], {"tls"}),
    ],
)
def test_site_uses_what_its_tags_choose(run: list[str], skip: list[str], parts: set[str]) -> None:
    assert parts_of_run(uses("site"), run, skip) == parts


def test_site_has_every_tag_that_it_names_a_part_under() -> None:
    text = (PLAYBOOKS / "site.yml").read_text(encoding="utf-8").split("- name: Check every host")[1]
    used = uses("site")
    assert set(used) == set(PARTS)
    assert [tag for tags in used.values() for tag in tags if not re.search(rf"tags: \[.*\b{tag}\b", text)] == []


@pytest.mark.parametrize(("playbook", "parts"), [("upgrade", {"mongodb"}), ("backup", set()), ("restore", {"mongodb"})])
def test_playbooks_without_tags(playbook: str, parts: set[str]) -> None:
    assert parts_of_run(uses(playbook), ["all"], []) == parts
