"""The judgement of the preflight, data to data."""

from __future__ import annotations

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._preflight.model import (
    Account,
    Host,
    Listener,
    Port,
    Wanted,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._preflight.plan import judge
from hypothesis import given
from hypothesis import strategies as st

HOME = "/opt/webapp/deploy/home"
REDIS = [Port(port=6379, owner="redis-server")]


def test_nothing_wanted_is_never_wrong() -> None:
    """An empty wish fits the poorest host."""
    findings = judge(Wanted(), Host(systemd=False, time_synchronised=False))
    assert findings.failures == []
    assert findings.warnings == []


@given(declared=st.integers(1, 10_000), reserved=st.integers(0, 1_000), total=st.integers(0, 12_000))
def test_memory_fails_exactly_when_it_is_too_small(declared: int, reserved: int, total: int) -> None:
    """Declared and reserved must fit together."""
    findings = judge(Wanted(memory_mb=declared, reserved_memory_mb=reserved), Host(memory_mb=total))
    assert bool(findings.failures) == (declared + reserved > total)


def test_memory_failure_names_figures_and_remedy() -> None:
    """Who reads it must not have to look anything up."""
    (text,) = judge(Wanted(memory_mb=900, reserved_memory_mb=200), Host(memory_mb=1000)).failures
    for part in ("900 MB", "200 MB", "1000 MB", "memory_mb", "lower what is declared"):
        assert part in text


@pytest.mark.parametrize(
    ("cores", "reserved", "processes", "warned"), [(2, 0, 2, 0), (2, 0, 3, 1), (2, 1, 2, 1), (1, 1, 1, 0)]
)
def test_processes_above_the_cores_are_a_warning(cores: int, reserved: int, processes: int, warned: int) -> None:
    """One process always has a place, even where the only core is reserved."""
    findings = judge(Wanted(processes=processes, reserved_cores=reserved), Host(cores=cores))
    assert findings.failures == []
    assert len(findings.warnings) == warned


@pytest.mark.parametrize("names", [{"redis-server"}, {"redis-server.service", "python3"}])
def test_a_port_may_be_held_by_its_owner(names: set[str]) -> None:
    """By the process's or the unit's name."""
    host = Host(listeners=[Listener(port=6379, names=frozenset(names))])
    assert judge(Wanted(ports=REDIS), host).failures == []


def test_an_owner_may_have_wildcards() -> None:
    """All instances of one unit template."""
    host = Host(listeners=[Listener(port=3000, names=frozenset({"www-web@3000.service", "node"}))])
    assert judge(Wanted(ports=[Port(port=3000, owner="www-web@*")]), host).failures == []


@pytest.mark.parametrize(
    ("holder", "failures"),
    [
        ("www-web@3000.service", 0),
        ("shop-web@3000.service", 0),
        ("other-web@3000.service", 1),
        ("redis-server.service", 1),
    ],
)
def test_sharers_hand_ports_to_each_other(holder: str, failures: int) -> None:
    """An app that is retired or moved still holds the port that another one gets."""
    host = Host(listeners=[Listener(port=3000, names=frozenset({holder, "node"}))])
    wanted = Wanted(ports=[Port(port=3000, owner="www-*@3000")], port_sharers=["www-*@*", "shop-*@*"])
    assert len(judge(wanted, host).failures) == failures


def test_sharers_get_no_port_of_others() -> None:
    """Redis is started before any app gives a port free."""
    host = Host(listeners=[Listener(port=6379, names=frozenset({"shop-web@6379.service"}))])
    assert len(judge(Wanted(ports=REDIS, port_sharers=["shop-*@*"]), host).failures) == 1


@pytest.mark.parametrize(("names", "shown"), [({"valkey-server"}, "valkey-server"), (set(), "an unknown process")])
def test_a_port_held_by_another_fails_with_its_name(names: set[str], shown: str) -> None:
    """Also when the holder cannot be seen."""
    host = Host(listeners=[Listener(port=6379, names=frozenset(names)), Listener(port=80, names=frozenset({"nginx"}))])
    (text,) = judge(Wanted(ports=REDIS), host).failures
    assert "port 6379" in text
    assert shown in text
    assert "nginx" not in text


def test_all_failures_are_reported_at_once() -> None:
    """One run shows everything."""
    wanted = Wanted(
        memory_mb=900,
        free_disk_mb=500,
        ports=REDIS,
        distributions=["debian 12"],
        systemd=True,
        addresses=["192.0.2.1"],
        time_sync=True,
    )
    host = Host(
        memory_mb=500,
        free_disk_mb={"/opt": 100, "/var": 600},
        listeners=[Listener(port=6379, names=frozenset())],
        foreign_addresses=["192.0.2.1"],
        distribution="gentoo",
        systemd=False,
        time_synchronised=False,
    )
    findings = judge(wanted, host)
    assert len(findings.failures) == 6
    assert len(findings.warnings) == 1


def test_an_unknown_clock_is_no_warning() -> None:
    """A container cannot say."""
    assert judge(Wanted(time_sync=True), Host(time_synchronised=None)).warnings == []


def test_a_missing_interface_is_named_with_those_that_are_there() -> None:
    """The name in the inventory is often that of another machine."""
    wanted = Wanted(interfaces=["eth0", "ens18"])
    (text,) = judge(wanted, Host(interfaces=["ens18", "lo"])).failures
    assert text == "eth0 is not a network interface of this host (interfaces): it has ens18, lo"
    assert judge(wanted, Host(interfaces=["ens18", "eth0", "lo"])).failures == []


@pytest.mark.parametrize(
    ("there", "wrong"),
    [
        (Account("deploy", "/home/deploy", "/bin/bash"), True),
        (Account("deploy", "/home/deploy", "/usr/sbin/nologin"), True),
        (Account("deploy", "/home", "/bin/bash"), True),
        (Account("deploy", HOME, "/bin/bash"), False),
        (Account("deploy", "/srv/deploy/home", "/usr/sbin/nologin"), False),
    ],
    ids=["of a person", "of a service", "with a home that is called so", "meant", "of a folder of before"],
)
def test_nobody_elses_account_becomes_that_of_an_app(there: Account, wrong: bool) -> None:
    """Its home and shell would be others from then on."""
    failures = judge(Wanted(accounts=[Account("deploy", HOME)]), Host(accounts=[there])).failures
    assert [f"with the home {there.home} and the shell {there.shell}" in text for text in failures] == [True] * wrong
    assert all("the account deploy is there already (accounts)" in text and HOME in text for text in failures)
