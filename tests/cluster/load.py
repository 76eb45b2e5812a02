# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Visitors of the test site, and what is asked of what they saw."""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.cluster.cluster import Site
from tests.support.full import FULL
from tests.support.traffic import Report, Request, Traffic

REQUESTS = int(os.environ.get("SCALEOUT_REQUESTS", "10000" if FULL else "2000"))

Record = Callable[[dict[str, Any]], None]


class Load:
    """Visitors who read, and one request in twenty that writes an article of its own."""

    def __init__(self, site: Site, password: str) -> None:
        self.site = site
        self.mark = uuid.uuid4().hex[:8]
        self.login = {"Authorization": f"Bearer {site.token('admin', password)}"}
        write = Request(
            "POST",
            "/api/v1/article",
            {**self.login, "Content-Type": "application/json"},
            lambda number: json.dumps({"title": self.title(number), "body": "Written under load."}).encode(),
        )
        style = re.search(r"/apos-frontend/[^\"']+\.css", site.get("/").text)
        assert style, "the home page names no style sheet"
        paths = ("/", "/healthz", "/articles", "/api/v1/article?perPage=1", style[0], "/healthz", "/")
        reads = [Request("GET", path) for path in paths]
        heads = [Request("HEAD", path) for path in paths[:2]]
        self.requests = [*reads, *heads, *reads, *heads, Request("GET", "/"), write]

    def title(self, number: int) -> str:
        return f"Load {self.mark} {number:06}"

    def traffic(self, **limits: Any) -> Traffic:
        """The limits are those of Traffic."""
        return Traffic(self.site.url, self.requests, **{"seconds": 300, **limits})

    def written(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        page, pages = 1, 1
        while page <= pages:
            answer = self.site.get(
                "/api/v1/article", params={"search": self.mark, "perPage": 50, "page": page}, headers=self.login
            ).json()
            found += answer["results"]
            page, pages = page + 1, answer["pages"]
        return found

    def lost(self, report: Report) -> set[str]:
        """Titles that the site said it has written, and has not."""
        return {self.title(number) for number in report.acknowledged} - {article["title"] for article in self.written()}

    def clean(self) -> None:
        """Deletes what was written; to the lost half of an article whose writer was killed the site says 500."""

        def delete(path: str) -> None:
            Site(self.site.url).ask("DELETE", path, headers=self.login)

        documents = [article["aposDocId"] for article in self.written()]
        for mode in ("published", "draft"):
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(delete, [f"/api/v1/article/{document}:en:{mode}" for document in documents]))
        left = [article["title"] for article in self.written()]
        assert not left, f"articles of this test stay behind: {left}"


def judge(load: Load, report: Report, record: Record, **figures: Any) -> None:
    record({**report.figures(), **figures})
    assert report.total >= REQUESTS
    assert report.acknowledged, "no article was written: the load is not what it should be"
    assert not report.failed, report.text()
    assert not load.lost(report)
