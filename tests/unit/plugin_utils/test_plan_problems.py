# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mistakes are refused before anything is touched: what, where, and what to do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.model import PlanError
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.planner import plan_cluster

from tests.unit.plugin_utils.plan_inputs import GROUPS, app, cluster, plan, problems, profile, the_problem

VIP = {"address": "10.0.0.100", "prefix": 24, "interface": "eth0", "router_id": 51}
DIGEST = "0123456789abcdef" * 4


def without(group: str) -> dict[str, list[str]]:
    return {name: hosts for name, hosts in GROUPS.items() if name != group}


class TestAll:
    def test_everything_is_reported_together(self) -> None:
        found = problems(
            {"www": app(profile="plane", domains=["a b"]), "Shop": app(1, source={})},
            groups=without("loadbalancer"),
            vip={**VIP, "address": "none"},
            redis={"maxmemory": 5},
            profiles=[profile()],
        )
        assert len(found) == 7
        text = "\n".join(found)
        for expected in (
            "plane",
            "a b",
            "webapp_apps.Shop:",
            "source",
            "group loadbalancer",
            "webapp_vip.address",
            "maxmemory",
        ):
            assert expected in text

    def test_what_the_caller_found_is_among_them(self) -> None:
        with pytest.raises(PlanError, match="no such folder"):
            plan_cluster(cluster(), [ScaleoutError("no such folder", "webapp_apps.www.source.path")])

    def test_the_text_counts_and_says_that_nothing_was_touched(self) -> None:
        with pytest.raises(PlanError) as caught:
            plan({"www": app(domains=[])})
        assert str(caught.value).splitlines()[0] == "The plan has one problem. Nothing was touched."

    def test_no_app(self) -> None:
        assert "names no app" in the_problem({})

    def test_apps_of_another_type(self) -> None:
        inputs = cluster()
        with pytest.raises(PlanError) as caught:
            plan_cluster(replace(inputs, settings={"webapp_apps": ["www"]}))
        assert str(caught.value.problems[0]) == "webapp_apps: is ['www'], must be a dictionary"


class TestKeys:
    def test_unknown_key(self) -> None:
        assert the_problem({"www": app(domians=["x.test"])}).startswith(
            "webapp_apps.www.domians: is not a known key. Did you mean domains? Known are: profile, domains,"
        )

    def test_unknown_key_further_in(self) -> None:
        found = the_problem({"www": app(services={"web": {"helth": {}}})})
        assert found.startswith("webapp_apps.www.services.web.helth: is not a known key. Did you mean health?")

    @pytest.mark.parametrize("name", ["mongodb", "redis", "memcached", "firewall", "vip"])
    def test_unknown_key_of_a_store(self, name: str) -> None:
        settings: dict[str, Any] = {name: {**(VIP if name == "vip" else {}), "prot": 1}}
        assert the_problem(**settings).startswith(f"webapp_{name}.prot: is not a known key")

    def test_missing_key(self) -> None:
        assert the_problem({"www": {"profile": "plain", "source": {"path": "/site"}}}) == (
            "webapp_apps.www.domains: is required and missing. Add domains."
        )

    def test_wrong_type(self) -> None:
        assert the_problem({"www": app(domains="www.example.com")}) == (
            "webapp_apps.www.domains: is 'www.example.com', must be a list"
        )

    @pytest.mark.parametrize("port", [0, 80, 1023, 65536, -1, "x", True, 1.5, None])
    def test_impossible_port(self, port: Any) -> None:
        if port is None:
            assert plan({"www": app(services={"web": {"port": port}})})
        else:
            assert the_problem({"www": app(services={"web": {"port": port}})}).startswith(
                "webapp_apps.www.services.web.port: is "
            )

    def test_a_port_that_is_not_for_ordinary_users(self) -> None:
        assert the_problem({"www": app(services={"web": {"port": 80}})}) == (
            "webapp_apps.www.services.web.port: is 80, must be between 1024 and 65535. "
            "Ports below 1024 are not for ordinary users; visitors come to the balancers' port 80."
        )

    @pytest.mark.parametrize(
        ("value", "where"),
        [({"1A": "x"}, "1A"), ({"A": ["x"]}, "A"), ({"NODE-EXTRA": "x"}, "NODE-EXTRA"), (["A=x"], "")],
    )
    def test_the_environment_of_the_build(self, value: Any, where: str) -> None:
        place = f"webapp_build_environment.{where}" if where else "webapp_build_environment"
        assert the_problem(build_environment=value).startswith(f"{place}: is ")
        assert plan(build_environment={"NODE_EXTRA_CA_CERTS": "/etc/ssl/ca.crt"})

    def test_a_password_in_the_url_of_a_git_source(self) -> None:
        for url in ("https://me:secret@git.example.com/site", "git+https://me:secret@git.example.com/site"):
            found = the_problem({"www": app(source={"git": url, "version": "main"})})
            assert found.startswith("webapp_apps.www.source.git: has a password in its URL")
            assert "secret" not in found
        for url in ("git@git.example.com:site", "ssh://git@git.example.com:22/site", "https://git.example.com/site"):
            assert plan({"www": app(source={"git": url, "version": "main"})})

    def test_an_app_that_is_retired_and_wanted(self) -> None:
        assert the_problem(retired_apps=["www"]) == (
            "webapp_retired_apps: www is in webapp_apps too. Take it out of one of them."
        )
        assert plan(retired_apps=["shop", "blog"])["retired_apps"] == ["blog", "shop"]

    def test_the_name_of_a_retired_app(self) -> None:
        assert the_problem(retired_apps=["../shop"]).startswith("webapp_retired_apps.0: is '../shop', ")

    def test_instances_below_one(self) -> None:
        assert the_problem({"www": app(services={"web": {"instances": 0}})}) == (
            "webapp_apps.www.services.web.instances: is 0, must be between 1 and 1000"
        )

    def test_instances_beyond_the_last_port(self) -> None:
        found = the_problem({"www": app(services={"web": {"port": 65535}})})
        assert "2 instances from port 65535 on end above port 65535" in found


