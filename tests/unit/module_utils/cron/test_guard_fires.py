# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For which time a guard was started."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._cron.schedule import FIELDS, on_calendar, parse
from cron_guard.fires import previous, read, show
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.module_utils.cron.test_cron_schedule import analyzed, texts

NOW = datetime(2026, 11, 21, 10, 11, 12, tzinfo=timezone.utc)
# Also before summer time begins and ends.
ZONES = [
    ("UTC", NOW),
    ("Europe/Zurich", datetime(2026, 3, 29, 0, 41, 12, tzinfo=timezone.utc)),
    ("Europe/Zurich", datetime(2026, 10, 24, 23, 41, 12, tzinfo=timezone.utc)),
]


def scheduled(text: str, zone: str = "UTC") -> dict[str, Any]:
    return {**parse(dict(zip(FIELDS, text.split())), "job x").data(), "zone": zone}


@settings(max_examples=40, deadline=None)
@given(texts, st.integers(0, 100), st.sampled_from(ZONES))
def test_it_is_the_time_at_which_systemd_starts_it(text: str, later: int, where: tuple[str, datetime]) -> None:
    zone, after = where
    schedule = parse(dict(zip(FIELDS, text.split())), "job x")
    due = sorted(time for line in on_calendar(schedule, zone) for time in analyzed(line, after, 1))
    if due:
        # However late it comes, as long as it is not due again.
        for now in (due[0], due[0] + timedelta(seconds=later % 60)):
            assert previous({**schedule.data(), "zone": zone}, now) == due[0]


@pytest.mark.parametrize(
    ("text", "now", "fire"),
    [
        ("17 3 * * *", "2026-11-21T03:17:00Z", "2026-11-21T03:17:00Z"),
        ("17 3 * * *", "2026-11-21T03:16:59Z", "2026-11-20T03:17:00Z"),
        ("0 0 29 2 *", "2026-11-21T00:00:00Z", "2024-02-29T00:00:00Z"),
        ("0 4 13 * 5", "2026-11-21T00:00:00Z", "2026-11-20T04:00:00Z"),
        ("* * * * *", "2026-11-21T00:00:59Z", "2026-11-21T00:00:00Z"),
    ],
)
def test_fires(text: str, now: str, fire: str) -> None:
    assert show(previous(scheduled(text), read(now))) == fire


@pytest.mark.parametrize(
    ("text", "now", "fire"),
    [
        # What summer time skips is not there.
        ("30 2 * * *", "2026-03-29T12:00:00Z", "2026-03-28T01:30:00Z"),
        # What it repeats is the first of the two.
        ("30 2 * * *", "2026-10-25T12:00:00Z", "2026-10-25T00:30:00Z"),
        ("*/15 * * * *", "2026-10-25T01:40:00Z", "2026-10-25T00:45:00Z"),
        ("*/15 * * * *", "2026-10-25T02:01:00Z", "2026-10-25T02:00:00Z"),
        ("0 12 * * *", "2026-07-01T12:00:00Z", "2026-07-01T10:00:00Z"),
    ],
)
def test_fires_in_a_zone_with_summer_time(text: str, now: str, fire: str) -> None:
    assert show(previous(scheduled(text, "Europe/Zurich"), read(now))) == fire


def test_a_day_that_never_comes() -> None:
    with pytest.raises(ValueError, match="no time that ever comes"):
        previous(scheduled("0 0 30 2 *"), NOW)
