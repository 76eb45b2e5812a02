# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan says about clusters that are well declared."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError

from tests.unit.plugin_utils.plan_inputs import GROUPS, app, plan, profile, shipped

REPOSITORY = {"url": "https://x.test", "suite": "x/", "components": [], "key": "https://x.test/key.asc"}
VIP = {"address": "10.0.0.100", "prefix": 24, "interface": "eth0", "router_id": 51}


def site(**changes: Any) -> dict[str, Any]:
    return app(profile="apostrophe", **changes)


class TestApostrophe:
    def test_environment_holds_every_member_and_no_secret(self) -> None:
        environment = plan({"www": site()})["apps"]["www"]["environment"]
        assert environment == {
            "NODE_ENV": "production",
            "ADDRESS": "${host.address}",
            "APOS_BASE_URL": "http://www.example.com",
            "APOS_MONGODB_URI": "mongodb://${secrets.www_mongodb_password.user:uri}:${secrets.www_mongodb_password:uri}"
            "@10.0.0.3:27017,10.0.0.4:27017,10.0.0.5:27017"
            "/www?replicaSet=rs0&authSource=www&readPreference=primary&w=majority",
            "APOS_RELEASE_ID": "${release.id}",
            "APOS_SESSION_SECRET": "${secrets.www_session_secret}",
            "APOS_UPLOADFS_DISABLED_FILE_KEY": "${secrets.www_disabled_file_key}",
        }

    def test_instances_are_planned_on_each_app_host(self) -> None:
        planned = plan({"www": site(services={"web": {"instances": 3}})})
        assert [
            (one["host"], one["port"], one["unit"]) for one in planned["apps"]["www"]["services"]["web"]["instances"]
        ] == [(host, port, f"www-web@{port}.service") for host in ("app1", "app2") for port in (3000, 3001, 3002)]
        assert planned["hosts"]["app1"]["memory_mb"] == 900
        assert planned["hosts"]["app1"]["processes"] == 3

    def test_two_instances_are_usual(self) -> None:
        assert plan({"www": site()})["hosts"]["app2"]["processes"] == 2

    def test_upstream_and_site(self) -> None:
        planned = plan({"www": site(default=True, domains=["WWW.Example.com", "example.com"])})
        assert planned["upstreams"] == [
            {
                "name": "www-web",
                "servers": [
                    {"name": f"{host}-{port}", "host": host, "address": address, "port": port}
                    for host, address in (("app1", "10.0.0.1"), ("app2", "10.0.0.2"))
                    for port in (3000, 3001)
                ],
                "health_path": "/login",
                "health_status": 200,
            }
        ]
        assert planned["sites"] == [
            {
                "name": "www",
                "domains": ["www.example.com", "example.com"],
                "default": True,
                "body_limit": "32m",
                "static_root": "/opt/webapp/www/static/public",
                "headers": {},
                "routes": [
                    {
                        "path": "/",
                        "upstream": "www-web",
                        "static_root": "/opt/webapp/www/static/public",
                        "websocket": False,
                        "read_timeout": 60,
                        "cors": None,
                        "headers": {},
                    }
                ],
            }
        ]

    def test_tls(self) -> None:
        tls = {"certificate": "/c.pem", "key": "/k.pem", "hsts": 600}
        services = {"web": {"sticky": True}}
        changes = {"tls": tls, "canonical": "www.Example.com", "limits": {"connections": 20}, "services": services}
        planned = plan({"www": {**app(domains=["example.com", "WWW.example.com"]), **changes}})
        site = planned["sites"][0]
        assert site["tls"] == {**tls, "on_host": False, "redirect": True}
        assert (site["canonical"], site["limits"]) == ("www.example.com", {"connections": 20})
        assert planned["apps"]["www"]["url"] == "https://www.example.com"
        assert planned["upstreams"][0]["sticky_secure"] is True

    def test_another_balancer_ends_tls(self) -> None:
        changes = {"url": "https://www.example.com", "services": {"web": {"sticky": True}}}
        assert plan({"www": {**app(), **changes}})["upstreams"][0]["sticky_secure"] is True
        assert "sticky_secure" not in plan({"www": {**app(), **changes, "url": None}})["upstreams"][0]

    def test_how_requests_are_spread(self) -> None:
        balance = {"method": "least_conn", "weights": {"app1": 3}, "backup": ["app2"], "max_fails": 1}
        services = {"web": {"instances": 1, "sticky": True, "balance": balance, "health": {"path": "/healthz"}}}
        assert plan({"www": app(services=services)})["upstreams"] == [
            {
                "name": "www-web",
                "servers": [
                    {"name": "app1-3000", "host": "app1", "address": "10.0.0.1", "port": 3000, "weight": 3},
                    {"name": "app2-3000", "host": "app2", "address": "10.0.0.2", "port": 3000, "backup": True},
                ],
                "method": "least_conn",
                "max_fails": 1,
                "sticky_cookie": "www_web_instance",
                "health_path": "/healthz",
                "health_status": 200,
            }
        ]

    def test_the_service_is_as_profile_and_inventory_say(self) -> None:
        service = plan({"www": site(services={"web": {"health": {"path": "/healthz"}, "environment": {"A": 1}}})})[
            "apps"
        ]["www"]["services"]["web"]
        del service["instances"]
        assert service == {
            "command": "node app",
            "port_variable": "PORT",
            "port_holder": None,
            "environment": {"A": "1"},
            "memory_mb": 300,
            "start_timeout": 90,
            "stop_timeout": 30,
            "stop_signal": "SIGTERM",
            "success_exit_statuses": [143],
            "serial_start": False,
            "sticky": False,
            "websocket": False,
            "health": {"path": "/healthz", "status": 200, "timeout": 5},
        }

    def test_steps_of_the_inventory_come_after_those_of_the_profile(self) -> None:
        step = {"name": "admin", "command": "make-admin", "environment": {"PASSWORD": "${secrets.www_admin_password}"}}
        planned = plan({"www": site(secrets={"admin_password": {"bytes": 12}}, release_steps=[step])})
        assert [one["name"] for one in planned["apps"]["www"]["build"]] == ["install", "assets"]
        assert [one["name"] for one in planned["apps"]["www"]["release_steps"]] == ["migrate", "admin"]
        assert planned["apps"]["www"]["release_steps"][1]["environment"] == {
            "PASSWORD": "${secrets.www_admin_password}"
        }

    def test_secrets_that_something_uses(self) -> None:
        planned = plan({"www": site()})
        assert [(one["name"], one["generate"]) for one in planned["secrets"]] == [
            ("mongodb_admin_password", True),
            ("mongodb_keyfile", True),
            ("www_disabled_file_key", True),
            ("www_mongodb_password", True),
            ("www_session_secret", True),
        ]

    def test_who_holds_a_secret(self) -> None:
        """Both sides of a login; a host that is on both once."""
        groups = {"loadbalancer": ["lb1"], "app": ["app1", "db1"], "mongodb": ["db1", "db2", "db3"], "cache": ["db1"]}
        planned = plan({"www": site(settings={"sessions": "redis"})}, groups)
        assert {one["name"]: one["holders"] for one in planned["secrets"]} == {
            "mongodb_admin_password": ["db1", "db2", "db3"],
            "mongodb_keyfile": ["db1", "db2", "db3"],
            "www_disabled_file_key": ["app1", "db1"],
            "www_mongodb_password": ["db1", "db2", "db3", "app1"],
            "www_redis_password": ["db1", "app1"],
            "www_session_secret": ["app1", "db1"],
        }

    def test_sessions_in_redis(self) -> None:
        planned = plan({"www": site(settings={"sessions": "redis"})})
        assert (
            planned["apps"]["www"]["environment"]["APOS_SESSION_REDIS_URL"]
            == "redis://www:${secrets.www_redis_password:uri}@10.0.0.3:6379/0"
        )
        assert planned["redis"] == {
            "port": 6379,
            "maxmemory_mb": 256,
            "persistence": "aof",
            "hosts": [{"host": "db1", "address": "10.0.0.3"}],
            "users": [{"name": "www", "password": "${secrets.www_redis_password}"}],
        }
        assert planned["hosts"]["db1"]["memory_mb"] == 512 + 256

    def test_uploads_in_s3(self) -> None:
        settings = {"uploads": "s3", "s3_bucket": "b", "s3_region": "r", "s3_key": "k"}
        planned = plan({"www": site(settings=settings)})
        environment = planned["apps"]["www"]["environment"]
        assert {name: value for name, value in environment.items() if "S3" in name} == {
            "APOS_S3_BUCKET": "b",
            "APOS_S3_REGION": "r",
            "APOS_S3_KEY": "k",
            "APOS_S3_SECRET": "${secrets.www_s3_secret}",
        }
        assert planned["apps"]["www"]["shared_paths"] == []
        assert [one["name"] for one in planned["secrets"] if not one["generate"]] == ["www_s3_secret"]

    def test_uploads_on_a_mount(self) -> None:
        target = "/srv/shared/www/uploads"
        planned = plan({"www": site(shared_paths={"public/uploads": target}, uid=2001)})
        assert planned["apps"]["www"]["shared_paths"] == [{"path": "public/uploads", "target": target}]
        assert not any("uploads" in warning for warning in planned["warnings"])

    def test_a_shared_folder_wants_one_number_of_the_user(self) -> None:
        planned = plan({"www": site(shared_paths={"public/uploads": "/srv/shared"})})
        assert any("webapp_apps.www.uid" in warning for warning in planned["warnings"])
        assert planned["apps"]["www"]["uid"] is None

    def test_no_secret_in_a_command_line(self) -> None:
        step = {"name": "admin", "command": "node app add ${secrets.session_secret}"}
        with pytest.raises(ScaleoutError, match="has a secret in a command line"):
            plan({"www": site(release_steps=[step])})

    def test_everything_on_one_host(self) -> None:
        everything = {group: ["web1"] for group in ("loadbalancer", "app", "mongodb", "cache")}
        mongodb = {"cache_mb": 512, "install": {"repository": REPOSITORY}}
        planned = plan({"www": site()}, groups=everything, memcached={"memory_mb": 64}, mongodb=mongodb)
        host = planned["hosts"]["web1"]
        assert host["groups"] == ["app", "cache", "loadbalancer", "mongodb"]
        assert host["memory_mb"] == 2 * 300 + 768 + 64
        assert [rule["comment"] for rule in host["firewall"]] == ["web from any"]
        assert planned["warnings"] == []


