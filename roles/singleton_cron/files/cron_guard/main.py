# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of the guard."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from cron_guard import fires
from cron_guard.guard import (
    EXIT_CLOCK,
    EXIT_START,
    EXIT_STORE,
    CannotStart,
    Guard,
    Settings,
    StoreGone,
    WrongClock,
    refused,
    say,
)
from cron_guard.records import OPEN, Record, Store, StoreDown, StoreRefused
from cron_guard.stores import open_store

TIMEOUT = 5.0
"""Seconds for one question to the store."""


def read_settings(path: str) -> Settings:
    return Settings(**json.loads(Path(path).read_text(encoding="utf-8")))


def store_of(path: str) -> Store:
    return open_store(json.loads(Path(path).read_text(encoding="utf-8"))["url"], TIMEOUT)


def run(path: str, fire: str) -> int:
    settings = read_settings(path)
    guard = Guard(settings, store_of(settings.store))
    signal.signal(signal.SIGTERM, guard.stop)
    try:
        # Not what systemd has in TRIGGER_TIMER_REALTIME_USEC, which is when the timer went off the time before.
        return guard.fire(fire or fires.show(fires.previous(settings.schedule, datetime.now(timezone.utc))))
    except SystemExit:
        if guard.unstarted:
            # The question that this broke off may have left its connection half-way.
            guard.store.close()
            guard.store = store_of(settings.store)
            guard.give_back(TIMEOUT)
        raise
    finally:
        guard.store.close()


def check(path: str, look: bool) -> int:
    store = store_of(path)
    try:
        store.check()
        if not look:
            store.make()
    finally:
        store.close()
    return 0


def told(run: Record, settings: Settings, now: datetime) -> dict[str, Any]:
    """For people. Of a host that died only the next fire says so for good."""
    row = {key: value for key, value in asdict(run).items() if key not in ("job", "token", "writer", "revision")}
    # Its clock and this one may both be off.
    silence = timedelta(seconds=settings.lease_seconds + 2 * settings.max_skew)
    if run.state in OPEN and run.alive and now - fires.read(run.alive) > silence:
        row["why"] = f"no sign of life since {run.alive}"
    return row


def history(paths: list[str], count: int, as_json: bool) -> int:
    found: dict[str, list[dict[str, Any]]] = {}
    for path in paths:
        try:
            settings = read_settings(path)
        except FileNotFoundError:
            # A job that is not here yet hides no other.
            print(f"cron-guard: there is no {path}", file=sys.stderr)
            continue
        store = store_of(settings.store)
        try:
            runs = store.last(settings.job, count)
        finally:
            store.close()
        found[settings.job] = [told(run, settings, datetime.now(timezone.utc)) for run in runs]
    if as_json:
        print(json.dumps(found))
        return 0
    for job, rows in found.items():
        print(job)
        for row in rows:
            took = "" if row["seconds"] is None else f"{row['seconds']:g} s"
            code = "" if row["exit_code"] is None else f"exit code {row['exit_code']}"
            said = [row["state"], f"on {row['node']}", code, took, "stopped at its limit" if row["timed_out"] else ""]
            print(f"  {row['fire']}  {', '.join(text for text in [*said, row['why']] if text)}")
            for line in row["tail"].splitlines():
                print(f"      {line}")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="cron-guard", description="Starts a scheduled job on one of several hosts.")
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("run", help="start the job, unless another host does")
    one.add_argument("settings")
    one.add_argument("--fire", default="", help="the scheduled time, as 2026-11-21T03:17:00Z; the last one by default")
    asked = commands.add_parser("check", help="see whether a store can keep leases")
    asked.add_argument("store")
    asked.add_argument("--look", action="store_true", help="change nothing in it")
    told = commands.add_parser("history", help="the last runs, on all hosts")
    told.add_argument("settings", nargs="+")
    told.add_argument("--count", type=int, default=10)
    told.add_argument("--json", action="store_true")
    given = parser.parse_args()
    # What a job says is for no locale to refuse.
    sys.stdout.reconfigure(errors="backslashreplace")
    try:
        if given.command == "run":
            return run(given.settings, given.fire)
        if given.command == "check":
            return check(given.store, given.look)
        return history(given.settings, given.count, given.json)
    except StoreRefused as error:
        return refused(error)
    except WrongClock as error:
        say(f"{error}, so nothing is started here")
        return EXIT_CLOCK
    except CannotStart as error:
        say(f"the job cannot be started here: {error}")
        return EXIT_START
    except (StoreDown, StoreGone) as error:
        say(f"the store does not answer: {error}")
        return EXIT_STORE
    except BrokenPipeError:
        sys.stderr.close()
        return 0
