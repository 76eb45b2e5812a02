# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# What the members run, and the feature compatibility version of their set.

from __future__ import annotations

import time
from dataclasses import dataclass

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.client import Commands
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.codes import PASSING, PAUSE
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.model import ServerError, UnreachableError
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb_backup.model import (
    Version,
    parse_version,
    upgrade_problem,
)

# From it on the server wants to be told that the way back is closed.
CONFIRMED_FROM = Version(7, 0, 0)


@dataclass(frozen=True)
class Found:
    """What runs."""

    primary: str
    compatibility: str
    pending: str
    running: dict[str, Version]


def look(client: Commands, seed: str) -> Found:
    """Ask every member with data."""
    hello = client.command(seed, "hello", login=False)
    if not hello.get("primary"):
        raise ScaleoutError("it knows no primary", seed, "see that a majority of the voting members runs")
    members = client.command(hello["primary"], "replSetGetConfig")["config"]["members"]
    names = [member["host"] for member in members if not member.get("arbiterOnly")]
    # A member that still copies the data knows no users.
    running = {name: parse_version(str(client.command(name, "buildInfo", login=False)["version"])) for name in names}
    known = client.command(hello["primary"], "getParameter", 1, featureCompatibilityVersion=1)
    compatibility = known["featureCompatibilityVersion"]
    return Found(hello["primary"], compatibility["version"], compatibility.get("targetVersion", ""), running)


def check_upgrade(found: Found, target: str) -> None:
    """Refuse a version that a member cannot go to."""
    # Half-way between two a member may go on with a program of the version that it runs, and no other.
    if found.pending and any(version.series != parse_version(target).series for version in found.running.values()):
        raise ScaleoutError(
            f"a change of the feature compatibility version to {found.pending} has not come to its end",
            found.primary,
            "finish it first: the upgrade playbook with mongodb_set_fcv=true and the version that runs",
        )
    for name, version in found.running.items():
        problem = upgrade_problem(version, found.compatibility, parse_version(target))
        if problem:
            raise ScaleoutError(problem[0], name, problem[1])


def check_settable(found: Found, wanted: str) -> None:
    """Only up, and only when all members run it."""
    others = [f"{name} runs {version}" for name, version in found.running.items() if version.series != wanted]
    if others:
        raise ScaleoutError(
            f"not all members run {wanted}: {', '.join(others)}", "version", "upgrade them first, or leave it as it is"
        )


def set_version(client: Commands, seed: str, found: Found, wanted: str, seconds: float) -> None:
    """Set it on the primary, whoever that is by then. What was interrupted is taken up by the same command."""
    confirm = {"confirm": True} if min(found.running.values()) >= CONFIRMED_FROM else {}
    deadline = time.monotonic() + seconds
    while True:
        try:
            primary = client.command(seed, "hello", login=False).get("primary", found.primary)
            client.command(primary, "setFeatureCompatibilityVersion", wanted, **confirm)
            return
        except (ServerError, UnreachableError) as error:
            # An election, or a step of somebody else's that is under way; it can be asked for again.
            passes = not isinstance(error, ServerError) or error.code in PASSING
            if not passes or time.monotonic() > deadline:
                raise
            time.sleep(PAUSE)
