# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inputs for the planner, small and changeable."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.model import Host, Inputs, PlanError
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.planner import plan_cluster
from ansible_collections.scaleout.webapp.plugins.plugin_utils._profile import OWN_PROFILES, Profile, parse_profile

GROUPS = {"loadbalancer": ["lb1", "lb2"], "app": ["app1", "app2"], "mongodb": ["db1", "db2", "db3"], "cache": ["db1"]}
PLAIN = """
description: A plain app
runtime: {name: node}
services:
  web: {command: node app, port: 3000, memory_mb: 100}
routes:
  - {path: /, service: web}
"""


@cache
def shipped(name: str) -> Profile:
    path = OWN_PROFILES / f"{name}.yml"
    return parse_profile(name, path.read_text(encoding="utf-8"), f"profiles/{name}.yml")


def profile(text: str = "", name: str = "plain") -> Profile:
    return parse_profile(name, PLAIN + text, f"profiles/{name}.yml")


@cache
def plain() -> Profile:
    return profile()


def app(number: int = 0, **changes: Any) -> dict[str, Any]:
    name = f"{'www' if not number else f'www{number}'}.example.com"
    return {"profile": "plain", "domains": [name], "source": {"path": "/site"}, **changes}


def cluster(
    apps: Mapping[str, Any] | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    profiles: Sequence[Profile] = (),
    hosts: Mapping[str, Mapping[str, Any]] | None = None,
    **settings: Any,
) -> Inputs:
    """lb1, lb2, app1, app2, db1 to db3, unless told otherwise. Settings go without their prefix webapp_."""
    groups = GROUPS if groups is None else groups
    names = sorted({host for members in groups.values() for host in members}, key=natural)
    known = {
        name: Host(name, f"10.0.{at // 250}.{at % 250 + 1}", f"10.0.{at // 250}.{at % 250 + 1}")
        for at, name in enumerate(names)
    }
    for name, changes in (hosts or {}).items():
        known[name] = replace(known[name], **changes)
    found = {one.name: one for one in (plain(), shipped("apostrophe"), *profiles)}
    wanted = {"www": app()} if apps is None else copy.deepcopy(dict(apps))
    return Inputs(
        hosts=known,
        groups=groups,
        settings={"webapp_apps": wanted, **{f"webapp_{name}": value for name, value in settings.items()}},
        profiles=found,
        known_profiles=sorted(found),
    )


def natural(name: str) -> tuple[str, int]:
    digits = re.search(r"\d+$", name)
    return (name.rstrip("0123456789"), int(digits[0]) if digits else 0)


def plan(*args: Any, **options: Any) -> dict[str, Any]:
    return plan_cluster(cluster(*args, **options))


def problems(*args: Any, **options: Any) -> list[str]:
    """What is wrong, one text for each."""
    with pytest.raises(PlanError) as caught:
        plan_cluster(cluster(*args, **options))
    return [str(problem) for problem in caught.value.problems]


def the_problem(*args: Any, **options: Any) -> str:
    """The only thing that is wrong."""
    (found,) = problems(*args, **options)
    return found
