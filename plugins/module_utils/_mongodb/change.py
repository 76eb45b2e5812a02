# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# From one live set to another: decide, do one step, look again.

from __future__ import annotations

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


def _do(session: Session, step: Step, live: Live) -> bool | None:
    """Whether the step is done; None where nobody knows, and what is live then decides."""
    if step.joins:
        _await_data(session, step.joins)
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


def _await_data(session: Session, name: str) -> None:
    """Until a newcomer has the data and is nearly in time; one that is late on purpose may be later by that."""
    delays = {member.name: member.given.get("secondary_delay_secs", 0) for member in session.wanted.members}
    bound = session.max_lag + delays.get(name, 0)
    while True:
        state = session.statuses().get(name, {})
        lag = state.get("lag")
        if state.get("state") in (1, 2) and lag is not None and lag <= bound:
            return
        if session.late():
            behind = "" if lag is None else f", {lag:g} s behind"
            raise ScaleoutError(
                f"after {session.wait_timeout:g} s it is {state.get('stateStr', 'unknown')}{behind}, and has no vote",
                name,
                "run the task again when it has caught up, or raise wait_timeout",
            )


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
