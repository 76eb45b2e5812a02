# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# Pure: what a backup is called, what may be restored where, what may follow which version.

from __future__ import annotations

import re
from typing import Any, NamedTuple

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError

SUFFIX = ".tar.zst"
PRIMARY, SECONDARY = 1, 2
SERIES = ("4.4", "5.0", "6.0", "7.0", "8.0")


class Version(NamedTuple):
    """A version of the server."""

    major: int
    minor: int
    patch: int

    @property
    def series(self) -> str:
        """What data files and feature compatibility versions go by."""
        return f"{self.major}.{self.minor}"

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


def parse_version(text: str) -> Version:
    """The version in `6.0.5`, `db version v6.0.5` or a package's `7.0.14-1`."""
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", text)
    if not found:
        raise ScaleoutError(f"no version of MongoDB is in {text[:80]!r}", "version", "it looks like 6.0.5")
    return Version(*(int(number) for number in found.groups()))


def expired(names: list[str], replica_set: str, keep: int) -> list[str]:
    """Of the archives of this set all but the newest; their names are in the order of time."""
    return _of(replica_set, "", names)[:-keep]


def left_over(names: list[str], replica_set: str) -> list[str]:
    """What a backup of this set writes before it is whole."""
    return _of(replica_set, r"(\.json)?\.partial", names)


def _of(replica_set: str, ending: str, names: list[str]) -> list[str]:
    """The files of this set, and of no other whose name begins with the same."""
    pattern = re.compile(rf"{re.escape(replica_set)}-\d{{8}}T\d{{6}}Z{re.escape(SUFFIX)}{ending}")
    return sorted(name for name in names if pattern.fullmatch(name))


def waiting_writers(config: dict[str, Any], status: dict[str, Any], locked: str) -> str:
    """Whose writes wait while this member is locked, and why; empty where they go on."""
    healthy = {one["name"]: one["state"] for one in status["members"] if one.get("health") == 1}
    if healthy.get(locked) == PRIMARY:
        return "it is the primary: all writers wait while it is locked"
    voters = [member for member in config["members"] if member.get("votes", 1)]
    with_data = [member["host"] for member in voters if not member.get("arbiterOnly")]
    needed = min(len(voters) // 2 + 1, len(with_data))
    # Who copies from it has nothing to copy meanwhile, and looks for another source only after half a minute.
    sources = {one["name"]: one.get("syncSourceHost", "") for one in status["members"] if one["state"] != PRIMARY}
    stuck = {locked}
    while more := {name for name, source in sources.items() if source in stuck} - stuck:
        stuck |= more
    left = [name for name in with_data if name not in stuck and healthy.get(name) in (PRIMARY, SECONDARY)]
    if len(left) >= needed:
        return ""
    chained = ", ".join(sorted(stuck - {locked}))
    return (
        f"writers that ask for w: majority wait while it is locked: that needs {needed} voting members with data, and"
        f" {', '.join(left) or 'none'} is left"
        + (f", since {chained} copies from it" if chained else "")
        + "; a third one, or a hidden one without a vote, makes a backup that nobody notices"
    )


def only_journal_changed(said: str) -> bool:
    """Whether all that tar complains of is a file of the journal that changed while it was read.

    The server goes on to write there under the lock; recovery reads up to the first record that is not whole, and
    everything the lock promises lies before it. A change of any other file means that the lock did not hold.
    """
    fine = re.compile(r"tar: \.(/journal(/WiredTiger\w+\.\d+)?)?: [Ff]ile (changed as|removed before) we read it")
    return all(fine.fullmatch(line) for line in said.splitlines())


def check_restorable(manifest: dict[str, Any], program: Version) -> None:
    """Data files are read by the version that wrote them and, with its compatibility, by the next."""
    series = manifest["feature_compatibility_version"]
    if program.series != series and successor(series) != program.series:
        following = successor(series)
        raise ScaleoutError(
            f"the backup has the feature compatibility version {series}, and mongod here is {program}",
            "version",
            f"install a mongod {series}{f' or {following}' if following else ''} first",
        )


def successor(series: str) -> str:
    """The next series, empty where none is known."""
    following = dict(zip(SERIES, SERIES[1:]))
    return following.get(series, "")


def upgrade_problem(running: Version, compatibility: str, target: Version) -> tuple[str, str] | None:
    """Why a member cannot go from the running version to the target, and what to do; None where it can."""
    if target.series == running.series and target >= running:
        return None
    if target < running:
        return (
            f"it runs {running}, and {target} is older: a downgrade is not done here",
            "give the version that runs, or a newer one with the upgrade playbook; to go back restore a backup",
        )
    following = successor(running.series)
    if target.series != following:
        return (
            f"it runs {running}, and {target} skips a version",
            f"upgrade to {following} first, one major version at a time, with the upgrade playbook"
            if following
            else f"no successor of {running.series} is known here",
        )
    if compatibility != running.series:
        return (
            f"its feature compatibility version is {compatibility}; {target} needs that of {running}, {running.series}",
            f"run the upgrade playbook for {running.series} with mongodb_set_fcv=true first",
        )
    return None
