# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schedules of cron, and the same as OnCalendar= of systemd; pure. Private to this collection."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError

WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
FIELDS = ("minute", "hour", "day", "month", "weekday")
# Lowest and highest value, and names from the lowest on.
RANGES: Mapping[str, tuple[int, int, tuple[str, ...]]] = {
    "minute": (0, 59, ()),
    "hour": (0, 23, ()),
    "day": (1, 31, ()),
    "month": (1, 12, MONTHS),
    "weekday": (0, 7, WEEKDAYS),
}
SPECIAL = {
    "hourly": ("0", "*", "*", "*", "*"),
    "daily": ("0", "0", "*", "*", "*"),
    "weekly": ("0", "0", "*", "*", "0"),
    "monthly": ("0", "0", "1", "*", "*"),
    "yearly": ("0", "0", "1", "1", "*"),
    "annually": ("0", "0", "1", "1", "*"),
}
PART = re.compile(r"(?:(?P<all>\*)|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>\d+))?")


@dataclass(frozen=True)
class Schedule:
    """The minutes of a year. `either`: cron's rule that one of day and weekday is enough where both are restricted."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool = False

    def data(self) -> dict[str, Any]:
        """For the guard, which works out from it what it was started for."""
        sets = {name: sorted(getattr(self, name)) for name in ("minutes", "hours", "days", "months", "weekdays")}
        return {**sets, "either": self.either}


def parse(fields: Mapping[str, str], where: str) -> Schedule:
    """From cron's five fields, as Debian's cron reads them."""
    minutes, hours, days, months, weekdays = (_values(name, fields[name], where) for name in FIELDS)
    # Cron takes a field that begins with a star, be it */2, for one that restricts nothing.
    restricted = [not fields[name].startswith("*") for name in ("day", "weekday")]
    return Schedule(minutes, hours, days, months, weekdays, either=all(restricted))


def special(name: str) -> Schedule:
    return parse(dict(zip(FIELDS, SPECIAL[name])), name)


def _values(name: str, text: str, where: str) -> frozenset[int]:
    lowest, highest, _names = RANGES[name]
    found: set[int] = set()
    for part in text.split(","):
        match = PART.fullmatch(part)
        if not match:
            raise _wrong(name, text, where, "write numbers, ranges such as 1-5, steps such as */15, or lists of these")
        first, last = (lowest, highest) if match["all"] else _bounds(name, match, text, where)
        if match["step"] and not match["all"] and match["last"] is None:
            raise _wrong(name, text, where, f"write {first}-{highest}/{match['step']}")
        step = int(match["step"] or 1)
        if first > last or step < 1:
            raise _wrong(name, text, where, "a range goes upwards, by steps of 1 or more")
        found.update(range(first, last + 1, step))
    if name == "weekday":
        found = {value % 7 for value in found}
    return frozenset(found)


def _bounds(name: str, match: re.Match[str], text: str, where: str) -> tuple[int, int]:
    first = _number(name, match["first"], text, where)
    return first, first if match["last"] is None else _number(name, match["last"], text, where)


def _number(name: str, word: str, text: str, where: str) -> int:
    lowest, highest, names = RANGES[name]
    value = names.index(word.lower()) + lowest if word.lower() in names else int(word) if word.isdecimal() else -1
    if not lowest <= value <= highest:
        raise _wrong(name, text, where, f"use {lowest} to {highest}{' or names such as ' + names[1] if names else ''}")
    return value


def _wrong(name: str, text: str, where: str, fix: str) -> ScaleoutError:
    return ScaleoutError(f"cron does not know the {name} {text!r}", where, fix)


def on_calendar(schedule: Schedule, zone: str) -> list[str]:
    """Expressions for OnCalendar=, one or two, of which any may hold."""
    time = f"{_list(schedule.hours, 'hour')}:{_list(schedule.minutes, 'minute')}:00 {zone}"
    month = _list(schedule.months, "month")
    names = [name.capitalize() for at, name in enumerate(WEEKDAYS) if at in schedule.weekdays]
    weekdays = "" if len(names) == 7 else ",".join(names) + " "
    days = _list(schedule.days, "day")
    if schedule.either:
        return [f"*-{month}-{days} {time}", f"{weekdays}*-{month}-* {time}"]
    return [f"{weekdays}*-{month}-{days} {time}"]


def _list(values: frozenset[int], name: str) -> str:
    lowest, highest, _names = RANGES[name]
    return "*" if len(values) == highest - lowest + 1 else ",".join(f"{value:02}" for value in sorted(values))


def window(schedule: Schedule) -> int:
    """By how many minutes it can be shifted within the hour before it meets itself."""
    minutes = sorted(schedule.minutes)
    return min((later - earlier) % 60 or 60 for earlier, later in zip(minutes, [*minutes[1:], minutes[0]]))


def too_many(hosts: Sequence[str], schedule: Schedule) -> bool:
    """Whether there are more hosts than minutes for them, when each has its own."""
    return len(hosts) > window(schedule)


def shifted(schedule: Schedule, minutes: int) -> Schedule:
    """Later by so many minutes, and round the hour, so that hours and days stay what they are."""
    return replace(schedule, minutes=frozenset((minute + minutes) % 60 for minute in schedule.minutes))
