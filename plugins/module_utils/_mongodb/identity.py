# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# Two sets may have one name: who is in which.

from __future__ import annotations

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.codes import PAUSE
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.model import Config, Live
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.session import Session

HEARTBEAT_SECONDS = 20


def check_identities(session: Session, live: Live) -> None:
    """The primary tells who is in this set; any other listed one shows its own configuration."""
    members = []
    for name in session.names:
        if live.config.find(name):
            members += [name] if live.states[name] == "member" else []
        elif live.states[name] in ("member", "removed"):
            _check_stranger(session, name, live)
    check_heartbeats(session, members, live.primary)


def _check_stranger(session: Session, name: str, live: Live) -> None:
    try:
        config = Config.of(session.ask(name, "replSetGetConfig")["config"])
    except ScaleoutError as error:
        raise ScaleoutError(
            f"it is in some replica set {session.wanted.name}, and which one cannot be read: {error.what}",
            name,
            "wipe it, if it is meant to join",
        ) from error
    if config.identity != live.config.identity:
        raise ScaleoutError(
            f"it belongs to another replica set of the same name {session.wanted.name}: its identity is"
            f" {config.identity}, that of {live.primary} is {live.config.identity}",
            name,
            "list members of one set only, or wipe it, if it is meant to join",
        )
    # What was removed long ago remembers numbers that the others may have forgotten.
    session.given |= config.given


def check_heartbeats(session: Session, names: list[str], primary: str) -> None:
    """Until the primary has seen them all in good health."""
    until = min(session.deadline, session.clock() + HEARTBEAT_SECONDS)
    recent = primary
    while True:
        states = session.statuses(recent)
        recent = ""
        unwell = {name: states.get(name, {}) for name in names if states.get(name, {}).get("health") != 1}
        if not unwell:
            return
        for name, state in unwell.items():
            said = state.get("lastHeartbeatMessage") or "no word from it"
            if "IDs do not match" in said or session.clock() >= until:
                raise ScaleoutError(
                    f"it runs, but the primary {primary} does not take it for its member: {said}",
                    name,
                    "wipe it if it belongs to another set of the same name; else see that the members reach each other",
                )
        session.sleep(PAUSE)