class TestApps:
    @pytest.mark.parametrize("name", ["Www", "1www", "my-site", "a b", "a" * 25, "../x"])
    def test_bad_name(self, name: str) -> None:
        assert any("must be a name of at most 24 small letters" in found for found in problems({name: app()}))

    @pytest.mark.parametrize("name", ["root", "backup", "mongodb", "admin", "runtimes", "webapp"])
    def test_taken_name(self, name: str) -> None:
        assert "give the app another name" in the_problem({name: app()}).lower()

    def test_the_account_that_ansible_logs_in_to(self) -> None:
        found = the_problem({"deploy": app()}, hosts={"app2": {"login_user": "deploy"}})
        assert found.startswith("webapp_apps.deploy: is the user that Ansible logs in as on app2 (ansible_user), and ")
        assert found.endswith("Give the app another name.")
        assert plan({"deploy": app(hosts=["app1"])}, hosts={"app2": {"login_user": "deploy"}})

    def test_unknown_profile(self) -> None:
        assert the_problem({"www": app(profile="apostrofe")}) == (
            "webapp_apps.www.profile: no profile is called apostrofe. "
            "Did you mean apostrophe? Known are: apostrophe, plain."
        )

    def test_problems_of_a_profile_are_reported_once(self) -> None:
        broken = profile("colour: red\n", "broken")
        found = problems(
            {"a": app(profile="broken"), "b": app(1, profile="broken", services={"web": {"port": 4000}})},
            profiles=[broken],
        )
        assert [text.split(". ")[0] for text in found] == ["profiles/broken.yml: colour: is not a known key"]

    @pytest.mark.parametrize(
        ("domain", "why"),
        [
            ("http://x.test", "'http://x'"),
            ("x_y.test", "no host name"),
            ("-x.test", "no host name"),
            ("x..test", "no host name"),
            ("x.test.", "no host name"),
            ("*.x.test", "no host name"),
            ("192.0.2.1", "ends in a number"),
            ("x" * 64 + ".test", "no host name"),
            ("x." * 127 + "test", "253"),
        ],
    )
    def test_bad_domain(self, domain: str, why: str) -> None:
        found = the_problem({"www": app(domains=["www.test", domain])})
        assert found.startswith("webapp_apps.www.domains.1: ")
        assert why in found

    def test_domain_of_two_apps(self) -> None:
        found = the_problem(
            {"a": app(domains=["x.test"]), "b": app(domains=["X.test"], services={"web": {"port": 4000}})}
        )
        assert (
            found
            == "webapp_apps.b.domains.0: the domain x.test belongs to the app a already. Leave it to one of them, once."
        )

    def test_two_defaults(self) -> None:
        two = {"a": app(default=True), "b": app(1, default=True, services={"web": {"port": 4000}})}
        assert "a and b all have default: true" in the_problem(two)

    @pytest.mark.parametrize(
        ("source", "why"),
        [
            ({}, "nowhere"),
            ({"path": "/a", "git": "b", "version": "main"}, "path and git"),
            ({"git": "b"}, "without version"),
            ({"path": "/a", "version": "1"}, "only git takes"),
        ],
    )
    def test_bad_source(self, source: dict[str, str], why: str) -> None:
        assert why in the_problem({"www": app(source=source)})

    def test_missing_source(self) -> None:
        assert "nowhere" in the_problem({"www": {"profile": "plain", "domains": ["x.test"]}})

    def test_host_outside_the_group(self) -> None:
        assert "app9 is not in the group app. Did you mean" in the_problem({"www": app(hosts=["app1", "app9"])})

    def test_no_host(self) -> None:
        assert "the app has no host" in the_problem({"www": app(hosts=[])})

    def test_no_instance_on_any_host(self) -> None:
        none = {"instances": {"www": {"web": 0}}}
        assert "no instance on any host" in the_problem(hosts={"app1": none, "app2": none})

    def test_instances_of_an_unknown_app_or_service(self) -> None:
        assert the_problem(hosts={"app1": {"instances": {"wwww": {"web": 1}}}}).startswith(
            "host app1: webapp_instances.wwww: there is no such app. Did you mean www?"
        )
        assert "webapp_instances.www.wbe: the profile plain has no such service. Did you mean web?" in the_problem(
            hosts={"app1": {"instances": {"www": {"wbe": 1}}}}
        )

    def test_unknown_service_or_setting(self) -> None:
        assert "has no such service. Did you mean web?" in the_problem({"www": app(services={"wbe": {"instances": 1}})})
        assert "has no such setting" in the_problem({"www": app(settings={"uploads": "s3"})})

    def test_unknown_choice(self) -> None:
        found = the_problem({"www": app(profile="apostrophe", settings={"uploads": "nfs"})})
        assert found == "webapp_apps.www.settings.uploads: is 'nfs', must be one of files, s3"

    def test_required_setting(self) -> None:
        found = problems(
            {"www": app(profile="apostrophe", settings={"uploads": "s3", "s3_region": "r", "s3_key": "k"})}
        )
        assert found == [
            "profiles/apostrophe.yml: environment.APOS_S3_BUCKET: needs the setting s3_bucket, which is not set. "
            "Set webapp_apps.www.settings.s3_bucket."
        ]


