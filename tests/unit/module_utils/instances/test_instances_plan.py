"""The order of starts, restarts and stops."""

from __future__ import annotations

from ansible_collections.scaleout.webapp.plugins.module_utils._instances.model import Live, Wanted
from ansible_collections.scaleout.webapp.plugins.module_utils._instances.plan import plan
from hypothesis import given
from hypothesis import strategies as st

TEMPLATE = "www-web@.service"


def unit(port: int, service: str = "web") -> str:
    return f"www-{service}@{port}.service"


def wanted(*ports: int, digest: str = "new") -> list[Wanted]:
    return [Wanted(unit(port), digest, "/etc/webapp/www/web.digest") for port in ports]


def live(*ports: int, digest: str = "new", service: str = "web") -> dict[str, Live]:
    return {unit(port, service): Live(unit(port, service), True, True, digest) for port in ports}


def told(
    items: list[Wanted],
    found: dict[str, Live],
    serial_start: set[str] | None = None,
    unwell: set[str] | None = None,
    templates: set[str] | None = None,
    others: dict[str, Live] | None = None,
    keep_surplus: bool = False,
) -> list[list[str]]:
    made = plan(
        items, found, templates or {TEMPLATE}, serial_start or set(), unwell or set(), others or {}, keep_surplus
    )
    return [[f"{step.action} {step.unit[:-8].removeprefix('www-')}" for step in group] for group in made.groups]


def test_nothing_to_do() -> None:
    assert told(wanted(3000, 3001), live(3000, 3001)) == []


def test_a_first_start_is_all_at_once_unless_asked_otherwise() -> None:
    assert told(wanted(3000, 3001), {})[0] == ["start web@3000", "start web@3001"]
    assert told(wanted(3000, 3001), {}, serial_start={unit(3000), unit(3001)})[:2] == [
        ["start web@3000"],
        ["start web@3001"],
    ]


def test_restarts_are_one_at_a_time() -> None:
    assert told(wanted(3000, 3001), live(3000, 3001, digest="old")) == [["restart web@3000"], ["restart web@3001"]]


def test_what_an_earlier_run_restarted_is_left_alone() -> None:
    assert told(wanted(3000, 3001), {**live(3000), **live(3001, digest="old")}) == [["restart web@3001"]]


def test_what_is_down_comes_before_what_runs() -> None:
    assert told(wanted(3000, 3001), live(3000, digest="old"))[:2] == [["start web@3001"], ["restart web@3000"]]


def test_the_unwell_are_restarted_first() -> None:
    assert told(wanted(3000, 3001), live(3000, 3001, digest="old"), unwell={unit(3001)})[0] == ["restart web@3001"]


def test_surplus_is_stopped_last() -> None:
    assert told(wanted(3000, 3001), live(3000, 3002)) == [["start web@3001"], ["enable web@3001"], ["stop web@3002"]]


def test_surplus_that_holds_a_wanted_port_is_stopped_first() -> None:
    found = live(3000, service="api")
    groups = told(wanted(3000), found, templates={TEMPLATE, "www-api@.service"})
    assert groups.index(["stop api@3000"]) < groups.index(["start web@3000"])


def test_another_app_that_holds_a_wanted_port_yields_it_and_nothing_else() -> None:
    others = {f"shop-web@{port}.service": Live(f"shop-web@{port}.service", True, True) for port in (3000, 3001, 3002)}
    groups = told(wanted(3000, 3001), live(3001), others=others)
    assert groups == [["stop shop-web@3000"], ["start web@3000"], ["enable web@3000"]]


def test_a_unit_of_another_app_that_would_come_back_at_boot_yields_too() -> None:
    crashed = {"shop-web@3000.service": Live("shop-web@3000.service", running=False, enabled=True)}
    assert told(wanted(3000), {}, others=crashed)[0] == ["stop shop-web@3000"]
    stopped = {"shop-web@3000.service": Live("shop-web@3000.service")}
    assert told(wanted(3000), {}, others=stopped)[0] == ["start web@3000"]


def test_templates_of_services_that_are_gone_are_forgotten() -> None:
    groups = plan([], live(3000), {TEMPLATE}, set(), set(), {}).groups
    assert [(step.action, step.unit) for group in groups for step in group] == [
        ("stop", unit(3000)),
        ("forget", TEMPLATE),
    ]


@given(
    st.sets(st.integers(3000, 3005)),
    st.dictionaries(st.integers(3000, 3005), st.tuples(st.booleans(), st.booleans(), st.sampled_from(["old", "new"]))),
    st.sets(st.integers(3000, 3005)),
)
def test_carrying_out_a_plan_leaves_nothing_to_do(
    ports: set[int], states: dict[int, tuple[bool, bool, str]], unwell: set[int]
) -> None:
    """And on the way at most one of those that ran is down, unless it is surplus."""
    items = wanted(*sorted(ports))
    found = {
        unit(port): Live(unit(port), running, enabled, digest) for port, (running, enabled, digest) in states.items()
    }
    templates = {TEMPLATE}
    for group in plan(items, found, templates, set(), {unit(port) for port in unwell}, {}).groups:
        assert sum(step.action == "restart" for step in group) <= 1
        for step in group:
            if step.action == "forget":
                templates.discard(step.unit)
                continue
            before = found.get(step.unit, Live(step.unit))
            digest = "new" if step.action in ("start", "restart") else before.digest
            running = before.running if step.action == "enable" else step.action != "stop"
            enabled = {"enable": True, "stop": False}.get(step.action, before.enabled)
            found[step.unit] = Live(step.unit, running, enabled, digest)
    assert plan(items, found, templates, set(), set(), {}).groups == []
    assert {name for name, state in found.items() if state.running} == {item.unit for item in items}


def test_surplus_is_kept_on_request_with_its_template() -> None:
    both = {TEMPLATE, "www-old@.service"}
    found = {**live(3000, 3001), **live(3100, service="old")}
    assert told(wanted(3000), found, templates=both) == [["stop old@3100", "stop web@3001"], ["forget old@"]]
    assert told(wanted(3000), found, templates=both, keep_surplus=True) == []


def test_kept_surplus_yields_its_port() -> None:
    found = live(3000, 3001, service="old")
    groups = told(wanted(3000), found, templates={TEMPLATE, "www-old@.service"}, keep_surplus=True)
    assert groups[0] == ["stop old@3000"]
    assert not [step for group in groups for step in group if "3001" in step or step.startswith("forget")]
