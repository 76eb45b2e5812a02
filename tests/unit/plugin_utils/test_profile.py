# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Profiles are checked as they are loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.scaleout.webapp.plugins.plugin_utils._profile import (
    OWN_PROFILES,
    Profile,
    find_profile,
    known_profiles,
    parse_profile,
)

from tests.unit.plugin_utils.plan_inputs import PLAIN


def problems(text: str) -> list[str]:
    return [str(problem) for problem in parse_profile("x", text, "profiles/x.yml").problems]


def test_defaults_are_filled_in() -> None:
    profile = parse_profile("x", PLAIN, "profiles/x.yml")
    assert profile.problems == ()
    assert profile.data["services"]["web"] == {
        "command": "node app",
        "port": 3000,
        "instances": 2,
        "port_variable": None,
        "port_holder": None,
        "environment": {},
        "memory_mb": 100,
        "start_timeout": 90,
        "stop_timeout": 30,
        "stop_signal": "SIGTERM",
        "success_exit_statuses": [],
        "serial_start": False,
        "sticky": False,
        "websocket": False,
        "balance": {},
        "health": {"path": "/", "status": 200, "timeout": 5},
    }
    assert profile.data["stores"] == {"mongodb": None, "redis": None, "memcached": None}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("writeable_paths: []", "profiles/x.yml: writeable_paths: is not a known key. Did you mean writable_paths?"),
        (
            "stores: {postgres: {}}",
            "profiles/x.yml: stores.postgres: is not a known key. Known are: mongodb, redis, memcached.",
        ),
        ("static: public", "profiles/x.yml: static: is 'public', must be a list"),
        ("static: [../x]", "profiles/x.yml: static.0: is '../x', must be a path relative to the release"),
        ("static: [/x]", "profiles/x.yml: static.0: is '/x', must be a path relative to the release"),
        ("static: [a/../b]", "profiles/x.yml: static.0: is 'a/../b', must be a path relative to the release"),
        ("environment: {1A: x}", "profiles/x.yml: environment.1A: is '1A', must be a name of an environment variable"),
        ("environment: {A: [1]}", "profiles/x.yml: environment.A: is [1], must be a text, a number, true or false"),
        (
            "environment: {no: x}",
            "profiles/x.yml: environment.False: is False, must be a name of an environment variable",
        ),
        ("body_limit: 32mb", "profiles/x.yml: body_limit: is '32mb', must be a size as nginx writes it"),
        ("build: [{name: a}]", "profiles/x.yml: build.0.command: is required and missing. Add command."),
        (
            "jobs: [{name: a, command: b, schedule: daily}]",
            "profiles/x.yml: jobs.0.schedule: is 'daily', must be five cron fields",
        ),
        (
            "files: [{path: a, content: b, mode: '644'}]",
            "profiles/x.yml: files.0.mode: is '644', must be a mode in quotes",
        ),
        (
            "files: [{path: a, content: b, format: ini}]",
            "profiles/x.yml: files.0.format: is 'ini', must be one of text, json",
        ),
        (
            "settings: {a: {default: x, choices: {y: {}}}}",
            "profiles/x.yml: settings.a.default: is 'x', must be one of y",
        ),
        ("build: [{name: a, command: b}, {name: a, command: c}]", "profiles/x.yml: build: a is there twice."),
        ("description: again", "profiles/x.yml: is not YAML: the key description is there twice"),
        ("a: [", "profiles/x.yml: is not YAML: while parsing"),
        ("environment: {A: 2026-13-45}", "profiles/x.yml: is not YAML: month must be in 1..12"),
    ],
)
def test_mistakes_are_named_with_file_and_key(more: str, expected: str) -> None:
    (found,) = problems(f"{PLAIN}{more}\n")
    assert found.startswith(expected)


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        (
            "{path: /a, service: wbe}",
            "profiles/x.yml: routes.1.service: there is no service called wbe. Did you mean web?",
        ),
        ("{path: /a}", "profiles/x.yml: routes.1: leads nowhere. Give it a service or a static_root."),
        ("{path: /, service: web}", "profiles/x.yml: routes.1.path: the path / has a route already."),
        ("{path: a, service: web}", "profiles/x.yml: routes.1.path: is 'a', must be a path that starts with /"),
        ("{path: /a;b, service: web}", "profiles/x.yml: routes.1.path: is '/a;b', must be a path that starts with /"),
    ],
)
def test_routes_must_lead_somewhere(route: str, expected: str) -> None:
    (found,) = problems(f"{PLAIN}  - {route}\n")
    assert found.startswith(expected)


@pytest.mark.parametrize("port", ["0", "443", "65536", "http", "true", "30.5"])
def test_impossible_port(port: str) -> None:
    (found,) = problems(PLAIN.replace("3000", port))
    assert found.startswith("profiles/x.yml: services.web.port: is ")


@pytest.mark.parametrize("text", ["", "- a\n", "just text\n", "42\n"])
def test_what_is_no_profile_at_all(text: str) -> None:
    assert problems(text) == ["profiles/x.yml: holds no dictionary. See docs/profiles.md for what a profile is."]


def test_all_mistakes_at_once() -> None:
    found = problems("runtime: {name: Node}\nservices: {}\nroutes: []\nbody_limit: big\n")
    assert [text.split(": ")[1] for text in found] == [
        "description",
        "runtime.name",
        "body_limit",
        "routes",
        "services",
    ]


class TestFinding:
    def test_own_folders_come_first(self, tmp_path: Path) -> None:
        assert find_profile("apostrophe", [tmp_path]) == OWN_PROFILES / "apostrophe.yml"
        own = tmp_path / "profiles" / "apostrophe.yaml"
        own.parent.mkdir()
        own.touch()
        assert find_profile("apostrophe", [tmp_path]) == own

    def test_by_path(self, tmp_path: Path) -> None:
        own = tmp_path / "shop.yml"
        own.touch()
        assert find_profile("shop.yml", [tmp_path / "other", tmp_path]) == own
        assert find_profile(str(own), []) is None
        assert find_profile(str(own), [Path("/")]) == own
        assert find_profile("shop", [tmp_path]) is None

    def test_known_names(self, tmp_path: Path) -> None:
        (tmp_path / "profiles").mkdir()
        (tmp_path / "profiles" / "shop.yml").touch()
        assert {"apostrophe", "example", "shop"} <= set(known_profiles([tmp_path]))


def test_a_profile_with_problems_still_serves_to_find_others() -> None:
    profile = parse_profile("x", "a: [", "profiles/x.yml")
    assert isinstance(profile, Profile)
    assert profile.data["services"] == {}