class TestGroups:
    @pytest.mark.parametrize("group", ["app", "loadbalancer"])
    def test_missing_group(self, group: str) -> None:
        assert the_problem(groups=without(group)).startswith(
            f"inventory: the group {group} has no host. Put hosts into it"
        )

    def test_missing_store(self) -> None:
        site = {"www": app(profile="apostrophe", settings={"sessions": "redis"})}
        assert "the group mongodb has no host, and www cannot do without mongodb" in the_problem(
            site, groups=without("mongodb")
        )
        assert "the group cache has no host, and www cannot do without redis" in the_problem(
            site, groups=without("cache")
        )

    def test_two_hosts_with_one_address(self) -> None:
        found = the_problem(hosts={"app2": {"address": "10.0.0.1"}})
        assert "app1 and app2 have the same address 10.0.0.1" in found

    def test_a_name_where_the_firewall_needs_an_address(self) -> None:
        named = {"app1": {"address": "app1.internal"}}
        assert "the address of app1 is 'app1.internal'" in the_problem(hosts=named)
        assert plan(hosts=named, firewall={"enabled": False})


class TestPorts:
    def test_two_apps_with_the_usual_port(self) -> None:
        assert the_problem({"www": app(), "shop": app(1)}) == (
            "webapp_apps.www.services.web.port: port 3000, 3001 is wanted by shop-web and by www-web on app1, app2. "
            "Give www-web another port: webapp_apps.www.services: {web: {port: N}}."
        )

    def test_many_hosts_make_one_message(self) -> None:
        many = {**GROUPS, "app": [f"app{at}" for at in range(1, 40)]}
        assert "on app1, app2, app3 and 36 more hosts" in the_problem({"www": app(), "shop": app(1)}, groups=many)

    def test_services_of_one_app(self) -> None:
        two = profile()
        two.data["services"]["other"] = {**two.data["services"]["web"], "port": 3001}
        assert "port 3001 is wanted by www-web and by www-other" in the_problem(profiles=[two])

    def test_apps_on_different_hosts_may_share_ports(self) -> None:
        assert plan({"www": app(hosts=["app1"]), "shop": app(1, hosts=["app2"])})

    @pytest.mark.parametrize(("port", "owner"), [(8079, "nginx"), (27017, "mongodb"), (2222, "SSH")])
    def test_ports_of_others_on_the_host(self, port: int, owner: str) -> None:
        one = {group: ["web1"] for group in ("loadbalancer", "app", "mongodb")}
        site = {"www": app(services={"web": {"port": port, "instances": 1}})}
        found = the_problem(site, groups=one, hosts={"web1": {"ssh_port": 2222}})
        assert found == (
            f"webapp_apps.www.services.web.port: port {port} is wanted by {owner} and by www-web on web1. "
            "Give www-web another port: webapp_apps.www.services: {web: {port: N}}."
        )

    def test_a_store_on_the_port_of_the_balancer(self) -> None:
        one = {group: ["web1"] for group in ("loadbalancer", "app", "mongodb")}
        assert the_problem(groups=one, mongodb={"port": 80}) == (
            "webapp_mongodb.port: port 80 is wanted by nginx and by mongodb on web1. "
            "Give mongodb another port: webapp_mongodb: {port: N}."
        )

    def test_a_store_on_the_port_of_ssh(self) -> None:
        assert the_problem(mongodb={"port": 22}) == (
            "webapp_mongodb.port: port 22 is wanted by SSH and by mongodb on db1, db2, db3. "
            "Give mongodb another port: webapp_mongodb: {port: N}."
        )

    @pytest.mark.parametrize("port", [80, 8079])
    def test_ssh_on_a_port_of_the_balancer(self, port: int) -> None:
        assert the_problem(hosts={"lb2": {"ssh_port": port}}) == (
            f"inventory: port {port} is wanted by SSH and by nginx on lb2. "
            "Let the SSH server listen at another port, and give the host that as ansible_port."
        )

    def test_stores_of_one_host(self) -> None:
        site = {"www": app(profile="apostrophe")}
        found = the_problem(site, redis={"port": 27017})
        assert "port 27017 is wanted by mongodb and by redis on db1" in found
        assert found.startswith("webapp_redis.port: ")
        assert "another port: webapp_redis: {port: N}" in found
        assert "memcached" in the_problem(site, redis={}, memcached={"port": 6379})