class TestApps:
    def test_overrides_of_the_inventory_win(self) -> None:
        text = "environment: {A: profile, B: profile, C: profile}\nheaders: {X-A: profile}\n"
        changed = app(environment={"B": "inventory", "C": None}, headers={"X-A": "${app.name}"}, body_limit="5m")
        planned = plan({"www": changed}, profiles=[profile(text)])
        assert planned["apps"]["www"]["environment"] == {"A": "profile", "B": "inventory"}
        assert planned["sites"][0]["headers"] == {"X-A": "www"}
        assert planned["sites"][0]["body_limit"] == "5m"

    def test_values_become_texts(self) -> None:
        environment = plan({"www": app(environment={"A": True, "B": 1, "C": 1.5, "D": "", "E": "x y"})})["apps"]["www"][
            "environment"
        ]
        assert environment == {"A": "true", "B": "1", "C": "1.5", "D": "", "E": "x y"}

    def test_some_hosts_only(self) -> None:
        planned = plan({"www": app(hosts=["app2"])})
        assert planned["apps"]["www"]["hosts"] == ["app2"]
        assert planned["hosts"]["app1"]["instances"] == []

    def test_another_number_on_one_host(self) -> None:
        planned = plan(hosts={"app1": {"instances": {"www": {"web": 0}}}, "app2": {"instances": {"www": {"web": "5"}}}})
        assert (planned["hosts"]["app1"]["processes"], planned["hosts"]["app2"]["processes"]) == (0, 5)

    def test_several_apps_side_by_side(self) -> None:
        planned = plan({"www": app(), "shop": app(1, services={"web": {"port": 4000}})})
        assert list(planned["apps"]) == ["shop", "www"]
        assert [one["name"] for one in planned["upstreams"]] == ["shop-web", "www-web"]
        assert [one["port"] for one in planned["hosts"]["app1"]["instances"]] == [4000, 4001, 3000, 3001]

    def test_pinned_release_url_and_runtime(self) -> None:
        planned = plan(
            {"www": app(release="20260101T000000Z", url="https://x.test", runtime={"archive": "/node.tar.gz"})}
        )["apps"]["www"]
        assert planned["release"] == "20260101T000000Z"
        assert planned["url"] == "https://x.test"
        assert planned["runtime"] == {"name": "node", "archive": "/node.tar.gz"}

    def test_numbers_as_older_ansible_versions_hand_them_over(self) -> None:
        planned = plan(
            {"www": app(services={"web": {"instances": "4", "port": "3100"}}, default="yes")},
            firewall={"enabled": "False"},
        )
        assert [one["port"] for one in planned["hosts"]["app1"]["instances"]] == [3100, 3101, 3102, 3103]
        assert planned["sites"][0]["default"] is True
        assert planned["firewall"]["enabled"] is False


