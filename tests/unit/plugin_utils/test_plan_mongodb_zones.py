# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Members of MongoDB in zones: the set knows them by a tag."""

from __future__ import annotations

from typing import Any

from tests.unit.plugin_utils.plan_inputs import plan


def tags(**db1: Any) -> Any:
    return plan(hosts={"db1": db1})["mongodb"]["members"][0].get("tags")


def test_a_zone_is_a_tag_of_its_members() -> None:
    assert tags() is None
    assert tags(zone="north") == {"zone": "north"}
    assert tags(zone="north", mongodb_member={"tags": {"disk": "ssd"}}) == {"zone": "north", "disk": "ssd"}
    assert tags(zone="north", mongodb_member={"tags": {"zone": "mine"}}) == {"zone": "mine"}


def test_an_arbiter_takes_no_tags() -> None:
    assert tags(zone="north", mongodb_member={"arbiter_only": True}) is None
