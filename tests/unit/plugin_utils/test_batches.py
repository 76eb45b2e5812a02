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

CAPACITIES = st.dictionaries(st.text("abcdef", min_size=1), st.integers(0, 8), min_size=1)
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
    assert batches("abcd", limit, dict.fromkeys("abcd", 2)) == found


def test_a_percentage_is_of_what_all_carry() -> None:
    assert batches("abc", "50%", {"a": 1, "b": 2, "c": 4, "other": 1}) == [["a", "b"], ["c"]]


def test_the_only_host_is_a_batch() -> None:
    assert batches(["a"], "25%", {"a": 2}) == [["a"]]


@pytest.mark.parametrize("limit", ["", "0", "-1", "0%", "101%", "quarter", "2.5", "a%"])
def test_other_limits_are_refused(limit: str) -> None:
    with pytest.raises(ScaleoutError, match=r"app_batch: .* neither a number of hosts nor a percentage"):
        batches("ab", limit, {"a": 1, "b": 1})


@given(CAPACITIES, LIMITS, st.data())
def test_every_host_has_one_turn_and_the_rest_suffices(
    capacity: dict[str, int], limit: int | str, data: st.DataObject
) -> None:
    hosts = data.draw(st.lists(st.sampled_from(sorted(capacity)), unique=True))
    found = batches(hosts, limit, capacity)
    assert [host for batch in found for host in batch] == hosts
    for batch in (batch for batch in found if len(batch) > 1):
        assert len(batch) < len(capacity)
        if isinstance(limit, int):
            assert len(batch) <= limit
        else:
            assert 100 * sum(capacity[host] for host in batch) <= int(limit[:-1]) * sum(capacity.values())