class TestSource:
    @pytest.mark.parametrize(
        ("source", "why"),
        [
            ({}, "says nowhere to take the app from"),
            ({"path": "/a", "archive": "/b"}, "has path and archive. Give it only one"),
            ({"git": "https://x.test/a"}, "has git without version"),
            ({"path": "/a", "version": "v1"}, "has version, which only git takes, beside path. Take version away"),
            ({"archive": "/a", "exclude": ["x"]}, "has exclude, which only path takes, beside archive"),
            ({"path": "/a", "checksum": DIGEST}, "has checksum, which only archive takes, beside path"),
        ],
    )
    def test_one_place_with_its_own_keys(self, source: dict[str, Any], why: str) -> None:
        assert the_problem({"www": app(source=source)}).startswith(f"webapp_apps.www.source: {why}")

    @pytest.mark.parametrize("checksum", ["md5:" + "0" * 32, "0" * 63, "sha256:" + "G" * 64, "sha512:" + "0" * 128])
    def test_a_checksum_is_a_sha256(self, checksum: str) -> None:
        archive = {"archive": "/a", "checksum": checksum}
        for key, given in (("source", app(source=archive)), ("runtime", app(runtime=archive))):
            found = the_problem({"www": given})
            assert found.startswith(f"webapp_apps.www.{key}.checksum: is ")
            assert "must be a SHA-256" in found

    def test_what_is_left_out_is_given_by_name(self) -> None:
        found = the_problem({"www": app(source={"path": "/a", "exclude": ["data/*"]})})
        assert found.startswith("webapp_apps.www.source.exclude.0: is 'data/*', must be a name without /")

    def test_all_of_it_comes_into_the_plan(self) -> None:
        for source in ({"path": "/a", "exclude": ["*.log"]}, {"archive": "/a", "checksum": f"sha256:{DIGEST}"}):
            assert plan({"www": app(source=source)})["apps"]["www"]["source"] == source


