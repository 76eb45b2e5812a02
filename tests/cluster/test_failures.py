# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Something dies while visitors come and go: none of them may notice."""

from __future__ import annotations

from tests.cluster.cluster import Cluster, Host, Site, opens, wait_until
from tests.cluster.load import REQUESTS, Load, Record, judge
from tests.support.traffic import Request, Traffic


def main_pid(host: Host, unit: str) -> int:
    return int(host.run("systemctl", "show", "--property=MainPID", "--value", unit))


def test_a_process_is_killed(cluster: Cluster, load: Load, record: Record) -> None:
    victim = cluster.instances[0]
    host = cluster.hosts[victim.host]
    before = main_pid(host, victim.unit)
    with load.traffic() as running:
        running.wait_for(REQUESTS // 4)
        host.run("kill", "-9", str(before))
        running.wait_for(REQUESTS)
        wait_until(lambda: main_pid(host, victim.unit) not in (0, before), 30, f"{victim.unit} runs again")
        running.wait_more(REQUESTS // 4)
    report = running.finish()
    judge(load, report, record, killed=victim.name)

    with Traffic(cluster.vip_url, [Request("GET", "/healthz")], workers=2, seconds=60) as running:
        wait_until(
            lambda: victim.name in running.so_far().instances, 45, f"{victim.name} gets its share of requests again"
        )
    assert not running.finish().failed


def test_the_balancer_with_the_virtual_ip_is_killed(cluster: Cluster, load: Load, record: Record) -> None:
    holders = cluster.vip_holders
    assert len(holders) == 1, f"the virtual IP is held by {[host.name for host in holders]}"
    victim = holders[0]
    survivors = [host for host in cluster.balancers if host is not victim]
    try:
        with load.traffic() as running:
            running.wait_for(REQUESTS // 4)
            victim.kill()
            running.wait_for(REQUESTS)
        report = running.finish()
        judge(load, report, record, killed=victim.name)
        assert [host.name for host in cluster.vip_holders if host in survivors] != []
    finally:
        victim.start()
        wait_until(lambda: opens(victim.address, 80), 60, f"{victim.name} answers again")

    wait_until(lambda: Site(f"http://{victim.address}").get("/healthz").status_code == 200, 60, f"{victim.name} serves")
    with load.traffic() as running:
        running.wait_for(REQUESTS // 4)
    assert not running.finish().failed, "the balancer that came back disturbs the one that holds"
    assert len(cluster.vip_holders) == 1
