# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schedules of cron, held against the rules of Debian's cron and against the real systemd-analyze."""

from __future__ import annotations

import subprocess
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._cron.schedule import (
    FIELDS,
    Schedule,
    on_calendar,
    parse,
    shifted,
    special,
    window,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from hypothesis import given, settings
from hypothesis import strategies as st


def read(text: str) -> Schedule:
    return parse(dict(zip(FIELDS, text.split())), "job x")


def due(schedule: Schedule, at: datetime) -> bool:
    """What cron does each minute."""
    day, weekday = at.day in schedule.days, (at.weekday() + 1) % 7 in schedule.weekdays
    dated = (day or weekday) if schedule.either else (day and weekday)
    return at.minute in schedule.minutes and at.hour in schedule.hours and at.month in schedule.months and dated


def first_due(schedule: Schedule, after: datetime, count: int, until: datetime) -> list[datetime]:
    found: list[datetime] = []
    at = after.replace(second=0) + timedelta(minutes=1)
    while len(found) < count and at < until:
        if at.month not in schedule.months or not any(
            due(schedule, at.replace(hour=hour, minute=minute))
            for hour in schedule.hours
            for minute in schedule.minutes
        ):
            at = at.replace(hour=0, minute=0) + timedelta(days=1)
            continue
        if due(schedule, at):
            found.append(at)
        at += timedelta(minutes=1)
    return found


def analyzed(expression: str, after: datetime, count: int) -> list[datetime]:
    """When systemd would start it."""
    command = ["systemd-analyze", "calendar", f"--base-time={after:%Y-%m-%d %H:%M:%S} UTC", f"--iterations={count}"]
    said = subprocess.run([*command, expression], check=True, capture_output=True, text=True, env={"TZ": "UTC"}).stdout
    times = [line.split(": ", 1)[1] for line in said.splitlines() if "elapse: " in line or "Iter. #" in line]
    return [
        datetime.strptime(time, "%a %Y-%m-%d %H:%M:%S UTC").replace(tzinfo=timezone.utc)
        for time in times
        if time != "never"
    ]


def field(low: int, high: int) -> Any:
    numbers = st.integers(low, high)
    ranges = st.tuples(numbers, numbers).map(lambda ends: f"{min(ends)}-{max(ends)}")
    stepped = st.tuples(st.one_of(ranges, st.just("*")), st.integers(1, 12)).map(lambda part: f"{part[0]}/{part[1]}")
    part = st.one_of(numbers.map(str), ranges, stepped)
    return st.one_of(st.just("*"), st.lists(part, min_size=1, max_size=3).map(",".join))


texts = st.tuples(field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 7)).map(" ".join)
AFTER = datetime(2026, 11, 21, 10, 11, 12, tzinfo=timezone.utc)


@settings(max_examples=60, deadline=None)
@given(texts)
def test_systemd_starts_it_when_cron_would(text: str) -> None:
    schedule = read(text)
    wanted = first_due(schedule, AFTER, 8, AFTER + timedelta(days=1000))
    found = sorted({time for line in on_calendar(schedule, "UTC") for time in analyzed(line, AFTER, 8)})
    assert found[: len(wanted)] == wanted


@pytest.mark.parametrize(
    ("text", "expressions"),
    [
        ("17 3 * * *", ["*-*-* 03:17:00 UTC"]),
        ("*/15 * * * *", ["*-*-* *:00,15,30,45:00 UTC"]),
        ("0 4 * * mon-fri", ["Mon,Tue,Wed,Thu,Fri *-*-* 04:00:00 UTC"]),
        # Any of the two, where both are restricted.
        ("0 4 13 * 5", ["*-*-13 04:00:00 UTC", "Fri *-*-* 04:00:00 UTC"]),
        # Both, where one begins with a star, as cron has it.
        ("0 4 */2 * 7", ["Sun *-*-01,03,05,07,09,11,13,15,17,19,21,23,25,27,29,31 04:00:00 UTC"]),
        ("0 0 1 jan,JUL *", ["*-01,07-01 00:00:00 UTC"]),
    ],
)
def test_expressions(text: str, expressions: list[str]) -> None:
    assert on_calendar(read(text), "UTC") == expressions


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("60 * * * *", "job x: cron does not know the minute '60'. Use 0 to 59."),
        ("5/15 * * * *", "Write 5-59/15."),
        ("* * * * fri-mon", "A range goes upwards"),
        ("*/0 * * * *", "steps of 1 or more"),
        ("1,,2 * * * *", "Write numbers, ranges such as 1-5"),
        ("* * 0 * *", "Use 1 to 31."),
        ("* * * * someday", "Use 0 to 7 or names such as mon."),
    ],
)
def test_what_cron_does_not_know(text: str, said: str) -> None:
    with pytest.raises(ScaleoutError) as raised:
        read(text)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("text", "after", "times"),
    [
        # What is skipped does not run, here from two to three.
        ("30 2 * * *", "2026-03-28T12:00", ["2026-03-30T00:30"]),
        ("*/30 * * * *", "2026-03-29T00:15", ["2026-03-29T00:30", "2026-03-29T01:00", "2026-03-29T01:30"]),
        # What is repeated runs once.
        ("30 2 * * *", "2026-10-24T12:00", ["2026-10-25T00:30", "2026-10-26T01:30"]),
        ("*/30 * * * *", "2026-10-25T00:15", ["2026-10-25T00:30", "2026-10-25T02:00", "2026-10-25T02:30"]),
        # Unless the timer is started within the second of the two.
        ("*/30 * * * *", "2026-10-25T01:15", ["2026-10-25T01:30", "2026-10-25T02:00", "2026-10-25T02:30"]),
    ],
)
def test_summer_time_is_as_the_guide_says(text: str, after: str, times: list[str]) -> None:
    [line] = on_calendar(read(text), "Europe/Zurich")
    found = analyzed(line, datetime.fromisoformat(after), len(times))
    assert [time.strftime("%Y-%m-%dT%H:%M") for time in found] == times


def test_special_times() -> None:
    assert on_calendar(special("weekly"), "UTC") == ["Sun *-*-* 00:00:00 UTC"]
    assert on_calendar(special("yearly"), "UTC") == on_calendar(special("annually"), "UTC")


@given(texts, st.data())
def test_shifted_schedules_never_meet_and_keep_hours_and_days(text: str, data: Any) -> None:
    schedule = read(text)
    by = data.draw(st.integers(0, window(schedule) - 1))
    moved = shifted(schedule, by)
    assert (moved.hours, moved.days, moved.weekdays) == (schedule.hours, schedule.days, schedule.weekdays)
    assert by == 0 or not moved.minutes & schedule.minutes
