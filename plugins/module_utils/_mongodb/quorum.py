# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# A set without a primary: whether a majority is lost, and how those that are left go on if they are told to.

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.codes import COMMAND_FAILED, PASSING
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.force import Left, forced, may_roll_back
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.model import (
    Config,
    Live,
    LoginRefusedError,
    ServerError,
    UnreachableError,
    normalise,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.session import Session

FREEZE_SECONDS = 60
SECONDARY = 2


def go_on_without(session: Session, lost: frozenset[str]) -> Live | None:
    """Force those that are left to be a set, where no primary is left. In check mode: what they would be."""
    answering = [f"{name} answers" for name, one in session.look_at(sorted(lost)).items() if one.state != "silent"]
    if answering:
        raise ScaleoutError(
            f"{', '.join(answering)}, so it is not lost", "lost_members", "stop it for good, or leave it out"
        )
    while not _has_primary(session):
        told = _told(session)
        if not told:
            raise ScaleoutError("nobody tells the configuration", session.where, "give login_user and login_password")
        left = _left(session, told)
        if left.is_without(lost):
            # A call on another host forced it just now, and its primary is yet to come.
            return None
        if not left.has_majority:
            left = _with_optimes(session, left, told)
        step, config, newest = forced(left, session.wanted, lost)
        before = Live(left.config, newest, None, dict.fromkeys(left.alive, "member"))
        foretold: Live | None = None
        if session.check:
            seen = session.survey()
            states = {**before.states, **{name: one.state for name, one in seen.items()}}
            foretold = replace(before, states=states).after(step)
        elif not _force(session, left, config, newest):
            if session.late():
                raise ScaleoutError(
                    f"somebody else changes its configuration, and it has no primary after {session.wait_timeout:g} s",
                    newest,
                    "see its log; run the task again when nobody else does",
                )
            continue
        session.outcome.warnings.append(may_roll_back(left, newest, lost))
        session.outcome.before = before
        session.outcome.steps.append(step)
        return foretold
    return None


def _has_primary(session: Session) -> bool:
    """A dead primary is named for some seconds after its end."""
    while True:
        seen = session.survey()
        named = {one.primary for one in seen.values() if one.primary}
        if not named:
            return False
        if any(one.primary == name for name, one in session.look_at(named).items()):
            return True
        if session.late():
            raise ScaleoutError(
                f"{', '.join(sorted(named))} does not answer here, but is the primary of members that do",
                session.where,
                "stop it for good; if it runs, see that this host reaches it, and do not force",
            )


def left_of(session: Session) -> Left | None:
    """Who answers, after a survey; None where nobody tells who should."""
    told = _told(session)
    return _left(session, told) if told else None


def _told(session: Session) -> dict[str, Config]:
    """The configuration that each listed member with data tells."""
    listed = [name for name in session.names if session.seen[name].state == "member" and not session.seen[name].arbiter]
    return {name: config for name, config in ((name, _config(session, name)) for name in listed) if config}


def _config(session: Session, name: str) -> Config | None:
    try:
        return Config.of(session.ask(name, "replSetGetConfig")["config"])
    except (LoginRefusedError, ServerError, UnreachableError):
        # A wiped member has no users until it has the data again, and an election closes connections.
        return None


def _left(session: Session, told: dict[str, Config]) -> Left:
    config = max(told.values(), key=lambda one: (one.other.get("term", 0), one.version))
    seen = session.look_at(member.name for member in config.members if member.name not in session.names)
    seen.update((name, one) for name, one in session.seen.items() if config.find(name))
    return Left.of(config, seen)


def _with_optimes(session: Session, left: Left, told: dict[str, Config]) -> Left:
    """With what each survivor has, and has heard of the silent."""
    optimes: dict[str, tuple[Any, ...]] = {}
    dates: dict[str, str] = {}
    seen = session.look_at(sorted(left.alive))
    for name in (name for name, one in seen.items() if one.state == "member" and not one.arbiter):
        if name in session.names and name not in told:
            continue
        for one in session.ask(name, "replSetGetStatus")["members"]:
            other = normalise(one["name"])
            if one.get("self") and one["state"] == SECONDARY:
                optimes[other] = (one["optime"]["t"], one["optime"]["ts"])
            if one.get("self") or (other in left.silent and "optimeDate" in one and one["optimeDate"].year > 1970):
                dates[other] = str(one["optimeDate"])
    return replace(left, optimes=optimes, dates=dates)


def _force(session: Session, left: Left, config: Config, newest: str) -> bool:
    """Whether it was this call that did it; where another one was faster all has to be looked at again.

    The others may not stand for election until the one with the newest data is primary: they would roll back.
    """
    # The server takes a forced configuration whatever came before it.
    if session.ask(newest, "replSetGetConfig")["config"]["version"] != left.config.version:
        return False
    others = sorted(name for name in left.optimes if name != newest)
    for name in others:
        session.ask(name, "replSetFreeze", FREEZE_SECONDS)
    try:
        session.ask(newest, "replSetReconfig", config.document(), force=True)
    except ServerError as error:
        if error.code not in PASSING:
            raise
        return False
    while not any(one.primary == newest for one in session.survey().values()):
        try:
            session.ask(newest, "replSetStepUp")
        except ServerError as error:
            # The others have yet to hear of the new configuration.
            if error.code not in (COMMAND_FAILED, *PASSING):
                raise
        if session.late():
            raise ScaleoutError(
                f"it was forced to be primary and is not after {session.wait_timeout:g} s", newest, "see its log"
            )
    for name in others:
        session.ask(name, "replSetFreeze", 0)
    return True
