# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Through site.yml keepalived asks nginx where it listens, and for the name that it answers itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment

TOP = Path(__file__).resolve().parents[2]


def asked(variables: dict[str, Any]) -> tuple[str, str]:
    plays = yaml.safe_load((TOP / "playbooks" / "site.yml").read_text(encoding="utf-8"))
    (given,) = [task["vars"] for play in plays for task in play.get("tasks", []) if task["name"] == "Virtual IP"]
    port, host = (
        Environment().from_string(given[name]).render(variables)
        for name in ("keepalived_check_port", "keepalived_check_host")
    )
    return port, host


def test_what_the_inventory_says_of_nginx() -> None:
    said = {"nginx_listen_ports": [8080, 80], "nginx_check_host": "check.invalid"}
    assert asked(said) == ("8080", "check.invalid")


@pytest.mark.parametrize("said", [{}, {"nginx_listen_ports": []}])
def test_what_nginx_does_by_itself(said: dict[str, Any]) -> None:
    defaults = yaml.safe_load((TOP / "roles" / "nginx" / "defaults" / "main.yml").read_text(encoding="utf-8"))
    assert asked(said) == (str(defaults["nginx_listen_ports"][0]), defaults["nginx_check_host"])