class TestInstall:
    @pytest.mark.parametrize(
        ("install", "problem"),
        [
            ({"method": "binary"}, "binary: is required by method: binary and missing. Add binary, or change method"),
            ({"method": "archive", "archive": "/a"}, "archive_checksum: is required by method: archive and missing"),
            ({"binary": "/mongod"}, "binary: is not looked at with method: packages. Set method: binary, or take"),
            ({"method": "binary", "binary": "/m", "version": "7.0.1"}, "version: is not looked at with method: binary"),
            ({"archive_checksum": "0" * 64}, "archive_checksum: is '000"),
            ({"repository": {"url": "https://x.test", "suite": "x/"}}, "repository.key: is required and missing"),
            ({"repository": {"url": "u", "suite": "x/", "key": "k.txt"}}, "repository.key: is 'k.txt', must be a file"),
            ({"method": "docker"}, "method: is 'docker', must be one of packages, archive, binary"),
        ],
    )
    def test_a_method_and_what_belongs_to_it(self, install: dict[str, Any], problem: str) -> None:
        found = problems(mongodb={"install": install})
        assert found[0].startswith(f"webapp_mongodb.install.{problem}")


class TestMongodb:
    def test_more_than_seven_voters(self) -> None:
        members = [f"db{at}" for at in range(1, 9)]
        found = the_problem(groups={**GROUPS, "mongodb": members})
        assert "has 8 voting members, a replica set has at most 7" in found
        assert "mongodb_member: {votes: 0, priority: 0}" in found
        passive = {"mongodb_member": {"votes": 0, "priority": 0}}
        assert len(plan(groups={**GROUPS, "mongodb": members}, hosts={"db8": passive})["mongodb"]["members"]) == 8

    def test_more_than_fifty_members(self) -> None:
        members = [f"db{at}" for at in range(1, 52)]
        passive = {name: {"mongodb_member": {"votes": 0}} for name in members[7:]}
        assert "has 51 hosts, a replica set has at most 50" in the_problem(
            groups={**GROUPS, "mongodb": members}, hosts=passive
        )

    def test_nobody_can_be_primary(self) -> None:
        passive = {name: {"mongodb_member": {"priority": 0}} for name in GROUPS["mongodb"]}
        assert "no member that can become primary" in the_problem(hosts=passive)

    @pytest.mark.parametrize(
        "member", [{"arbiter_only": True}, {"hidden": True}, {"votes": 0}, {"secondary_delay_secs": 60}]
    )
    def test_a_priority_that_cannot_be(self, member: dict[str, Any]) -> None:
        found = the_problem(hosts={"db2": {"mongodb_member": {**member, "priority": 1}}})
        assert found.startswith("host db2: mongodb_member: has a priority")

    def test_unknown_key_of_a_member(self) -> None:
        found = the_problem(hosts={"db2": {"mongodb_member": {"priorty": 1}}})
        assert found.startswith("host db2: mongodb_member.priorty: is not a known key. Did you mean priority?")


class TestVip:
    @pytest.mark.parametrize(
        ("change", "where", "why"),
        [
            ({"address": "vip.test"}, "address", "is not an IP address"),
            ({"address": "10.0.0.1"}, "address", "is the address of app1"),
            ({"address": "10.0.0.255"}, "address", "is not for a host in 10.0.0.0/24"),
            ({"address": "10.0.0.0"}, "address", "is not for a host in 10.0.0.0/24"),
            ({"prefix": 33}, "prefix", "must be between 1 and 32"),
            ({"prefix": 0}, "prefix", "must be between 1 and 128"),
            ({"router_id": 256}, "router_id", "must be between 1 and 255"),
            ({"interface": "a very long name"}, "interface", "must be a name of a network interface"),
        ],
    )
    def test_bad(self, change: dict[str, Any], where: str, why: str) -> None:
        found = the_problem(vip={**VIP, **change})
        assert found.startswith(f"webapp_vip.{where}: ")
        assert why in found

    def test_an_address_of_a_host_in_other_words(self) -> None:
        vip = {**VIP, "address": "2001:DB8:0::1", "prefix": 64}
        found = problems(vip=vip, hosts={"app1": {"login_address": "2001:db8::1"}})
        assert any("2001:db8::1 is the address of app1" in one for one in found)

    def test_not_in_the_network_of_the_balancers(self) -> None:
        found = problems(vip={**VIP, "address": "192.0.2.10"})
        assert len(found) == 2
        assert "the balancer lb1 (10.0.0.6) is not in 192.0.2.0/24 and cannot hold 192.0.2.10" in found[0]

    def test_missing_keys(self) -> None:
        assert [found.split(":")[0] for found in problems(vip={"address": "10.0.0.100"})] == [
            "webapp_vip.prefix",
            "webapp_vip.interface",
            "webapp_vip.router_id",
        ]