class TestExample:
    def test_every_part_of_the_annotated_profile(self) -> None:
        settings = {"payment": "online", "merchant": "m1"}
        shop = app(
            profile="example",
            settings=settings,
            jobs=[{"name": "report", "command": "node report", "schedule": "0 5 * * 1"}],
        )
        planned = plan({"shop": shop}, profiles=[shipped("example")])
        one = planned["apps"]["shop"]
        assert one["environment"]["MERCHANT_KEY"] == "${secrets.shop_merchant_key}"
        assert "SHOP_MAIL_FROM" not in one["environment"]
        assert json.loads(one["files"][0]["content"]) == {
            "cookieKey": "${secrets.shop_cookie_key:json}",
            "currency": "EUR",
        }
        assert one["services"]["api"]["command"] == "node api.js --port ${service.port}"
        assert [(job["name"], job["cron"]["candidates"]) for job in one["jobs"]] == [
            ("cleanup", ["app1", "app2"]),
            ("report", ["app1", "app2"]),
        ]
        routes = {route["path"]: route for route in planned["sites"][0]["routes"]}
        assert routes["/chat/"]["websocket"] is True
        assert routes["/api/"]["cors"] == {
            "origins": ["https://partner.example.com"],
            "credentials": True,
            "methods": ["GET", "POST"],
            "headers": ["Content-Type"],
            "max_age": 600,
        }
        assert planned["memcached"] is None

    def test_cors_without_lists_leaves_the_usual(self) -> None:
        text = "  - {path: /api/, service: web, cors: {credentials: true}}\n"
        planned = plan(profiles=[profile(text)])
        assert planned["sites"][0]["routes"][1]["cors"] == {"credentials": True, "max_age": 600}


