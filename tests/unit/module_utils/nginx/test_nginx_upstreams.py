from __future__ import annotations

import json
import re
from typing import Any

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.live import (
    Live,
    read_live,
    with_servers,
    with_upstreams,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.model import Disk, NginxConfigError
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.plan import desire
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.render import render
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.states import (
    Selection,
    carry,
    change,
    left_over,
    out_for,
    refuse_last,
    select,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.upstreams import Pools, read_upstreams
from hypothesis import given
from hypothesis import strategies as st

OLD, NEW = (1, 22, 1), (1, 29, 6)
MAIN = "http { include @TREE@/*.conf; return 200 @GENERATION@; }\n"


def server(number: int, **more: Any) -> dict[str, Any]:
    name = f"app{number}"
    return {"name": f"{name}-1", "host": name, "address": f"10.0.0.{number}", "port": 3000, **more}


def pool(*servers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "www-web", "servers": list(servers) or [server(1), server(2), server(3)], **more}


def text(*upstreams: dict[str, Any], version: tuple[int, ...] = OLD, states: Any = None) -> str:
    return render(Pools(read_upstreams(upstreams), states or {}), version)


def problem(*upstreams: dict[str, Any]) -> str:
    with pytest.raises(NginxConfigError) as caught:
        read_upstreams(upstreams)
    return str(caught.value)


class TestRender:
    def test_a_plain_pool(self) -> None:
        assert text(pool(server(1), server(2, weight=2, backup=True), max_fails=2, keepalive=1)) == (
            "upstream www-web {\n"
            "    zone www-web 68k;\n"
            "    server 10.0.0.1:3000 max_fails=2 fail_timeout=5s;\n"
            "    server 10.0.0.2:3000 weight=2 max_fails=2 fail_timeout=5s backup;\n"
            "    keepalive 4;\n"
            "    keepalive_timeout 4s;\n"
            "}\n"
        )

    def test_addresses_take_turns(self) -> None:
        servers = [{"address": "::1", "port": 1}, {"address": "[::1]", "port": 2}, {"address": "10.0.0.1", "port": 1}]
        found = re.findall("server ([^ ]+)", text(pool(*servers)))
        assert found == ["[::1]:1", "10.0.0.1:1", "[::1]:2"]

    @pytest.mark.parametrize(
        ("more", "line"),
        [
            ({"method": "least_conn"}, "least_conn;"),
            ({"method": "ip_hash"}, "ip_hash;"),
            ({"method": "hash", "key": "$request_uri"}, 'hash "$request_uri" consistent;'),
            ({"method": "hash", "key": "$uri", "consistent": False}, 'hash "$uri";'),
        ],
    )
    def test_methods_stand_before_keepalive(self, more: dict[str, Any], line: str) -> None:
        lines = text(pool(**more)).splitlines()
        assert lines.index(f"    {line}") < lines.index("    keepalive 64;")

    def test_a_drained_server_has_no_way_to_it(self) -> None:
        found = text(pool(sticky_cookie="c"), states={"www-web": {"app2-1": "drained"}})
        assert "server 10.0.0.2:3000 max_fails=3 fail_timeout=5s down;" in found
        assert found.count("server 10.0.0.1:3000") == 2
        assert found.count("server 10.0.0.2:3000") == 1
        assert found.count(" www-web.") == 4  # two upstreams of one server, and the map's ways to them

    def test_a_draining_server_keeps_the_way_of_its_visitors(self) -> None:
        found = text(pool(sticky_cookie="c"), states={"www-web": {"app2-1": "draining"}})
        assert (found.count("down;"), found.count("server 10.0.0.2:3000")) == (1, 2)

    def test_the_cookie_is_for_tls_where_that_is_said(self) -> None:
        assert 'SameSite=Lax; Secure"' in text(pool(sticky_cookie="c", sticky_secure=True))
        assert 'SameSite=Lax$sticky_secure"' in text(pool(sticky_cookie="c"))

    def test_native_sticky(self) -> None:
        states = {"www-web": {"app2-1": "draining", "app3-1": "drained"}}
        found = text(pool(sticky_cookie="c", sticky_secure=True), version=NEW, states=states)
        assert "    sticky cookie c path=/ httponly samesite=lax secure;\n" in found
        lines = [line.strip() for line in found.splitlines() if line.startswith("    server ")]
        assert [bool(re.search(r" route=[0-9a-f]{12}", line)) for line in lines] == [True] * 3
        assert [line.rsplit(" ", 1)[1] for line in lines[1:]] == ["drain;", "down;"]
        assert found.count("upstream www-web") == 1
        for variable in ("$c_upstream", "$c_set_cookie", "$c_give_up"):
            assert f" {variable} {{" in found

    def test_a_name_in_a_cookie_outlives_a_change_of_address(self) -> None:
        (one,), (two,) = read_upstreams([pool(server(1))]), read_upstreams([pool(server(1, address="10.9.9.9"))])
        assert one.identity(one.servers[0]) == two.identity(two.servers[0])


class TestProblems:
    def test_what_is_wrong_is_said(self) -> None:
        assert "www-web: has no servers" in problem({"name": "www-web", "servers": []})
        assert "two have the name www-web" in problem(pool(), pool())
        assert "two have the sticky_cookie c" in problem(
            pool(sticky_cookie="c"), {**pool(sticky_cookie="c"), "name": "api"}
        )
        assert "two servers have the name app1-1" in problem(pool(server(1), server(1, port=1)))
        assert "two servers have the address and port" in problem(pool(server(1), server(1, name="x")))
        assert "method hash and key belong together" in problem(pool(method="hash"))
        assert "no backup servers with the method ip_hash" in problem(
            pool(server(1), server(2, backup=True), method="ip_hash")
        )
        assert "all servers are backup servers" in problem(pool(server(1, backup=True)))
        assert "is sticky, which needs IP addresses, and app1-1 has a.b" in problem(
            pool(server(1, address="a.b"), sticky_cookie="c")
        )
        assert "'x:y' is no address" in problem(pool(server(1, address="x:y")))


class TestStates:
    pools = Pools(read_upstreams([pool(), {**pool(), "name": "api"}]))

    def test_lists_narrow_each_other(self) -> None:
        found = select(self.pools, Selection(upstreams=["api"], hosts=["app1", "app2"]))
        assert [(upstream.name, one.name) for upstream, one in found] == [("api", "app1-1"), ("api", "app2-1")]

    def test_unknown_names(self) -> None:
        with pytest.raises(NginxConfigError, match="upstreams: this balancer has no x; it has api, www-web"):
            select(self.pools, Selection(upstreams=["x"]))

    def test_the_last_one_that_answers_stays(self) -> None:
        after = change(self.pools, select(self.pools, Selection(hosts=["app1", "app2"])), "drained")
        staying = left_over(self.pools, after)
        assert [(upstream.name, [one.name for one in servers]) for upstream, servers in staying] == [
            ("www-web", ["app3-1"]),
            ("api", ["app3-1"]),
        ]
        refuse_last(staying, lambda _upstream, one: one.host == "app3")
        with pytest.raises(NginxConfigError, match=r"api would be left .* none of the others answers: app3-1"):
            refuse_last(staying, lambda upstream, _one: upstream.name == "www-web")

    def test_what_is_drained_already_is_not_asked_about(self) -> None:
        selected = select(self.pools, Selection(hosts=["app1"]))
        drained = change(self.pools, selected, "drained")
        assert left_over(drained, change(drained, selected, "drained")) == []
        assert left_over(drained, change(drained, selected, "active")) == []
        assert change(drained, selected, "active") == self.pools

    def test_a_server_that_is_gone_takes_its_state_along(self) -> None:
        fewer = read_upstreams([pool(server(1), server(2))])
        states = {"www-web": {"app2-1": "drained", "app3-1": "drained"}, "old": {"x": "drained"}}
        reasons = {"www-web": {"app2-1": "release", "app3-1": "release"}}
        carried = carry(fewer, Pools((), states, reasons))
        assert carried.states == {"www-web": {"app2-1": "drained"}}
        assert carried.reasons == {"www-web": {"app2-1": "release"}}
        with pytest.raises(NginxConfigError, match="would have drained servers only"):
            carry(read_upstreams([pool(server(2))]), Pools((), states))

    def test_a_server_keeps_the_reason_it_went_for(self) -> None:
        selected = select(self.pools, Selection(["api"], hosts=["app1", "app2"]))
        by_hand = change(self.pools, selected[:1], "draining")
        both = change(by_hand, selected, "drained", "release")
        assert both.states == {"api": {"app1-1": "drained", "app2-1": "drained"}}
        assert both.reasons == {"api": {"app2-1": "release"}}
        assert out_for(both, selected, "release") == selected[1:]
        assert change(both, out_for(both, selected, "release"), "active", "release") == change(
            self.pools, selected[:1], "drained"
        )
        assert change(both, selected, "active") == self.pools


class TestLive:
    @given(
        st.dictionaries(
            st.sampled_from(["app1-1", "app2-1"]), st.sampled_from(["draining", "drained"]), min_size=0, max_size=2
        ),
        st.booleans(),
    )
    def test_states_survive_a_configuration_and_back(self, states: dict[str, str], sticky: bool) -> None:
        upstreams = [pool(sticky_cookie="c" if sticky else None)]
        first = desire(MAIN, with_upstreams({"a.conf": "x"}, upstreams, Disk(None), "t", OLD), "t")
        disk = Disk(first.main, {first.generation: dict(first.files)})
        live = read_live(disk, "t")
        assert live
        reasons = {name: f"why {state}" for name, state in states.items() if state == "drained"}
        wanted = Pools(
            live.pools.upstreams, {"www-web": states} if states else {}, {"www-web": reasons} if reasons else {}
        )
        second = live.with_pools(wanted, "t", OLD)
        assert (second == first) == (not states)
        again = with_upstreams(
            {"a.conf": "x"}, upstreams, Disk(second.main, {second.generation: second.files}), "t", OLD
        )
        assert desire(MAIN, again, "t") == second

    def test_what_is_not_there(self) -> None:
        assert read_live(Disk(None), "t") is None
        assert read_live(Disk("http {}"), "t") is None
        plain = desire(MAIN, {}, "t")
        assert read_live(Disk(plain.main, {plain.generation: {}}), "t") is None

    @pytest.mark.parametrize("data", ["", "[]", "{}", json.dumps({"upstreams": [{"name": "a"}], "states": {}})])
    def test_data_of_somebody_else(self, data: str) -> None:
        generation = desire(MAIN, {}, "t").generation
        disk = Disk(f"include t/{generation}/*.conf;", {generation: {"upstreams.json": data}})
        with pytest.raises(NginxConfigError, match="is not as this module writes it"):
            read_live(disk, "t")

    def test_a_file_of_that_name(self) -> None:
        with pytest.raises(NginxConfigError, match=r"files: upstreams.conf comes from upstreams"):
            with_upstreams({"upstreams.conf": ""}, [pool()], Disk(None), "t", OLD)


class TestServers:
    """Servers come and go, and nothing else changes."""

    @staticmethod
    def live(*servers: dict[str, Any], **states: str) -> Live:
        upstreams = [pool(*servers, sticky_cookie="c"), {"name": "shop-web", "servers": [server(9)]}]
        files = with_upstreams({"a.conf": "x"}, upstreams, Disk(None), "t", OLD)
        found = read_live(Disk((made := desire(MAIN, files, "t")).main, {made.generation: dict(made.files)}), "t")
        assert found
        pools = Pools(found.pools.upstreams, {"www-web": states} if states else {})
        return Live(found.main, found.files, found.given, pools)

    def names(self, found: Live, wanted: list[dict[str, Any]], *hosts: str) -> list[str]:
        pools, given = with_servers(found, {"www-web": wanted}, hosts)
        assert [one["name"] for one in given] == ["www-web", "shop-web"]
        assert given[0]["sticky_cookie"] == "c"
        assert [one.name for one in pools.upstreams[1].servers] == ["app9-1"]
        return [one.name for one in pools.upstreams[0].servers]

    def test_they_are_replaced(self) -> None:
        assert self.names(self.live(server(1), server(2)), [server(2), server(3)]) == ["app2-1", "app3-1"]

    def test_those_of_other_hosts_stay_on_request(self) -> None:
        found = self.live(server(1), server(2), server(4))
        wanted = [server(1, weight=2), server(2), server(3)]
        assert self.names(found, wanted, "app2", "app3") == ["app1-1", "app2-1", "app3-1", "app4-1"]
        pools, _given = with_servers(found, {"www-web": wanted}, ["app2"])
        assert pools.upstreams[0].servers[0].weight == 1
        assert self.names(found, [], "app4") == ["app1-1", "app2-1"]

    def test_what_is_wanted_already_is_no_difference(self) -> None:
        found = self.live(server(1), server(2))
        pools, given = with_servers(found, {"www-web": [server(1), server(2)]}, [])
        assert found.with_pools(pools, "t", OLD, given) == found.with_pools(found.pools, "t", OLD)

    def test_states_stay_with_their_servers(self) -> None:
        pools, _given = with_servers(
            self.live(server(1), server(2), **{"app2-1": "drained"}), {"www-web": [server(2), server(3)]}, []
        )
        assert pools.states == {"www-web": {"app2-1": "drained"}}

    def test_an_upstream_that_is_not_there(self) -> None:
        with pytest.raises(NginxConfigError, match=r"has no www-api; it has www-web, shop-web. Configure nginx first"):
            with_servers(self.live(server(1)), {"www-api": [server(1)]}, [])