class TestFirewall:
    def test_bad_sources(self) -> None:
        found = problems(firewall={"ssh_sources": ["office"], "extra": [{"ports": [1], "sources": ["10.0.0.0/40"]}]})
        assert [text.split(":")[0] for text in found] == [
            "webapp_firewall.ssh_sources.0",
            "webapp_firewall.extra.0.sources.0",
        ]

    def test_nobody_may_use_ssh(self) -> None:
        assert "must have at least 1" in the_problem(firewall={"ssh_sources": []})


class TestReferences:
    @pytest.mark.parametrize(
        ("value", "why"),
        [
            ("${secret.x}", "${secret.x} means nothing"),
            ("${secrets.x}", "the app has no secret called x"),
            ("${secrets.www_x}", "the app has no secret called www_x"),
            ("${secrets.www_mongodb_password}", "the app has no secret called www_mongodb_password"),
            ("${secrets.key:url}", "'url' is no encoding of a secret. Did you mean uri?"),
            ("${stores.mongodb.uri}", "List mongodb under stores of the profile"),
            ("${settings.x}", "${settings.x} means nothing"),
            ("${release.ids}", "Did you mean release.id?"),
            ("${}", "${} means nothing"),
        ],
    )
    def test_unknown(self, value: str, why: str) -> None:
        found = the_problem({"www": app(environment={"A": value}, secrets={"key": {}})})
        assert found.startswith("webapp_apps.www.environment.A: ")
        assert why in found

    def test_one_name_for_two_secrets(self) -> None:
        two = {"a": app(secrets={"b_key": {}}), "a_b": app(1, secrets={"key": {}}, services={"web": {"port": 4000}})}
        assert "a_b_key would be two secrets, of a and of a_b" in the_problem(two)

    def test_the_file_that_holds_it_is_named(self) -> None:
        broken = profile("build: [{name: x, command: 'npm ${ci}'}]\n")
        assert the_problem(profiles=[broken]).startswith("profiles/plain.yml: build.0.command: ${ci} means nothing")

    @pytest.mark.parametrize(
        ("text", "place"),
        [
            ("environment: {PORT: VALUE}", "environment.PORT"),
            ("files: [{path: a, content: VALUE}]", "files.0.content"),
            ("build: [{name: x, command: VALUE}]", "build.0.command"),
            ("release_steps: [{name: x, command: y, environment: {A: VALUE}}]", "release_steps.0.environment.A"),
        ],
    )
    def test_a_port_where_no_process_is(self, text: str, place: str) -> None:
        found = the_problem(profiles=[profile(text.replace("VALUE", '"x ${service.port}"') + "\n")])
        assert found == (
            f"profiles/plain.yml: {place}: has ${{service.port}}, which only the processes of a service have. "
            "Write it into environment or command of the service, or give the service port_variable."
        )

    def test_a_port_where_the_inventory_has_no_process(self) -> None:
        found = the_problem({"www": app(environment={"PORT": "${service.port}"})})
        assert found.startswith("webapp_apps.www.environment.PORT: has ${service.port}, which only the processes")

    @pytest.mark.parametrize("reference", ["service.port", "host.address", "release.id", "release.path", "runtime.bin"])
    def test_a_header_with_what_no_balancer_knows(self, reference: str) -> None:
        found = the_problem({"www": app(headers={"X-From": f"${{{reference}}}"})})
        assert found.startswith(
            f"webapp_apps.www.headers.X-From: has ${{{reference}}}, which a balancer does not know."
        )

    def test_a_process_knows_all_of_it(self) -> None:
        own = {"A": "${service.port} ${host.address} ${release.id} ${release.path} ${runtime.bin}"}
        assert (
            plan({"www": app(services={"web": {"environment": own}})})["apps"]["www"]["services"]["web"]["environment"]
            == own
        )

    def test_a_text_file_must_be_text(self) -> None:
        broken = profile("files: [{path: a.conf, content: {a: 1}}]\n")
        assert the_problem(profiles=[broken]) == (
            "profiles/plain.yml: files.0.content: is no text. Write it as a text, or set format: json."
        )