class TestMongodb:
    def test_members(self) -> None:
        hosts = {
            "db1": {"mongodb_member": {"priority": 2}},
            "db2": {"mongodb_member": {"hidden": True}},
            "db3": {"mongodb_member": {"arbiter_only": True}},
        }
        planned = plan(
            {"www": site()}, hosts=hosts, mongodb={"port": 27018, "settings": {"electionTimeoutMillis": 2000}}
        )
        assert planned["mongodb"]["members"] == [
            {"host": "10.0.0.3:27018", "priority": 2},
            {"host": "10.0.0.4:27018", "priority": 0, "hidden": True},
            {"host": "10.0.0.5:27018", "priority": 0, "arbiter_only": True},
        ]
        assert "@10.0.0.3:27018/www?" in planned["apps"]["www"]["environment"]["APOS_MONGODB_URI"]
        assert planned["mongodb"]["settings"] == {"electionTimeoutMillis": 2000}

    def test_user_of_each_app(self) -> None:
        assert plan({"www": site()})["mongodb"]["users"] == [
            {"name": "www", "database": "www", "roles": ["readWrite"], "password": "${secrets.www_mongodb_password}"}
        ]

    def test_ipv6_stands_in_brackets(self) -> None:
        hosts = {"db1": {"address": "2001:db8::1"}, "app1": {"address": "2001:db8::2"}}
        planned = plan({"www": site()}, hosts=hosts)
        assert planned["mongodb"]["members"][0]["host"] == "[2001:db8::1]:27017"
        assert planned["upstreams"][0]["servers"][0]["address"] == "[2001:db8::2]"
        assert planned["hosts"]["app1"]["address"] == "2001:db8::2"

    def test_how_it_is_installed_is_passed_on(self) -> None:
        install = {"method": "packages", "repository": REPOSITORY}
        assert plan(mongodb={"install": install})["mongodb"]["install"] == install


