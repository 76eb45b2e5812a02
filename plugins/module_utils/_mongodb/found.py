# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# From nothing to a set: once, and through one member only, however many callers there are.

from __future__ import annotations

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.client import UNAUTHORIZED
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.codes import ALREADY_INITIALIZED, PASSING
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.model import (
    Config,
    LoginRefusedError,
    ServerError,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.plan import founder_of, initiation
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.session import Session


def is_new(session: Session) -> bool:
    """Whether no listed member is in a set, nor was in one."""
    seen = session.survey()
    if any(one.state == "member" for one in seen.values()):
        return False
    removed = [one.address for one in seen.values() if one.state == "removed"]
    if removed:
        raise ScaleoutError(
            f"{', '.join(removed)} was removed from a replica set, and no listed member is in one",
            session.where,
            "list a member of that set, or wipe what was removed",
        )
    if session.check:
        session.outcome.warnings += [
            f"{one.address} does not answer: {one.cause}" for one in seen.values() if one.cause
        ]
    return True


def found(session: Session, config: Config) -> None:
    """Callers on other hosts wait until the set is there."""
    founder = founder_of(config)
    why = ""
    while True:
        try:
            _initiate(session, founder, config)
        except ServerError as error:
            if error.code == UNAUTHORIZED:
                why = (
                    "with authentication on a set is initiated over loopback only:"
                    f" run this task also on the host of {founder}, with its loopback address as login_host"
                )
            elif error.code in (ALREADY_INITIALIZED, *PASSING):
                why = f"{founder} says: {error.what}"
            else:
                raise
        # All have answered and none is in a set: whoever appears in one now was put there by this list.
        if any(one.state == "member" for one in session.survey().values()):
            return
        if session.late():
            raise ScaleoutError(f"not initiated within {session.wait_timeout:g} s; {why}", session.where)


def _initiate(session: Session, founder: str, config: Config) -> None:
    document = config.document()
    try:
        session.ask(founder, "replSetInitiate", document, login=False)
    except ServerError as error:
        if error.code != UNAUTHORIZED or not session.has_login:
            raise
        # Users of an earlier life as a single server close the localhost exception, and can log in.
        try:
            session.ask(founder, "replSetInitiate", document)
        except LoginRefusedError:
            raise error from None
    session.outcome.steps.append(initiation(config))
