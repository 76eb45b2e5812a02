# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deploys, killed ones too: nobody notices, and what pages name is on all balancers before a process answers so."""

from __future__ import annotations

import os
import threading
from secrets import token_hex

import requests

from tests.cluster.cluster import Cluster, Site, wait_until
from tests.cluster.load import REQUESTS, Load, Record, judge
from tests.cluster.test_playbook import site
from tests.cluster.test_site import assets
from tests.support.full import FULL, LONG
from tests.support.playbook import kill_at, run, start

# Of each visitor after a request, in seconds: the build runs beside them.
PAUSE = 0.15 if FULL else 0.3


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


def whole(cluster: Cluster) -> None:
    """All instances get requests from all balancers."""
    shown = run("playbooks/status.yml", inventory=os.environ["SCALEOUT_INVENTORY"])
    assert shown.changed() == 0
    states = {line.split()[0]: line.split()[4:] for line in shown.output.splitlines() if len(line.split()) > 4}
    expected = {instance.name: ["active"] * len(cluster.balancers) for instance in cluster.instances}
    assert {name: states.get(name) for name in expected} == expected, shown.output


def test_assets_come_before_the_pages_that_name_them_and_stay(
    cluster: Cluster, visitor: Site, direct: dict[str, str], load: Load, record: Record
) -> None:
    balancers = [f"http://{host.address}" for host in cluster.balancers]
    old, old_assets = visitor.get("/healthz").json()["release"], assets(visitor)
    assert old_assets
    new = f"next-{token_hex(4)}"
    watcher = Watcher(direct, balancers, old)
    watcher.start()
    try:
        with load.traffic(workers=4, count=200_000, seconds=1800, pause=PAUSE) as running:
            running.wait_for(100)
            # By a name, so that the second run takes up what the first one built.
            deploy = ("playbooks/deploy.yml", "-e", f"webapp_release={new}")
            kill_at(start(*deploy, inventory=os.environ["SCALEOUT_INVENTORY"]), "app : Run the instances", 1)
            running.wait_more(50)
            done = run(*deploy, inventory=os.environ["SCALEOUT_INVENTORY"])
            running.wait_more(100)
            running.wait_for(REQUESTS)
            report = running.finish()
    finally:
        watcher.done.set()
        watcher.join()
    assert done.recap()
    judge(load, report, record)
    assert watcher.release == new
    assert len(watcher.statuses) >= len(balancers)
    assert set(watcher.statuses.values()) == {200}, watcher.statuses
    assert set(watcher.served_by) == {None}, "an asset came from a process and not from nginx"

    # The pages that visitors have open name the assets of the release before.
    for balancer in balancers:
        for path in old_assets:
            answer = Site(balancer).get(path)
            assert (answer.status_code, answer.headers.get("X-Served-By")) == (200, None), balancer + path
    releases = {Site(url).get("/healthz").json()["release"] for url in direct.values()}
    assert releases == {new}, "the deploy after one that was killed leaves one release everywhere"
    whole(cluster)
    wait_until(lambda: visitor.get("/healthz").json()["release"] in releases, 30, "the new release at the VIP")
    if FULL:
        assert site().recap() == dict.fromkeys(cluster.hosts, (0, 0, 0))


@LONG
def test_a_rollback_is_killed(cluster: Cluster, visitor: Site, direct: dict[str, str]) -> None:
    """As a deploy, without a build. All other moments: tests/roles/deploy."""
    killed = start("playbooks/rollback.yml", inventory=os.environ["SCALEOUT_INVENTORY"])
    kill_at(killed, "app : Run the instances", 1)
    assert sum(changed for changed, *_bad in site().recap().values()) > 0
    releases = {Site(url).get("/healthz").json()["release"] for url in direct.values()}
    assert len(releases) == 1
    assert visitor.get("/healthz").json()["release"] in releases
    assert site().recap() == dict.fromkeys(cluster.hosts, (0, 0, 0))