class TestStores:
    def test_none_is_there_unless_somebody_wants_it(self) -> None:
        planned = plan()
        assert (planned["redis"], planned["memcached"]) == (None, None)

    def test_the_inventory_may_want_them(self) -> None:
        planned = plan({"www": site()}, redis={}, memcached={"memory_mb": "32"})
        assert planned["redis"]["persistence"] == "none"
        assert planned["memcached"] == {
            "port": 11211,
            "memory_mb": 32,
            "hosts": [{"host": "db1", "address": "10.0.0.3"}],
        }

    def test_redis_without_a_user_would_be_open(self) -> None:
        assert plan(redis={})["redis"] is None

    def test_a_profile_may_need_memcached(self) -> None:
        text = "stores: {memcached: {}}\n"
        text += "environment: {URL: '${stores.memcached.url}', ALL: '${stores.memcached.servers}'}\n"
        planned = plan(
            profiles=[profile(text)], groups={"loadbalancer": ["lb1"], "app": ["app1"], "cache": ["c1", "c2"]}
        )
        assert planned["apps"]["www"]["environment"] == {
            "URL": "memcached://10.0.0.2:11211",
            "ALL": "10.0.0.2:11211,10.0.0.3:11211",
        }


class TestNetwork:
    def test_virtual_ip_follows_inventory_order(self) -> None:
        vip = {"address": "10.0.0.100", "prefix": 24, "interface": "eth0", "router_id": 51}
        planned = plan(vip=vip)
        assert planned["vip"] == {
            **vip,
            "holders": [
                {"host": "lb1", "address": "10.0.0.6", "priority": 150},
                {"host": "lb2", "address": "10.0.0.7", "priority": 149},
            ],
        }
        assert {
            "ports": [],
            "protocol": "vrrp",
            "sources": ["10.0.0.7"],
            "comment": "vrrp from loadbalancer",
        } in planned["hosts"]["lb1"]["firewall"]

    def test_balancers_may_have_another_address_inside(self) -> None:
        vip = {"address": "192.0.2.10", "prefix": 24, "interface": "eth0", "router_id": 51}
        outside = {name: {"login_address": f"192.0.2.{at}"} for at, name in ((1, "lb1"), (2, "lb2"))}
        assert plan(vip=vip, hosts=outside)["vip"]["address"] == "192.0.2.10"

    def test_an_ipv6_address_is_written_as_hosts_show_it(self) -> None:
        vip = {"address": "2001:DB8:0::10", "prefix": 64, "interface": "eth0", "router_id": 51}
        inside = {name: {"login_address": f"2001:db8::{at}"} for at, name in ((1, "lb1"), (2, "lb2"))}
        assert plan(vip=vip, hosts=inside)["vip"]["address"] == "2001:db8::10"

    def test_only_what_is_needed_is_let_in(self) -> None:
        planned = plan({"www": site()}, redis={}, memcached={})
        rules = {
            name: {rule["comment"]: (rule["ports"], rule["sources"]) for rule in host["firewall"]}
            for name, host in planned["hosts"].items()
        }
        balancers, apps, members = (
            ["10.0.0.6", "10.0.0.7"],
            ["10.0.0.1", "10.0.0.2"],
            ["10.0.0.3", "10.0.0.4", "10.0.0.5"],
        )
        assert rules["lb1"] == {"web from any": ([80], ["any"])}
        assert rules["app1"] == {"www-web from loadbalancer": ([3000, 3001], balancers)}
        assert rules["db1"] == {
            "mongodb from app and mongodb": ([27017], [*apps, *members[1:]]),
            "redis from app": ([6379], apps),
            "memcached from app": ([11211], apps),
        }
        assert rules["db2"] == {"mongodb from app and mongodb": ([27017], [*apps, members[0], members[2]])}

    def test_groups_of_one_host_are_merged(self) -> None:
        groups = {"loadbalancer": ["app1", "lb2"], "app": ["app1"], "mongodb": ["app1"]}
        rules = plan({"www": site()}, groups=groups)["hosts"]["app1"]["firewall"]
        assert [(rule["comment"], rule["sources"]) for rule in rules] == [
            ("web from any", ["any"]),
            ("www-web from loadbalancer", ["10.0.0.2"]),
        ]

    def test_ssh_comes_in_at_the_port_of_the_login_and_where_that_may_be_forwarded_to(self) -> None:
        planned = plan(hosts={"app1": {"ssh_port": 2222}}, firewall={"ssh_sources": ["192.0.2.1"]})["hosts"]
        rule = {"ports": [22], "protocol": "tcp", "sources": ["192.0.2.1"], "comment": "SSH behind a forwarded port"}
        assert planned["app1"]["ssh_port"] == 2222
        assert rule in planned["app1"]["firewall"]
        assert planned["app2"]["ssh_port"] == 22
        assert rule not in planned["app2"]["firewall"]

    def test_rules_of_the_inventory(self) -> None:
        extra = [{"ports": [9100], "sources": ["192.0.2.0/24"], "groups": ["mongodb"], "comment": "metrics"}]
        planned = plan(firewall={"extra": extra, "ssh_sources": ["192.0.2.1"]})
        rule = {"ports": [9100], "protocol": "tcp", "sources": ["192.0.2.0/24"], "comment": "metrics"}
        assert rule in planned["hosts"]["db1"]["firewall"]
        assert rule not in planned["hosts"]["app1"]["firewall"]
        assert planned["firewall"] == {"enabled": True, "ssh_sources": ["192.0.2.1"]}


