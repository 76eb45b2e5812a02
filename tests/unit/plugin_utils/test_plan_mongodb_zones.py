# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Members of MongoDB in zones: the set knows them by a tag."""

from __future__ import annotations

from typing import Any

from tests.unit.plugin_utils.plan_inputs import plan, the_problem


def tags(**db1: Any) -> Any:
    return plan(hosts={"db1": db1})["mongodb"]["members"][0].get("tags")


def test_a_zone_is_a_tag_of_its_members() -> None:
    assert tags() is None
    assert tags(zone="north") == {"zone": "north"}
    assert tags(zone="north", mongodb_member={"tags": {"disk": "ssd"}}) == {"zone": "north", "disk": "ssd"}
    assert tags(zone="north", mongodb_member={"tags": {"zone": "mine"}}) == {"zone": "mine"}


ZONES: dict[str, dict[str, Any]] = {
    "db1": {"zone": "north", "mongodb_member": {"hidden": True}},
    "db2": {"zone": "north"},
    "db3": {"zone": "south"},
}


def priorities(hosts: dict[str, dict[str, Any]], **mongodb: Any) -> list[int]:
    return [member["priority"] for member in plan(hosts=hosts, mongodb=mongodb)["mongodb"]["members"]]


def test_the_primary_is_in_the_preferred_zone() -> None:
    assert priorities(ZONES) == [0, 1, 1]
    assert priorities(ZONES, preferred_zone="north") == [0, 2, 1]
    assert priorities(ZONES, preferred_zone="south") == [0, 1, 2]
    by_hand = {**ZONES, "db2": {"zone": "north", "mongodb_member": {"priority": 5}}}
    assert priorities(by_hand, preferred_zone="north") == [0, 5, 1]
    assert "preferred_zone" not in plan(hosts=ZONES, mongodb={"preferred_zone": "north"})["mongodb"]


def test_a_preferred_zone_without_members_is_refused() -> None:
    found = the_problem(hosts=ZONES, mongodb={"preferred_zone": "nroth"})
    assert found.startswith("webapp_mongodb.preferred_zone: prefers the zone nroth, and no host of the group mongodb")


def test_an_arbiter_takes_no_tags() -> None:
    assert tags(zone="north", mongodb_member={"arbiter_only": True}) is None
