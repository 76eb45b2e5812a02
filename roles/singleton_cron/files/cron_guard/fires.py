# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For which time a job was started. Every host works out the same, whatever its clock says within bounds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any

from zoneinfo import ZoneInfo

FORMAT = "%Y-%m-%dT%H:%M:%SZ"
# February 29th on a certain weekday comes after 28 years, or 40 where a century's year is none of 366 days.
LONGEST = timedelta(days=41 * 366)


def zone_of(name: str) -> tzinfo:
    return timezone.utc if name == "UTC" else ZoneInfo(name)


def previous(schedule: Mapping[str, Any], now: datetime) -> datetime:
    """The last time at or before `now` that the schedule names, in UTC.

    As systemd has it: a time that summer time skips does not exist, one that comes twice is the first.
    """
    zone = zone_of(schedule["zone"])
    local = now.astimezone(zone).replace(tzinfo=None, second=0, microsecond=0)
    # What the clock showed an hour ago may be later than what it shows now.
    day = (local + timedelta(hours=2)).replace(hour=0, minute=0)
    while local - day < LONGEST:
        if _on(schedule, day):
            for hour in reversed(schedule["hours"]):
                for minute in reversed(schedule["minutes"]):
                    found = _utc(day.replace(hour=hour, minute=minute), zone)
                    if found is not None and found <= now:
                        return found
        day -= timedelta(days=1)
    raise ValueError("its schedule names no time that ever comes")


def _on(schedule: Mapping[str, Any], day: datetime) -> bool:
    if day.month not in schedule["months"]:
        return False
    dated, named = day.day in schedule["days"], day.isoweekday() % 7 in schedule["weekdays"]
    return (dated or named) if schedule["either"] else (dated and named)


def _utc(local: datetime, zone: tzinfo) -> datetime | None:
    found = local.replace(tzinfo=zone, fold=0).astimezone(timezone.utc)
    return found if found.astimezone(zone).replace(tzinfo=None) == local else None


def clock() -> str:
    """What it is now, by this host's clock."""
    return show(datetime.now(timezone.utc))


def show(fire: datetime) -> str:
    return fire.astimezone(timezone.utc).strftime(FORMAT)


def read(text: str) -> datetime:
    return datetime.strptime(text, FORMAT).replace(tzinfo=timezone.utc)