class TestListens:
    def test_every_port_with_the_unit_that_may_hold_it(self) -> None:
        planned = plan({"www": site()}, redis={"port": 6400}, memcached={}, mongodb={"port": 27018})["hosts"]
        listening = {
            name: [(one["port"], one["owner"]) for one in host["listens"]["ports"]] for name, host in planned.items()
        }
        assert listening["lb1"] == [(80, "nginx"), (8079, "nginx")]
        assert listening["app1"] == [(3000, "www-*@3000"), (3001, "www-*@3001")]
        assert listening["db1"] == [(27018, "mongod"), (6400, "redis-server"), (11211, "memcached")]
        assert listening["db2"] == [(27018, "mongod")]

    @pytest.mark.parametrize(
        ("one", "vip", "bound"),
        [
            (app(), None, ["db1", "db2", "db3"]),
            (app(), VIP, ["db1", "db2", "db3", "lb1", "lb2"]),
            (app(environment={"HOST": "${host.address}"}), None, ["app1", "app2", "db1", "db2", "db3"]),
        ],
        ids=["stores", "virtual IP", "an app that is told where to listen"],
    )
    def test_who_listens_on_an_address_of_its_own(
        self, one: dict[str, Any], vip: dict[str, Any] | None, bound: list[str]
    ) -> None:
        """The others listen everywhere: their hosts may be behind address translation."""
        hosts = plan({"www": one}, vip=vip)["hosts"]
        assert {name: host["listens"]["addresses"] for name, host in hosts.items()} == {
            name: [host["address"]] if name in bound else [] for name, host in hosts.items()
        }

    def test_the_interface_of_the_virtual_ip_is_looked_for_where_it_may_come(self) -> None:
        for vip, expected in ((VIP, {"lb1", "lb2"}), (None, set())):
            hosts = plan(vip=vip)["hosts"]
            assert {name for name, host in hosts.items() if host["listens"]["interfaces"] == ["eth0"]} == expected
            assert {name for name, host in hosts.items() if host["listens"]["interfaces"] == []} == {*hosts} - expected


