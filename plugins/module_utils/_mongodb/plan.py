# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# Pure: live and wanted in, ordered steps out.

from __future__ import annotations

from typing import Any

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.model import (
    Config,
    Live,
    Step,
    Wanted,
    plain_number,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.steps import next_step
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.targets import check, fresh, targets_of


def initial(wanted: Wanted) -> Config:
    """A whole set at once: with no data there is nothing to lose."""
    members = tuple(fresh(number, member) for number, member in enumerate(wanted.members))
    check(members)
    config = Config(wanted.name, 1, members, dict(wanted.settings))
    _check_write_concern(wanted.write_concern, config.with_data)
    return config


def initiation(config: Config) -> Step:
    count = f"{len(config.members)} member{'s' if len(config.members) > 1 else ''}"
    what = f"initiate {config.name} with {count} through {founder_of(config)}"
    return Step(what, "no member belongs to a set yet", config)


def founder_of(config: Config) -> str:
    """The first listed electable member: the only one through which a set is ever initiated."""
    return next(member.name for member in config.members if member.electable)


def make_plan(live: Live, wanted: Wanted) -> list[Step]:
    """What leads from live to wanted, in order; empty when nothing differs."""
    targets = targets_of(live, wanted)
    concern = live.write_concern if wanted.write_concern is None else wanted.write_concern
    _check_write_concern(concern, sum(not target.arbiter_only for target in targets))
    steps: list[Step] = []
    now = live
    while True:
        step = next_step(now, targets_of(now, wanted)) or _settings(now.config, wanted)
        if step is None:
            return _with_write_concern(live, wanted, steps)
        steps.append(step)
        now = now.after(step)


def warnings(config: Config) -> list[str]:
    if config.voters % 2 == 0 and config.arbiters == 0:
        return [
            f"{config.voters} members vote: an even number survives no more failures than {config.voters - 1} would."
            " Add one, or set votes and priority of one to 0."
        ]
    return []


def _settings(config: Config, wanted: Wanted) -> Step | None:
    drift = {key: value for key, value in wanted.settings.items() if plain_number(config.settings.get(key)) != value}
    if not drift:
        return None
    changes = ", ".join(f"{key} {config.settings.get(key)} -> {value}" for key, value in sorted(drift.items()))
    return Step(f"set {changes}", "the settings differ", config.next(settings={**config.settings, **drift}))


def _with_write_concern(live: Live, wanted: Wanted, steps: list[Step]) -> list[Step]:
    """It comes first, since the server refuses members that would change a default nobody set."""
    first, last = [], []
    known = live.write_concern
    if wanted.write_concern is not None and wanted.write_concern != known:
        before = "none is set" if known is None else f"it is {_text(known)}"
        step = _default(wanted.write_concern, before)
        # One that asks for newcomers would stop all writes until these have joined.
        if _needed(wanted.write_concern) > max(1, _needed(known)):
            last = [step]
        else:
            first, known = [step], wanted.write_concern
    flips = any(step.config and step.config.implicit_majority != live.config.implicit_majority for step in steps)
    if known is None and flips:
        now = {"w": "majority" if live.config.implicit_majority else 1, "wtimeout": 0}
        first = [_default(now, "it keeps what holds now, which other arbiters would change")]
    return first + steps + last


def _needed(write_concern: dict[str, Any] | None) -> int:
    """How many members with data it asks for, where it is a number."""
    asked = (write_concern or {}).get("w")
    return asked if isinstance(asked, int) else 0


def _check_write_concern(write_concern: dict[str, Any] | None, with_data: int) -> None:
    if _needed(write_concern) > with_data:
        raise ScaleoutError(
            f"w: {_needed(write_concern)} is never reached, {with_data} of the members have data",
            "default_write_concern",
            "give a smaller w, or majority",
        )


def _default(write_concern: dict[str, Any], why: str) -> Step:
    return Step(f"set the default write concern {_text(write_concern)}", why, write_concern=write_concern)


def _text(write_concern: dict[str, Any]) -> str:
    return ", ".join(f"{key}: {value}" for key, value in sorted(write_concern.items()))
