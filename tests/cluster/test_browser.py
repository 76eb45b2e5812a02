# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The site as somebody with a browser meets it, through the virtual IP."""

from __future__ import annotations

from pathlib import Path

from tests.cluster.browser import chromium
from tests.cluster.cluster import Cluster


def test_the_administrator_logs_in(cluster: Cluster, password: str, tmp_path: Path, output: Path) -> None:
    site = cluster.vip_url.rstrip("/")
    with chromium(tmp_path / "profile") as browser:
        browser.open(f"{site}/")
        browser.find("#home")
        hero = browser.script("return getComputedStyle(document.querySelector('.hero')).backgroundImage")
        assert "gradient" in hero, "the style sheet of the release does not apply"

        browser.open(f"{site}/login")
        browser.type("[data-apos-field=username] input", "admin")
        browser.type("[data-apos-field=password] input", password)
        browser.click("[data-apos-test=loginSubmit] button")

        browser.find(".apos-admin-bar")
        browser.find("#home")
        browser.picture(output / "browser.png")
        assert browser.complaints() == []