class TestWarnings:
    def test_one_balancer(self) -> None:
        (warning,) = plan(groups={"loadbalancer": ["lb1"], "app": ["app1"]})["warnings"]
        assert "lb1 is the only balancer" in warning

    def test_several_balancers_without_virtual_ip(self) -> None:
        (warning,) = plan(groups={"loadbalancer": ["lb1", "lb2"], "app": ["app1"]})["warnings"]
        assert "no webapp_vip" in warning

    def test_a_number_for_a_host_that_does_not_run_the_app(self) -> None:
        groups = {**GROUPS, "app": ["app1", "app2", "app3"]}
        shop = app(1, hosts=["app1"], services={"web": {"port": 4000}})
        number = {"instances": {"shop": {"web": 4}}}
        found = plan({"www": app(), "shop": shop}, groups=groups, hosts={"app2": number, "app3": number})["warnings"]
        assert (
            "webapp_instances of app2, app3 has a number for shop, which does not run there. "
            "Take the number away, or put the host into the list webapp_apps.shop.hosts."
        ) in found
        found = plan(groups=groups, hosts={"db1": {"instances": {"www": {"web": 1}}}})["warnings"]
        assert any("of db1 has a number for www" in text and "into the group app." in text for text in found)

    @pytest.mark.parametrize(
        "hosts",
        [
            {name: {"instances": {"www": {"web": 1}}} for name in ("app1", "app2", "db1", "lb1")},
            {"app1": {"instances": {"www": {"web": "1"}}}, "db1": {"instances": {"www": {"web": 1}}}},
            {"db1": {"instances": {"www": {"web": 0}}}},
        ],
        ids=["of a group", "as text", "none"],
    )
    def test_a_number_that_says_nothing_about_that_host(self, hosts: dict[str, dict[str, Any]]) -> None:
        assert not any("webapp_instances" in text for text in plan(hosts=hosts)["warnings"])

    def test_even_number_of_voters(self) -> None:
        everything = {group: ["web1"] for group in ("loadbalancer", "app")}
        warnings = plan(groups={**everything, "mongodb": ["web1", "db1"]})["warnings"]
        assert any("2 voting members" in warning for warning in warnings)
        hosts = {"db1": {"mongodb_member": {"votes": 0}}}
        warnings = plan(groups={**everything, "mongodb": ["web1", "db1"]}, hosts=hosts)["warnings"]
        assert not any("voting" in warning for warning in warnings)

    def test_packages_that_no_distribution_has(self) -> None:
        def warned(**install: Any) -> bool:
            warnings = plan({"www": site()}, mongodb={"install": install})["warnings"]
            return any(
                "packages (mongodb-org-server) and webapp_mongodb.install has no repository" in w for w in warnings
            )

        assert warned()
        assert not warned(repository=REPOSITORY)
        assert not warned(method="binary", binary="/mongod")

    def test_caches_that_are_wanted_and_have_no_host(self) -> None:
        groups = {"loadbalancer": ["lb1"], "app": ["app1"], "mongodb": ["db1"]}
        uses = profile("stores: {redis: {optional: true}, memcached: {optional: true}}\n")
        warnings = plan(groups=groups, redis={}, profiles=[uses])["warnings"]
        assert (
            "There is no redis: the group cache has no host, though webapp_redis is given and www can use it."
            in warnings
        )
        assert "There is no memcached: the group cache has no host, though www can use it." in warnings
        assert not any("cache" in warning for warning in plan(groups=groups)["warnings"])

    def test_a_cache_that_nobody_uses(self) -> None:
        warnings = plan(redis={})["warnings"]
        assert "There is no redis: webapp_redis is given, but no app can use it." in warnings
        assert "The group cache (db1) has nothing to do: give webapp_redis or webapp_memcached." in warnings

    def test_redis_on_the_first_of_several(self) -> None:
        groups = {"loadbalancer": ["lb1"], "app": ["app1"], "mongodb": ["db1"], "cache": ["c1", "c2", "c3"]}
        (warning,) = [one for one in plan({"www": site()}, groups=groups, redis={})["warnings"] if "Redis" in one]
        assert warning == (
            "Redis runs only on c1, the first host of the group cache, and not on c2, c3: without c1 there is none."
        )
        memcached = plan({"www": site()}, groups=groups, memcached={})
        assert not any("cache" in warning for warning in memcached["warnings"])

    def test_a_zone_with_the_majority(self) -> None:
        zones = {"db1": {"zone": "a"}, "db2": {"zone": "a"}, "db3": {"zone": "b"}}
        assert any("Zone a has 2 of 3 voting members" in warning for warning in plan(hosts=zones)["warnings"])
        zones["db2"] = {"zone": "c"}
        assert not any("Zone" in warning for warning in plan(hosts=zones)["warnings"])

    def test_files_that_each_host_keeps_by_itself(self) -> None:
        assert any(
            "www keeps public/uploads on each of its 2 hosts" in warning
            for warning in plan({"www": site()})["warnings"]
        )
        assert not any("uploads" in warning for warning in plan({"www": site(hosts=["app1"])})["warnings"])


