# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# From one live set to another: decide, do one step, look again.

from __future__ import annotations

from typing import Any

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.codes import (
    INCOMPATIBLE,
    MAX_TIME_EXPIRED,
    NOT_DONE,
    PASSING,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.identity import (
    check_heartbeats,
    check_identities,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.model import (
    Live,
    ServerError,
    Step,
    UnreachableError,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.plan import make_plan, warnings
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.session import Session

STEP_SECONDS = 30
# How often one step may be done: others may take it back, and the server may store something else.
REPEATS = 5


def change(session: Session, foretold: Live | None = None) -> None:
    """Until nothing differs. After every step the live set decides what is left.

    In check mode it may be foretold what the live set would be.
    """
    outcome = session.outcome
    unsure: Step | None = None
    live = foretold or session.read(session.seen)
    outcome.before = outcome.before or (None if outcome.steps else live)
    if not foretold:
        check_identities(session, live)
    while True:
        live = session.known(live)
        steps = make_plan(live, session.wanted)
        if unsure and unsure.what not in [step.what for step in steps]:
            outcome.steps.append(unsure)
        if session.check or not steps:
            break
        _check_end(session, steps)
        done = _do(session, steps[0], live)
        unsure = steps[0] if done is None else None
        if done:
            outcome.steps.append(steps[0])
        live = session.read()
    outcome.steps += steps
    for step in steps:
        live = live.after(step)
    outcome.after = live
    outcome.primary = live.primary
    outcome.warnings += warnings(live.config)


def _check_end(session: Session, steps: list[Step]) -> None:
    """Once something was done, what is left has an end."""
    done = [step.what for step in session.outcome.steps]
    left = "; ".join(step.what for step in steps)
    if done.count(steps[0].what) >= REPEATS:
        raise ScaleoutError(
            f"done {REPEATS} times, and the set still differs: {left}",
            session.where,
            "see who else changes it, and whether the server keeps these values",
        )
    if done and session.over:
        raise ScaleoutError(
            f"not at its end after {session.wait_timeout:g} s, left to do: {left}",
            session.where,
            "run the task again, it goes on there, or raise wait_timeout",
        )


def _do(session: Session, step: Step, live: Live) -> bool | None:
    """Whether the step is done; None where nobody knows, and what is live then decides."""
    if step.joins:
        _await_data(session, step.joins, live)
    if step.copies and not _await_copies(session, step, live):
        return False
    try:
        if step.successor:
            return _step_down(session, live.primary)
        if step.config is None:
            session.ask(live.primary, "setDefaultRWConcern", defaultWriteConcern=step.write_concern)
        else:
            document = step.config.document()
            session.ask(live.primary, "replSetReconfig", document, maxTimeMS=STEP_SECONDS * 1000)
    except ServerError as error:
        overtaken = error.code == INCOMPATIBLE and session.read().config.version != live.config.version
        if (error.code not in (MAX_TIME_EXPIRED, *PASSING) and not overtaken) or session.late():
            raise ScaleoutError(f"{step.what}: {error.what}", error.where) from error
        return False if overtaken or error.code in NOT_DONE else None
    except UnreachableError:
        if session.late():
            raise
        return None
    if step.renames:
        check_heartbeats(session, [step.renames], live.primary)
    return True


def _step_down(session: Session, primary: str) -> bool:
    """Once others have what it has; the next look finds who was elected."""
    # Imported late: most calls need none of it, and would take longer.
    from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.stepdown import StepDown

    address = session.seed if primary == session.same else primary
    left = max(0.0, session.deadline - session.clock())
    return StepDown(session.client, address, wait_timeout=left, clock=session.clock, sleep=session.sleep).run().changed


def _lack(state: dict[str, Any], bound: float) -> str:
    """Why a member does not count as one that has the data; empty where it does."""
    lag = state.get("lag")
    behind = "" if lag is None else f", {lag:g} s behind"
    in_time = state.get("health") == 1 and state.get("state") in (1, 2) and lag is not None and lag <= bound
    return "" if in_time else f"{state.get('stateStr', 'unknown')}{behind}"


def _await_data(session: Session, name: str, live: Live) -> None:
    """Until a member has the data and is nearly in time; one that is late on purpose may be later by that."""
    delay = next(member.secondary_delay_secs for member in live.config.members if member.name == name)
    while True:
        lack = _lack(session.statuses().get(name, {}), session.max_lag + delay)
        if not lack:
            return
        if session.late():
            raise ScaleoutError(
                f"after {session.wait_timeout:g} s it is {lack}, and has no vote",
                name,
                "run the task again when it has caught up, or raise wait_timeout",
            )


def _await_copies(session: Session, step: Step, live: Live) -> bool:
    """Until so many voters that are left have the data that it stays without the one that leaves.

    False where one does not answer any more: then the set has to be looked at again.
    """
    delays = {member.name: member.secondary_delay_secs for member in live.config.members}
    while True:
        states = session.statuses()
        lacks = {name: _lack(states.get(name, {}), session.max_lag + delays[name]) for name in step.keepers}
        lacks = {name: lack for name, lack in lacks.items() if lack}
        if len(step.keepers) - len(lacks) >= step.copies:
            return True
        if session.late():
            raise ScaleoutError(
                f"{step.what}: {step.copies} of the voters that are left need the data first, and after"
                f" {session.wait_timeout:g} s {', '.join(f'{name} is {lack}' for name, lack in lacks.items())}",
                session.where,
                "run the task again when they have caught up, or raise wait_timeout",
            )
        if any(states.get(name, {}).get("health") == 0 for name in lacks):
            return False


def settle(session: Session) -> None:
    """A set is made when its members are at work."""
    while True:
        seen = session.survey()
        waiting = [name for name in session.names if not seen[name].ready]
        if not waiting:
            return
        if session.late():
            raise ScaleoutError(
                f"{', '.join(waiting)} is neither primary, secondary nor arbiter after {session.wait_timeout:g} s",
                session.where,
                "see its log; run the task again when it has caught up",
            )