def test_the_canonical_host_is_one_of_the_domains() -> None:
    assert the_problem({"www": app(canonical="example.com")}) == (
        "webapp_apps.www.canonical: example.com is none of the domains. Did you mean www.example.com?"
        " Known are: www.example.com."
    )


class TestBalance:
    @pytest.mark.parametrize(
        ("balance", "expected"),
        [
            ({"weights": {"db1": 2}}, "weights: db1 is no host of the app. Known are: app1, app2."),
            ({"backup": ["ap1"]}, "backup: ap1 is no host of the app. Did you mean app1? Known are: app1, app2."),
            ({"backup": ["app1", "app2"]}, "backup: names every host of the app. Leave one that is no backup."),
            ({"method": "ip_hash", "backup": ["app1"]}, "backup: nginx has no backup servers with the method ip_hash"),
            ({"method": "hash"}, "method hash and key belong together"),
            ({"key": "$request_uri"}, "method hash and key belong together"),
            ({"method": "fastest"}, "is 'fastest', must be one of round_robin, least_conn, ip_hash, hash"),
            ({"method": "hash", "key": "$x;"}, "is '$x;', must be nginx variables"),
        ],
    )
    def test_what_nginx_does_not_take(self, balance: dict[str, Any], expected: str) -> None:
        found = " ".join(problems({"www": app(services={"web": {"balance": balance}})}))
        assert "webapp_apps.www.services.web.balance" in found
        assert expected in found

    def test_sticky_needs_addresses(self) -> None:
        hosts = {"app1": {"address": "app1.example.com"}}
        found = problems({"www": app(services={"web": {"sticky": True}})}, hosts=hosts, firewall={"enabled": False})
        assert found == [
            "webapp_apps.www.services.web: is sticky, for which balancers need IP addresses, and app1 has none."
            " Give the host webapp_address (or ansible_host)."
        ]


class TestJobs:
    @pytest.mark.parametrize(
        ("job", "words"),
        [
            ({"schedule": "61 2 * * *"}, ["jobs.0.schedule", "61"]),
            ({"command": "x ${release.path}"}, ["jobs.0.command: has ${release.path}, which a job does not know"]),
            ({"command": "x 'y"}, ["jobs.0.command: cannot be read as a command"]),
            ({"command": "x ${secrets.key}"}, ["jobs.0.command: has a secret in a command line"]),
            ({"owner": "db1"}, ["jobs.0.owner: db1 does not run www. Name one of app1, app2"]),
            ({"owner": "app1", "strategy": "staggered"}, ["jobs.0.owner: a job of strategy staggered has no owner"]),
            (
                {"schedule": "* * * * *", "strategy": "staggered"},
                ["jobs.0.schedule: its schedule has fewer minutes than candidates"],
            ),
            ({"retry": True}, ["jobs.0.retry: only a job of strategy lease"]),
            ({"strategy": "lock"}, ["jobs.0.strategy", "single, staggered, lease"]),
        ],
    )
    def test_refused(self, job: dict[str, Any], words: list[str]) -> None:
        full = {"name": "clean", "command": "x", "schedule": "1 2 * * *", **job}
        found = the_problem({"www": app(jobs=[full], secrets={"key": {}})})
        assert [word for word in words if word not in found] == []

    def test_a_lease_needs_a_store(self) -> None:
        lease = {"name": "clean", "command": "x", "schedule": "1 2 * * *", "strategy": "lease"}
        groups = {"loadbalancer": ["lb1"], "app": ["app1"]}
        assert "jobs.0.strategy: needs MongoDB" in the_problem({"www": app(jobs=[lease])}, groups=groups)

    def test_one_name_for_two_jobs(self) -> None:
        text = "jobs: [{name: clean, command: x, schedule: 1 2 * * *}]\n"
        more = [{"name": "clean", "command": "y", "schedule": "1 2 * * *"}]
        assert "jobs.0: clean is there twice" in the_problem({"www": app(jobs=more)}, profiles=[profile(text)])