class TestJobs:
    def jobs(self, text: str, **more: Any) -> list[dict[str, Any]]:
        planned = plan({"www": app(**more)}, profiles=[profile(f"jobs: [{text}]\n")])
        return list(planned["apps"]["www"]["jobs"])

    def test_a_job_as_the_role_takes_it(self) -> None:
        (job,) = self.jobs("{name: clean, command: \"node bin/clean 'a b' 100%\", schedule: '*/15 2 * * mon'}")
        assert job == {
            "name": "clean",
            "schedule": "*/15 2 * * mon",
            "strategy": "single",
            "cron": {
                "id": "clean",
                "job": "set -a; . /etc/webapp/www/environment; cd /opt/webapp/www/current && "
                "exec node bin/clean 'a b' 100%",
                "minute": "*/15",
                "hour": "2",
                "day": "*",
                "month": "*",
                "weekday": "mon",
                "user": "www",
                "strategy": "single",
                "candidates": ["app1", "app2"],
                "time_limit": 0,
                "catch_up": False,
            },
        }

    def test_guards_meet_in_mongodb(self) -> None:
        lease = {"name": "mail", "command": "x", "schedule": "0 * * * *", "strategy": "lease", "retry": True}
        planned = plan({"www": site(jobs=[lease])})
        cron = planned["apps"]["www"]["jobs"][0]["cron"]
        assert (cron["strategy"], cron["retry"], cron["store_failure"]) == ("lease", True, "skip")
        assert planned["leases_url"].startswith("mongodb://${secrets.cron_leases_mongodb_password.user:uri}:")
        assert "/cron_leases?replicaSet=rs0&authSource=cron_leases" in planned["leases_url"]
        assert planned["mongodb"]["users"][-1] == {
            "name": "cron_leases",
            "database": "cron_leases",
            "roles": ["readWrite"],
            "password": "${secrets.cron_leases_mongodb_password}",
        }
        (secret,) = [one for one in planned["secrets"] if one["name"] == "cron_leases_mongodb_password"]
        assert secret["holders"] == ["db1", "db2", "db3", "app1", "app2"]

    def test_without_leases_nobody_meets(self) -> None:
        planned = plan({"www": site()})
        assert planned["leases_url"] == ""
        assert [user["name"] for user in planned["mongodb"]["users"]] == ["www"]
