# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new release: what its pages name is on every balancer before the first process answers with it."""

from __future__ import annotations

import threading

import requests

from tests.cluster.cluster import Cluster, Site, wait_until
from tests.cluster.test_playbook import site
from tests.cluster.test_site import assets


class Watcher(threading.Thread):
    """Asks the processes until one answers with another release; then fetches its page's assets from everywhere."""

    def __init__(self, direct: dict[str, str], balancers: list[str], old: str) -> None:
        super().__init__()
        self.sites = [Site(url) for url in direct.values()]
        self.balancers = balancers
        self.old = old
        self.release = ""
        self.statuses: dict[str, int] = {}
        self.served_by: list[str | None] = []
        self.done = threading.Event()

    def run(self) -> None:
        while not self.release and not self.done.wait(0.1):
            for one in self.sites:
                try:
                    release = one.get("/healthz").json()["release"]
                except (requests.RequestException, ValueError):
                    continue
                if release != self.old:
                    self.release = release
                    self.fetch(assets(one))
                    return

    def fetch(self, paths: list[str]) -> None:
        for path in paths:
            for balancer in self.balancers:
                answer = Site(balancer).get(path)
                self.statuses[balancer + path] = answer.status_code
                self.served_by.append(answer.headers.get("X-Served-By"))


def test_assets_come_before_the_pages_that_name_them_and_stay(
    cluster: Cluster, visitor: Site, direct: dict[str, str]
) -> None:
    balancers = [f"http://{host.address}" for host in cluster.balancers]
    old, old_assets = visitor.get("/healthz").json()["release"], assets(visitor)
    assert old_assets
    watcher = Watcher(direct, balancers, old)
    watcher.start()
    try:
        done = site("-e", "app_new_release=true")
    finally:
        watcher.done.set()
        watcher.join()
    assert done.recap()
    assert watcher.release not in ("", old)
    assert len(watcher.statuses) >= len(balancers)
    assert set(watcher.statuses.values()) == {200}, watcher.statuses
    assert set(watcher.served_by) == {None}, "an asset came from a process and not from nginx"

    # The pages that visitors have open name the assets of the release before.
    for balancer in balancers:
        for path in old_assets:
            answer = Site(balancer).get(path)
            assert (answer.status_code, answer.headers.get("X-Served-By")) == (200, None), balancer + path
    wait_until(lambda: visitor.get("/healthz").json()["release"] == watcher.release, 30, "the new release at the VIP")
    assert site().recap() == dict.fromkeys(cluster.hosts, (0, 0, 0))
