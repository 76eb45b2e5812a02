# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which secrets a run is to change, and what stores and apps are told in each phase. Pure. Private to this collection.

The old value and the new one stand in a journal on the hosts, from before anything is told the new one until nobody
knows the old one. A run that was killed is begun again from the first phase, wherever it was: each phase leaves alone
what is so already, and takes nothing from an app that is further.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.jobs import LEASES
from ansible_collections.scaleout.webapp.plugins.plugin_utils._references import user_reference
from ansible_collections.scaleout.webapp.plugins.plugin_utils._schema import suggestion

KINDS = ("app", "mongodb_admin", "mongodb_keyfile", "mongodb_user", "redis_user")
ALL = "all"
PARTS = ("old", "new")
# What the phases are called, in their order. In the second and the fourth the apps are told, else the stores.
PHASES = ("both", "switch", "main", "back", "drop")
NOTICES = {
    "leases": "the guards of scheduled jobs are told twice; a job that runs meanwhile may be recorded as lost",
    "mongodb_admin": "nobody but the playbooks logs in with it",
    "mongodb_keyfile": "the members of the replica set restart twice, one after the other",
    "mongodb_user": "the instances of its app restart twice, one after the other; a scheduled job that"
    " runs meanwhile may fail",
    "redis_user": "the instances of its app restart, one after the other",
    "app": "the instances of its app restart, one after the other",
}
LEASES_SECRET = f"{LEASES}_mongodb_password"
# The second user of a database while its app changes from one password to the other; no app can be called so.
SECOND_USER = ".next"


def journal_name(secret: str, part: str) -> str:
    """What the journal calls one of the two values."""
    return f"{secret}, {part}"


def choose(
    secrets: Sequence[Mapping[str, Any]],
    report: Mapping[str, Mapping[str, Any]],
    journal: Mapping[str, Mapping[str, Any]],
    unchanged: Sequence[str],
    given: Sequence[str],
    wanted: Sequence[str],
    older_than: str,
    begun: bool,
    now: datetime,
) -> dict[str, Any]:
    """The secrets to change: those of an interrupted run, and those wanted, by name, kind, age in days or `all`.

    `secrets` is that of the plan, `report` and `journal` are shared_secrets_report of the values and of the journal.
    `begun` is whether some host has a journal. `given` are those of which the inventory has the value, `unchanged`
    those of them of which it has the present one.
    The result has `names`, `resumed`, `notices` of those who will notice something, `left` with what is not changed and
    why, and `problems`, with which nothing may be begun.
    """
    found = {secret["name"]: secret for secret in secrets}
    resumed = sorted({name for name in found if _begun(journal, name)})
    problems = [str(problem) for problem in _unknown(found, wanted)]
    if older_than and not older_than.isdigit():
        problems.append(f"webapp_rotate_older_than is {older_than!r}: give a number of days")
    days = int(older_than) if older_than.isdigit() else None
    if not wanted and not older_than and not resumed and not begun:
        problems.append(
            "nothing is wanted: name secrets or kinds in webapp_rotate, or an age in webapp_rotate_older_than"
        )
    names, left = list(resumed), []
    for name, secret in found.items():
        by_name = name in wanted
        if name in resumed or not (by_name or _matches(secret, report.get(name, {}), wanted, days, now)):
            continue
        why = _obstacle(secret, name in given, name in unchanged)
        if not why:
            names.append(name)
        elif by_name:
            problems.append(f"{name}: {why}")
        else:
            left.append(f"{name}: {why}")
    for name, state in report.items():
        if name not in resumed:
            problems += _unsettled(name, state, name in names)
    names.sort()
    return {
        "names": names,
        "resumed": resumed,
        "left": left,
        "problems": problems,
        "notices": [f"{name} ({found[name]['used_by']}): {_notice(found[name])}" for name in names],
    }


def _begun(journal: Mapping[str, Mapping[str, Any]], name: str) -> bool:
    """Whether a host has a part of it in its journal."""
    states = [holder["state"] for part in PARTS for holder in journal[journal_name(name, part)]["holders"].values()]
    return any(state not in ("absent", "unseen", "unread") for state in states)


def _unknown(found: Mapping[str, Any], wanted: Sequence[str]) -> Iterator[ScaleoutError]:
    known = [*found, *KINDS, ALL]
    for word in wanted:
        if word not in known:
            yield ScaleoutError(f"there is no secret {word}", "webapp_rotate", suggestion(word, known))


