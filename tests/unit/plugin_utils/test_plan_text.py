# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan as people see it."""

from __future__ import annotations

from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.text import plan_text

from tests.unit.plugin_utils.plan_inputs import GROUPS, app, plan

VIP = {"address": "10.0.0.100", "prefix": 24, "interface": "eth0", "router_id": 51}

PICTURE = """\
visitors
`-- virtual IP 10.0.0.100/24 on eth0
    +-- balancers (nginx)
    |   +-- lb1  10.0.0.6  priority 150
    |   `-- lb2  10.0.0.7  priority 149
    +-- www (apostrophe)  www.example.com and every unknown name
    |   +-- web  /  4 processes, 300 MB each, health /login
    |   |   +-- app1  10.0.0.1  zone a  :3000 :3001
    |   |   `-- app2  10.0.0.2  :3000 :3001
    |   +-- release  newest from path /site; install, assets, migrate
    |   `-- shared  public/uploads -> kept on each host
    `-- stores
        +-- MongoDB replica set rs0  databases: www
        |   +-- db1  10.0.0.3:27017  priority 1
        |   +-- db2  10.0.0.4:27017  arbiter_only
        |   `-- db3  10.0.0.5:27017  priority 0  no vote
        +-- Redis  256 MB, no persistence  users: www
        |   `-- db1  10.0.0.3:6379
        `-- Memcached  64 MB
            `-- db1  10.0.0.3:11211

host  address   groups         processes  memory  lets in
"""


def test_the_whole_picture() -> None:
    hosts = {
        "app1": {"zone": "a"},
        "db2": {"mongodb_member": {"arbiter_only": True}},
        "db3": {"mongodb_member": {"votes": 0}},
    }
    site = app(profile="apostrophe", default=True)
    text = plan_text(plan({"www": site}, hosts=hosts, vip=VIP, redis={}, memcached={}))
    assert text.startswith(PICTURE)
    assert "app1  10.0.0.1  app            2          600 MB  ssh, 3000/3001 (www-web from loadbalancer)" in text
    assert "secrets: mongodb_admin_password, mongodb_keyfile, www_disabled_file_key," in text
    assert "warning: The replica set has 2 voting members" in text
    assert not any(line != line.rstrip() for line in text.splitlines())


def test_large_clusters_are_shortened() -> None:
    many = {**GROUPS, "app": [f"app{at}" for at in range(1, 1001)]}
    text = plan_text(plan({"www": app(services={"web": {"instances": 4}})}, groups=many))
    assert "4000 processes" in text
    assert "... and 981 more" in text
    assert ":3000-3003" in text
    assert len(text.splitlines()) < 80


def test_parts_that_are_not_there() -> None:
    job = {"name": "clean", "command": "x", "schedule": "1 2 * * *"}
    small = {"loadbalancer": ["web1"], "app": ["web1"]}
    text = plan_text(plan({"www": app(jobs=[job])}, groups=small, firewall={"enabled": False}))
    assert text.startswith("visitors\n+-- balancers (nginx)\n|   `-- web1  10.0.0.1\n`-- www (plain)")
    assert "job  clean  1 2 * * *" in text
    assert "everything (no firewall)" in text
    assert "stores" not in text
    assert "secrets" not in text


def test_another_port_of_ssh_is_shown() -> None:
    lines = plan_text(plan(hosts={"app1": {"ssh_port": 2222}})).splitlines()
    (app1,) = [line for line in lines if line.startswith("app1 ")]
    (app2,) = [line for line in lines if line.startswith("app2 ")]
    assert "ssh at 2222, 22 (SSH behind a forwarded port), 3000/3001 (www-web from loadbalancer)" in app1
    assert "ssh, 3000/3001 (www-web from loadbalancer)" in app2


def test_an_ipv6_member_is_named() -> None:
    text = plan_text(plan(hosts={"db1": {"address": "2001:db8::1"}}))
    assert "db1  [2001:db8::1]:27017  priority 1" in text
