# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What docs/profiles/steedos.md tells its reader to write, so that tests run exactly that."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import yaml

PAGE = Path(__file__).resolve().parents[2] / "docs" / "profiles" / "steedos.md"


def examples() -> list[dict[str, Any]]:
    """The inventories of the page: a release, and containers."""
    return [yaml.safe_load(block)["webapp_apps"] for block in _blocks("webapp_apps:")]


def drop_in() -> str:
    """For the unit of the containers."""
    (block,) = _blocks("[Service]")
    return block


def firewall() -> dict[str, Any]:
    """For a database on the host of a container."""
    (line,) = re.findall(r"^  `webapp_firewall: (\{.*\})`\.$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    found: dict[str, Any] = yaml.safe_load(line)
    return found


def closing() -> list[str]:
    """The commands that close published ports."""
    return re.findall(r"^ +(iptables .*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


def _blocks(first_line: str) -> list[str]:
    """The indented blocks that begin so."""
    pattern = rf"^    {re.escape(first_line)}\n(?:(?:    .*)?\n)+"
    return [textwrap.dedent(block) for block in re.findall(pattern, PAGE.read_text(encoding="utf-8"), re.MULTILINE)]