def _matches(
    secret: Mapping[str, Any],
    state: Mapping[str, Any],
    wanted: Sequence[str],
    older_than: int | None,
    now: datetime,
) -> bool:
    """Not by its name. With an age it has to be that old too; one that was adopted may have any age."""
    if wanted and not {ALL, secret["kind"]} & set(wanted):
        return False
    if older_than is None:
        return bool(wanted)
    since = state.get("changed_at")
    return not since or datetime.strptime(since, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc) <= now - timedelta(
        days=older_than
    )


def _obstacle(secret: Mapping[str, Any], given: bool, unchanged: bool) -> str:
    if not secret["rotate"]:
        return f"what it was used for does not survive a change ({secret['used_by']})"
    if unchanged:
        return "webapp_secrets has the value of now: write the new one there, or take it out to have one made"
    if not given and not secret["generate"]:
        return "its value is not made here: write the new one into webapp_secrets"
    return ""


def _unsettled(name: str, state: Mapping[str, Any], chosen: bool) -> Iterator[str]:
    behind = [host for host, holder in state["holders"].items() if holder["state"] != "agrees"]
    if state["problem"]:
        yield str(state["problem"])
    elif behind and chosen:
        yield f"{name}: {', '.join(behind)} has no value, or another one. Run site.yml first"


def _notice(secret: Mapping[str, Any]) -> str:
    kind = "leases" if secret["name"] == LEASES_SECRET else secret["kind"]
    return NOTICES[kind] + (f"; {secret['notice']}" if secret["notice"] else "")


def phases(kinds: Sequence[str]) -> list[str]:
    """Those that secrets of these kinds need."""
    stores = [kind for kind in kinds if kind != "app"]
    needed = {
        "both": bool(stores),
        "switch": bool({"app", "mongodb_user", "redis_user"} & set(kinds)),
        "main": "mongodb_user" in kinds,
        "back": "mongodb_user" in kinds,
        "drop": bool(stores),
    }
    return [phase for phase in PHASES if needed[phase]]


def values(
    now: Mapping[str, str], rotation: Mapping[str, Mapping[str, str]], users: Sequence[Mapping[str, Any]], phase: str
) -> dict[str, str]:
    """The values for the references of the plan in a phase, from those of now and from `rotation`, by name of secret.

    `users` are those of the database, whose names the references of the plan leave open. In a keyfile are both keys
    until the last phase: members know each other if they have one in common (MongoDB's manual, "Rotate Keys for
    Replica Sets").
    """
    found = dict(now)
    for name, secret in rotation.items():
        old, new = secret["old"], secret["new"]
        both = secret["kind"] == "mongodb_keyfile" and phase != "drop"
        found[name] = f"- {_one_key(old)}\n- {_one_key(new)}" if both else new
        found[journal_name(name, "old")] = old
    for user in users:
        second = phase == "switch" and _password(user) in rotation
        found[user_reference(_password(user))] = user["name"] + SECOND_USER if second else user["name"]
    return found


def _one_key(text: str) -> str:
    """Of a list of keys the last one. Blanks do not count in a key, and would end an entry of a list."""
    return "".join(text.rpartition("-")[2].split())


def database_users(users: Sequence[Mapping[str, Any]], names: Sequence[str], phase: str) -> list[dict[str, Any]]:
    """The users of the plan, and the second ones while there are some. `names` are those of the secrets that change.

    In the first phase the password of the user itself may be either one.
    """
    found = []
    for user in users:
        if _password(user) not in names:
            found.append(dict(user))
            continue
        bare = {key: value for key, value in user.items() if key != "password"}
        found.append(bare if phase == "both" else dict(user))
        second = {"state": "absent"} if phase == "drop" else {"password": user["password"]}
        found.append({**bare, "name": user["name"] + SECOND_USER, **second})
    return found


def cache_users(users: Sequence[Mapping[str, Any]], names: Sequence[str], phase: str) -> list[dict[str, Any]]:
    """The users of Redis, which know a second password until all apps have the new one."""
    return [
        {**user, "password_before": f"${{secrets.{journal_name(_password(user), 'old')}}}"}
        if _password(user) in names and phase != "drop"
        else dict(user)
        for user in users
    ]


def _password(user: Mapping[str, Any]) -> str:
    """Of the secret that is the password of a user."""
    return str(user["password"]).removeprefix("${secrets.").removesuffix("}")
