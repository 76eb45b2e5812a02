# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The profile of Steedos, planned as its page shows it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support.steedos_page import examples
from tests.unit.plugin_utils.plan_inputs import app, plan, problems, shipped, the_problem

GROUPS = {"loadbalancer": ["lb1", "lb2"], "app": ["app1", "app2"], "mongodb": ["db1", "db2", "db3"]}
BY_SYSTEMD = {"PORT", "BIND_IP"}
S3 = {"storage": "s3", "s3_bucket": "files", "s3_region": "eu", "s3_key": "AK"}


def steedos(apps: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    apps = apps or {"erp": app(profile="steedos")}
    return plan(apps, groups=GROUPS, profiles=[shipped("steedos")], **options)


def refused(apps: dict[str, Any], **options: Any) -> str:
    return the_problem(apps, groups=GROUPS, profiles=[shipped("steedos")], **options)


def environment(planned: dict[str, Any]) -> dict[str, str]:
    (erp,) = planned["apps"].values()
    return {**erp["environment"], **erp["services"]["web"]["environment"]}


class TestRelease:
    def test_what_every_process_is_told(self) -> None:
        release, _containers = examples()
        told = environment(steedos(release))
        user = "${secrets.erp_mongodb_password.user:uri}:${secrets.erp_mongodb_password:uri}"
        login = f"mongodb://{user}@10.0.0.3:27017,10.0.0.4:27017,10.0.0.5:27017"
        options = "replicaSet=rs0&authSource=erp&readPreference=primary&w=majority"
        redis = "redis://erp:${secrets.erp_redis_password:uri}@127.0.0.1:6379/0"
        assert told == {
            "NODE_ENV": "production",
            "ROOT_URL": "http://erp.example.com",
            "MONGO_URL": f"{login}/erp?{options}",
            "MONGO_OPLOG_URL": f"{login}/local?{options}",
            "TRANSPORTER": redis,
            "CACHER": redis,
            "STEEDOS_NODEID": "erp-${host.address}-${service.port}",
            "BIND_IP": "${host.address}",
            "STEEDOS_LICENSE": "${secrets.erp_license}",
            "STEEDOS_TENANT_TOKEN_SECRET": "${secrets.erp_tenant_token_secret}",
            "STEEDOS_SESSION_SECRET": "${secrets.erp_session_secret}",
            "STEEDOS_CRON_ENABLED": "false",
            "STEEDOS_CFS_STORE": "local",
            "STEEDOS_STORAGE_DIR": "${release.path}/storage",
        }

    def test_the_oplog_can_be_read(self) -> None:
        planned = steedos(mongodb={"tls": {"mode": "requireTLS", "clients": True}})
        (user,) = planned["mongodb"]["users"]
        assert user["roles"] == ["readWrite", {"role": "read", "db": "local"}]
        assert environment(planned)["MONGO_OPLOG_URL"].endswith("&tls=true")

    def test_a_redis_on_the_loopback_of_each_host(self) -> None:
        planned = steedos()
        assert planned["redis"]["persistence"] == "none"
        assert [(host["host"], host["address"]) for host in planned["redis"]["hosts"]] == [
            ("app1", "127.0.0.1"),
            ("app2", "127.0.0.1"),
        ]
        opened = [rule["comment"] for host in planned["hosts"].values() for rule in host["firewall"]]
        assert not any("redis" in comment for comment in opened)
        assert planned["hosts"]["app1"]["memory_mb"] == 500 + 256
        assert (6379, "redis-server") in [
            (one["port"], one["owner"]) for one in planned["hosts"]["app1"]["listens"]["ports"]
        ]

    def test_balancers_keep_visitors_on_their_instance(self) -> None:
        planned = steedos()
        (upstream,) = planned["upstreams"]
        assert upstream["sticky_cookie"] == "erp_web_instance"
        assert [server["name"] for server in upstream["servers"]] == ["app1-5100", "app2-5100"]
        (site,) = planned["sites"]
        assert site["body_limit"] == "150m"
        assert [(route["path"], route["websocket"]) for route in site["routes"]] == [("/", True)]

    def test_the_shared_mount_is_followed(self) -> None:
        release, _containers = examples()
        planned = steedos(release)
        assert planned["apps"]["erp"]["shared_paths"] == [{"path": "storage", "target": "/srv/shared/erp"}]
        assert not any("erp" in warning for warning in planned["warnings"])


class TestContainers:
    def test_replicas_are_one_number(self) -> None:
        _release, containers = examples()
        containers["erp"]["services"]["web"]["instances"] = 4
        planned = steedos(containers)
        assert planned["redis"] is None
        assert len(planned["upstreams"][0]["servers"]) == 8

    def test_the_command_hands_on_every_variable_and_no_value(self) -> None:
        _release, containers = examples()
        planned = steedos(containers)
        command = planned["apps"]["erp"]["services"]["web"]["command"]
        assert set(re.findall(r"--env (\S+)", command)) == set(environment(planned)) - BY_SYSTEMD
        assert "--publish ${host.address}:${service.port}:80" in command

    def test_the_engine_may_hold_the_ports(self) -> None:
        release, containers = examples()
        found = [steedos(one)["hosts"]["app1"]["listens"]["ports"][-1] for one in (release, containers)]
        assert found == [{"port": 5100, "owner": "erp-*@5100"}, {"port": 5101, "owner": "docker-proxy"}]

    def test_a_secret_in_the_command_is_refused(self) -> None:
        web = {"command": "docker run --env STEEDOS_LICENSE=${secrets.license} steedos"}
        found = refused({"erp": app(profile="steedos", services={"web": web})})
        assert "has a secret in a command line" in found


class TestMistakes:
    def test_two_processes_on_one_redis(self) -> None:
        found = refused({"erp": app(profile="steedos", services={"web": {"instances": 2}})})
        assert found == (
            "webapp_apps: 2 processes of erp would share one Redis on app1 (and so on 1 more), which a profile keeps "
            "for one (stores.redis.exclusive). Have one on each host and more hosts, or choose settings of the profile "
            "that want no such Redis."
        )

    def test_two_apps_on_one_redis(self) -> None:
        both = {"erp": app(profile="steedos"), "crm": app(1, profile="steedos", services={"web": {"port": 5200}})}
        assert "2 processes of crm and erp would share one Redis on app1" in refused(both)
        both["erp"]["hosts"], both["crm"]["hosts"] = ["app1"], ["app2"]
        assert len(steedos(both)["redis"]["users"]) == 2

    @pytest.mark.parametrize("name", ["redis", "storage", "edition"])
    def test_a_value_that_is_no_choice(self, name: str) -> None:
        found = refused({"erp": app(profile="steedos", settings={name: "none"})})
        assert f"webapp_apps.erp.settings.{name}: is 'none', must be one of" in found

    def test_s3_without_its_bucket(self) -> None:
        settings = {key: value for key, value in S3.items() if key != "s3_bucket"}
        found = refused({"erp": app(profile="steedos", settings=settings)})
        assert "needs the setting s3_bucket, which is not set" in found

    def test_storage_that_only_one_host_sees(self) -> None:
        assert any("erp keeps storage on each of its 2 hosts" in warning for warning in steedos()["warnings"])
        with_s3 = steedos({"erp": app(profile="steedos", settings={**S3, "s3_path_style": True})})
        assert not any("storage" in warning for warning in with_s3["warnings"])
        assert environment(with_s3)["STEEDOS_CFS_AWS_S3_FORCE_PATH_STYLE"] == "true"

    def test_without_mongodb(self) -> None:
        groups = {name: hosts for name, hosts in GROUPS.items() if name != "mongodb"}
        found = problems({"erp": app(profile="steedos")}, groups=groups, profiles=[shipped("steedos")])
        assert any("the group mongodb has no host, and erp cannot do without mongodb" in one for one in found)


class TestBesideOthers:
    def test_a_shared_redis_stays_where_it_is(self) -> None:
        apps = {"erp": app(profile="steedos"), "www": app(1, profile="apostrophe", settings={"sessions": "redis"})}
        planned = plan(apps, groups={**GROUPS, "cache": ["app1"]}, profiles=[shipped("steedos")])
        redis = planned["redis"]
        assert redis["hosts"] == [
            {"host": "app1", "address": "10.0.0.1"},
            {"host": "app2", "address": "127.0.0.1", "exclusive": True},
        ]
        assert "@10.0.0.1:6379" in planned["apps"]["www"]["environment"]["APOS_SESSION_REDIS_URL"]
        assert "@127.0.0.1:6379" in planned["apps"]["erp"]["environment"]["TRANSPORTER"]

    def test_who_can_do_without_redis_gets_no_foreign_one(self) -> None:
        apps = {"erp": app(profile="steedos"), "www": app(1, profile="apostrophe")}
        planned = plan(apps, groups=GROUPS, profiles=[shipped("steedos")], redis={"maxmemory_mb": 64})
        assert [user["name"] for user in planned["redis"]["users"]] == ["erp"]
        assert planned["redis"]["maxmemory_mb"] == 64

    def test_settings_of_redis_are_no_mistake_without_a_cache(self) -> None:
        assert not any("redis" in warning.lower() for warning in steedos(redis={})["warnings"])
