# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guards of one job are not led to two stores."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible.module_utils.common.parameters import remove_values
from ansible_collections.scaleout.webapp.plugins.filter.cron_placement import cron_placement
from ansible_collections.scaleout.webapp.plugins.module_utils._cron.meeting import same_store, store_mark

OLD, NEW = "mysql://cron:old-password@db1/cron", "mysql://cron:new-password@db2/cron"
JOB: dict[str, Any] = {
    "id": "cleanup",
    "job": "true",
    "strategy": "lease",
    "store_failure": "skip",
    "candidates": ["a", "b", "c"],
}


def place(url: str, *seen: str, lost: tuple[str, ...] = (), drained: tuple[str, ...] = (), **changes: str) -> None:
    """A run that sees these hosts, which all have used the old store."""
    note = {"turn": 7, "strategy": "lease", "holders": ["a", "b", "c"]}
    report = {"shows": {"cleanup": "lease"}, "notes": {"cleanup": note}, "store": store_mark(OLD)}
    cron_placement([{**JOB, **changes}], dict.fromkeys(seen, report), drained, lost, store_url=url)


def test_another_store_waits_for_every_guard() -> None:
    with pytest.raises(AnsibleFilterError) as caught:
        place(NEW, "a", "b")
    said = str(caught.value)
    assert "cleanup: its guards meet in mysql at db1/cron, also that of c, not seen in this run" in said
    assert "if the others went to mysql at db2/cron, two hosts would start each run. Run with all hosts" in said
    assert "password" not in said
    with pytest.raises(AnsibleFilterError, match="also that of c"):
        place(NEW, "a", "b", drained=("c",), lost=("c",))


def test_it_is_changed_where_no_guard_goes_on_with_the_old_one() -> None:
    place(NEW, "a", "b", "c")
    place(NEW, "a", "b", drained=("c",))
    place(NEW, "a", "b", state="suspended")
    place(NEW, "a", "b", strategy="single", store_failure="")
    place(OLD.replace("old", "new"), "a")


@pytest.mark.parametrize(
    ("url", "mark"),
    [
        ("mongodb://u:p@h1:27017,h2:27017/cron?replicaSet=x", "mongodb at h1:27017,h2:27017/cron"),
        ("redis://h1/0", "redis at h1/0"),
        ("unix:///run/redis.sock?db=1", "unix at /run/redis.sock"),
        # Refused by the guard, and yet shown to nobody.
        ("mysql://u:p@ss?wo/rd@h1/cron", "mysql at h1/cron"),
        ("", " at "),
    ],
)
def test_the_mark_of_a_store_has_no_login(url: str, mark: str) -> None:
    assert store_mark(url) == mark


def test_a_cluster_of_which_a_member_was_exchanged_is_the_same() -> None:
    def same(one: str, other: str) -> bool:
        return same_store(store_mark(one), store_mark(other))

    assert same("mongodb://h1,h2,h3/cron", "mongodb://u:p@h4,h2,h3/cron?w=1")
    assert not same("mongodb://h1,h2,h3/cron", "mongodb://h4,h5/cron")
    assert not same("mongodb://h1/cron", "mongodb://h1/other")
    assert not same("redis://h1/0", "mysql://h1/0")


def test_ansible_does_not_mask_the_mark_of_the_url_that_it_was_given() -> None:
    url = "redis://h1/0"
    assert remove_values({"store": store_mark(url)}, {url}) == {"store": "redis at h1/0"}
