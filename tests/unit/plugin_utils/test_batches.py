# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that may be taken out at the same time."""

from __future__ import annotations

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.plugin_utils._batches import batches
from hypothesis import given
from hypothesis import strategies as st

CAPACITIES = st.dictionaries(
    st.text("abcdef", min_size=1), st.lists(st.sampled_from(["web", "api", "jobs"]), max_size=5), min_size=1
)
LIMITS = st.integers(1, 9) | st.integers(1, 100).map("{}%".format)


@pytest.mark.parametrize(
    ("limit", "found"),
    [
        (1, [["a"], ["b"], ["c"], ["d"]]),
        ("2", [["a", "b"], ["c", "d"]]),
        (9, [["a", "b", "c"], ["d"]]),
        ("25%", [["a"], ["b"], ["c"], ["d"]]),
        ("50%", [["a", "b"], ["c", "d"]]),
        ("60%", [["a", "b"], ["c", "d"]]),
        ("100%", [["a", "b", "c"], ["d"]]),
    ],
)
def test_four_alike(limit: int | str, found: list[list[str]]) -> None:
    assert batches("abcd", limit, {name: ["web", "web"] for name in "abcd"}) == found


def test_a_percentage_is_of_what_all_carry() -> None:
    capacity = {"a": ["web"], "b": ["web"] * 2, "c": ["web"] * 4, "other": ["web"]}
    assert batches("abc", "50%", capacity) == [["a", "b"], ["c"]]


@pytest.mark.parametrize("limit", [3, "50%"])
def test_a_service_on_two_of_many_hosts_keeps_one(limit: int | str) -> None:
    capacity = {name: ["web", "web"] for name in "abcdef"}
    capacity["a"], capacity["b"] = ["web", "api"], ["web", "api"]
    assert batches("abcdef", limit, capacity)[0] == ["a"]


def test_the_only_host_is_a_batch() -> None:
    assert batches(["a"], "25%", {"a": ["web", "web"]}) == [["a"]]


@pytest.mark.parametrize("limit", ["", "0", "-1", "0%", "101%", "quarter", "2.5", "a%"])
def test_other_limits_are_refused(limit: str) -> None:
    with pytest.raises(ScaleoutError, match=r"app_batch: .* neither a number of hosts nor a percentage"):
        batches("ab", limit, {"a": ["web"], "b": ["web"]})


@given(CAPACITIES, LIMITS, st.data())
def test_every_host_has_one_turn_and_the_rest_suffices(
    capacity: dict[str, list[str]], limit: int | str, data: st.DataObject
) -> None:
    hosts = data.draw(st.lists(st.sampled_from(sorted(capacity)), unique=True))
    found = batches(hosts, limit, capacity)
    assert [host for batch in found for host in batch] == hosts
    for batch in (batch for batch in found if len(batch) > 1):
        assert not isinstance(limit, int) or len(batch) <= limit
        for service in {service for host in batch for service in capacity[host]}:
            assert any(service in services for host, services in capacity.items() if host not in batch)
            out = sum(capacity[host].count(service) for host in batch)
            whole = sum(services.count(service) for services in capacity.values())
            assert isinstance(limit, int) or 100 * out <= int(limit[:-1]) * whole
