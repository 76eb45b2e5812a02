# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# One task on one set, from whatever is there to what is wanted.

from __future__ import annotations

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.change import change, settle
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.found import found, is_new
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.model import Live, LoginRefusedError
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.plan import (
    founder_of,
    initial,
    initiation,
    warnings,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.session import (
    NeedsLoginError,
    Outcome,
    Session,
)


def converge(session: Session) -> Outcome:
    outcome = session.outcome
    if is_new(session):
        config = initial(session.wanted)
        outcome.after = Live(config, founder_of(config), session.wanted.write_concern)
        if session.check:
            outcome.steps.append(initiation(config))
            outcome.warnings += warnings(config)
            return outcome
        found(session, config)
    try:
        change(session, _without_majority(session))
    except NeedsLoginError as error:
        _compare_names(session, error)
    except LoginRefusedError as error:
        if not outcome.steps:
            raise
        fix = "make the first user with mongodb_user and first_user, then run this task again"
        raise LoginRefusedError(f"the set is initiated and has no user yet; {error.what}", error.where, fix) from error
    if outcome.steps and not session.check:
        settle(session)
    return outcome


def _without_majority(session: Session) -> Live | None:
    if not session.lost:
        return None
    # Imported late: most calls need none of it, and would take longer.
    from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.quorum import go_on_without

    return go_on_without(session, session.lost)


def _compare_names(session: Session, error: ScaleoutError) -> None:
    """Without a login only names can be compared: hello tells those of members that are not hidden."""
    outcome = session.outcome
    seen, primary = session.survey_with_primary()
    known = frozenset().union(*(one.names for one in seen.values()))
    hidden = {member.name for member in session.wanted.members if member.given.get("hidden")}
    differing = sorted(known ^ (set(session.names) - hidden)) if not outcome.steps else []
    said = f"the members differ ({', '.join(differing)}), and {error.what}"
    if differing and seen[session.seed].state == "member":
        raise ScaleoutError(said, error.where, error.fix)
    # A newcomer's host does first what the founders did, and only then can log in.
    if differing:
        outcome.warnings.append(f"{said}: this is left to the next call with a login")
    outcome.primary = primary
    outcome.message = (
        "without a login only the names of the members are compared;"
        " priorities, settings and the default write concern come with the next call with a login"
    )
