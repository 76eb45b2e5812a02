# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret has no default: what everybody can read here protects nobody."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils import basic

TOP = Path(__file__).resolve().parents[2]
MODULES = sorted(path.stem for path in (TOP / "plugins" / "modules").glob("*.py"))
ROLES = sorted(path.name for path in (TOP / "roles").iterdir())
# What a key or certificate is called in a file is a path; what it holds is the secret.
SECRET = re.compile(r"(password|passphrase|secret|token|key|keyfile)(_content)?s?$")


class Seen(Exception):
    """Carries an argument spec out of a module that has only begun."""


def spec_of_module(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    module = importlib.import_module(f"ansible_collections.scaleout.webapp.plugins.modules.{name}")
    if not hasattr(module, "main"):  # an action on the controller, which has documentation only
        return dict(yaml.safe_load(module.DOCUMENTATION)["options"])

    def begin(_self: object, argument_spec: dict[str, Any], **_more: Any) -> None:
        raise Seen(argument_spec)

    monkeypatch.setattr(basic.AnsibleModule, "__init__", begin)
    with pytest.raises(Seen) as seen:
        module.main()
    return dict(seen.value.args[0])


def secret_options(options: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The options that hold a secret, by their name or because they must not be logged, at any depth."""
    for name, spec in options.items():
        if spec.get("no_log") or SECRET.search(name):
            yield f"{prefix}{name}", spec
        yield from secret_options(spec.get("options") or spec.get("suboptions") or {}, f"{prefix}{name}.")


def secret_values(data: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The values in the data that stand under a secret's name, at any depth."""
    if isinstance(data, Mapping):
        for name, value in data.items():
            if SECRET.search(str(name)) and not isinstance(value, (Mapping, list)):
                yield f"{prefix}{name}", value
            yield from secret_values(value, f"{prefix}{name}.")
    elif isinstance(data, list):
        for item in data:
            yield from secret_values(item, prefix)


def given(options: Mapping[str, Any]) -> list[str]:
    """Those with a default that is not empty, of their own or inside that of another option."""
    own = [name for name, spec in secret_options(options) if spec.get("default")]
    inside = [
        f"{name}: {found}"
        for name, spec in options.items()
        for found, value in secret_values(spec.get("default"))
        if value
    ]
    return own + inside


def entry_points(role: str) -> dict[str, Any]:
    text = (TOP / "roles" / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text)["argument_specs"])


@pytest.mark.parametrize("name", MODULES)
def test_no_module_has_a_secret_of_its_own(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert given(spec_of_module(name, monkeypatch)) == []


@pytest.mark.parametrize("role", ROLES)
def test_no_role_has_a_secret_of_its_own(role: str) -> None:
    for entry, about in entry_points(role).items():
        assert given(about["options"]) == [], f"{role}, entry point {entry}"
    defaults = yaml.safe_load((TOP / "roles" / role / "defaults" / "main.yml").read_text(encoding="utf-8"))
    assert [name for name, value in secret_values(defaults) if value] == []


def test_the_known_secrets_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the tests above would look at nothing."""
    modules = {name: {found for found, _spec in secret_options(spec_of_module(name, monkeypatch))} for name in MODULES}
    assert {"login_password", "users.password"} <= modules["mongodb_user"]
    assert "admin_password" in modules["mongodb_restore"]
    assert "instances.digest" in modules["systemd_instances"]
    roles = {
        found
        for role in ROLES
        for about in entry_points(role).values()
        for found, _spec in secret_options(about["options"])
    }
    assert {
        "mongodb_admin_password",
        "mongodb_keyfile_content",
        "mongodb_users.password",
        "redis_password",
        "redis_users.password",
    } <= roles


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"login_password": {"type": "str", "default": "admin"}}, ["login_password"]),
        ({"digest": {"no_log": True, "default": "x"}}, ["digest"]),
        ({"users": {"options": {"password": {"default": "x"}}}}, ["users.password"]),
        ({"users": {"default": [{"name": "admin", "password": "admin"}]}}, ["users: password"]),
        ({"password": {"default": ""}, "token": {"default": None}, "key_file": {"default": "/etc/x"}}, []),
    ],
)
def test_a_default_is_found(options: dict[str, Any], found: list[str]) -> None:
    assert given(options) == found
