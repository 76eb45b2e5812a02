# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links between the pages lead somewhere, and every page of docs/ can be found from the README."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[3]
PAGES = [
    TOP / "README.md",
    *sorted((TOP / "docs").rglob("*.md")),
    *sorted((TOP / "roles").glob("*/README.md")),
    TOP / "benchmarks" / "README.md",
    TOP / "testhosts" / "README.md",
]


def links(page: Path) -> set[Path]:
    """What the page links to in this repository."""
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    return {(page.parent / target).resolve() for target in targets if "://" not in target}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TOP)))
def test_links_lead_somewhere(page: Path) -> None:
    assert not [str(target) for target in links(page) if not target.exists()]


def test_the_readme_leads_to_every_page() -> None:
    found: set[Path] = set()
    ahead = [TOP / "README.md"]
    while ahead:
        page = ahead.pop()
        new = {target for target in links(page) if target.suffix == ".md"} - found
        found |= new
        ahead += new
    assert {str(page) for page in PAGES[1:] if page.is_relative_to(TOP / "docs")} <= {str(page) for page in found}
