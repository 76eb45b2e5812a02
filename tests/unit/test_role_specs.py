# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument specs of the roles say the same as their defaults: no name more or less, no other value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROLES = Path(__file__).resolve().parents[2] / "roles"


def load(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("role", sorted(path.name for path in ROLES.iterdir()))
def test_specs_and_defaults_agree(role: str) -> None:
    defaults = load(ROLES / role / "defaults" / "main.yml")
    entry_points = load(ROLES / role / "meta" / "argument_specs.yml")["argument_specs"]
    options = {name: spec for entry in entry_points.values() for name, spec in entry["options"].items()}
    assert set(defaults) <= set(options), "a default that no entry point documents"
    for entry, about in entry_points.items():
        said = {name: spec["default"] for name, spec in about["options"].items() if "default" in spec}
        assert said == {name: defaults.get(name) for name in said}, f"{role}, entry point {entry}"
        if entry == "main":
            assert not {name for name, spec in about["options"].items() if spec.get("required") and name in defaults}
