# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every shipped profile is right, with every choice of every setting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.scaleout.webapp.plugins.plugin_utils._profile import OWN_PROFILES, parse_profile

from tests.unit.plugin_utils.plan_inputs import app, plan, shipped

PROFILES = sorted(path.stem for path in OWN_PROFILES.glob("*.yml"))


def variants(name: str) -> list[dict[str, Any]]:
    """The defaults, then each choice alone, with all required settings."""
    settings = shipped(name).data["settings"]
    given = {key: "x" for key, setting in settings.items() if setting["required"]}
    return [given, *({**given, key: choice} for key, setting in settings.items() for choice in setting["choices"])]


@pytest.mark.parametrize("name", PROFILES)
def test_has_no_problems(name: str) -> None:
    assert shipped(name).problems == ()


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        pytest.param(name, settings, id=f"{name}-{at}")
        for name in PROFILES
        for at, settings in enumerate(variants(name))
    ],
)
def test_can_be_planned(name: str, settings: dict[str, Any]) -> None:
    planned = plan({"www": app(profile=name, settings=settings)}, profiles=[shipped(name)], memcached={})
    assert planned["apps"]["www"]["profile"] == name


@pytest.mark.parametrize("name", PROFILES)
def test_every_setting_and_secret_is_described_and_used(name: str) -> None:
    data = shipped(name).data
    text = (OWN_PROFILES / f"{name}.yml").read_text(encoding="utf-8")
    for key, setting in data["settings"].items():
        assert setting["description"], key
        assert setting["choices"] or f"${{settings.{key}}}" in text, key
    for key, secret in data["secrets"].items():
        assert secret["description"], key
        assert f"${{secrets.{key}" in text, key


def test_every_profile_is_listed_in_the_documentation() -> None:
    reference = Path(__file__).resolve().parents[3] / "docs" / "profiles.md"
    text = reference.read_text(encoding="utf-8")
    assert [name for name in PROFILES if f"profiles/{name}.yml" not in text] == []


def test_the_example_shows_every_key() -> None:
    """What is in the schema is in the example, so that it can be copied from."""
    example = parse_profile("example", (OWN_PROFILES / "example.yml").read_text(encoding="utf-8"), "example.yml").data
    assert [key for key, value in example.items() if not value] == []
