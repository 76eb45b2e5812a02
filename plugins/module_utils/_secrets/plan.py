# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides on one value for each secret, from what its holders showed; touches nothing. Private to this collection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._secrets.model import (
    Decision,
    Prints,
    Record,
    Secret,
    Shown,
)


def decide(
    secret: Secret,
    shown: Mapping[str, Shown | None],
    in_run: Collection[str],
    now: str,
    generate: Callable[[Secret], str],
    prints: Prints,
) -> Decision:
    """Source order: the given value, that of the majority of the holders, a new one.

    `shown` has None for a holder that was not seen. Only those `in_run` are written to.
    """
    seen = {host: found for host in secret.holders for found in [shown.get(host)] if found is not None}
    unseen = [host for host in secret.holders if host not in seen]
    try:
        _check_readable(secret, seen)
        value, source = _choose(secret, seen, unseen, generate, prints)
        states = {host: state(seen.get(host), value) for host in secret.holders}
        record = _record(value, source, seen, now)
        if source == "nodes":
            _check_sure(secret, seen, unseen, [host for host in in_run if states.get(host) == "absent"])
    except ScaleoutError as problem:
        states = {host: _state_undecided(seen.get(host)) for host in secret.holders}
        return Decision(secret, None, "none", None, states, (), problem)
    writes = tuple(
        host
        for host in secret.holders
        if host in in_run and (states[host] != "agrees" or seen[host].mend or seen[host].record != record)
    )
    return Decision(secret, value, source, record, states, writes)


def state(found: Shown | None, value: str) -> str:
    """How a holder stands to the value."""
    if found is None:
        return "unseen"
    if found.holds(value):
        return "agrees"
    others = any(other not in (None, value) for other in found.values)
    return "differs" if others else "absent"


def _state_undecided(found: Shown | None) -> str:
    if found is None:
        return "unseen"
    return "absent" if found.empty and not found.problems else "differs"


def _check_readable(secret: Secret, seen: Mapping[str, Shown]) -> None:
    """A file that is not understood may hold the value, and is never written over."""
    problems = [f"{host}: {problem}" for host, found in seen.items() for problem in found.problems]
    if problems:
        raise ScaleoutError(f"{'; '.join(problems)}", secret.name)


def _choose(
    secret: Secret,
    seen: Mapping[str, Shown],
    unseen: Sequence[str],
    generate: Callable[[Secret], str],
    prints: Prints,
) -> tuple[str, str]:
    if secret.value is not None:
        _check_replaced(secret, seen, prints)
        return secret.value, "given"
    value = majority(seen.values(), len(unseen))
    known = {value for found in seen.values() for value in found.values if value is not None}
    if len(known) == 1:
        return known.pop(), "nodes"
    if value is not None:
        return value, "nodes"
    if known:
        raise _tie(secret, seen, unseen, prints)
    if unseen:
        raise ScaleoutError(
            f"no holder that was seen has a value, and {', '.join(unseen)} could not be asked",
            secret.name,
            "make those hosts reachable, take them from the holders, or give the value",
        )
    if not secret.generate:
        raise ScaleoutError(
            f"none of its holders has a value, and none is made for it: {', '.join(secret.holders)}",
            secret.name,
            "give its value, in an encrypted file",
        )
    return generate(secret), "generated"


def _check_replaced(secret: Secret, seen: Mapping[str, Shown], prints: Prints) -> None:
    """Who reads the secret would know another one than who checks it."""
    there = majority(seen.values(), 0)
    if not secret.replace and secret.value is not None and there not in (None, secret.value):
        hosts = [host for host, found in seen.items() if found.vote == there]
        raise ScaleoutError(
            f"the given value ({prints(secret.name, secret.value)}) is another one than that of"
            f" {', '.join(hosts)} ({prints(secret.name, there)})",
            secret.name,
            "change it by a rotation, or give the value that is there, or none",
        )


def majority(seen: Collection[Shown], unseen: int) -> str | None:
    """The value of more than half of the holders that have one or may have one."""
    votes = Counter(found.vote for found in seen if found.vote is not None)
    value, most = votes.most_common(1)[0] if votes else (None, 0)
    full = sum(not found.empty for found in seen)
    return value if 2 * most > full + unseen else None


def _check_sure(secret: Secret, seen: Mapping[str, Shown], unseen: Sequence[str], empty: Sequence[str]) -> None:
    """An empty holder is filled only with what stays the majority's whatever the unseen ones hold."""
    if empty and majority(seen.values(), len(unseen)) is None:
        raise ScaleoutError(
            f"{', '.join(empty)} has no value, and whether that of the others is the right one cannot be told while"
            f" {', '.join(unseen)} cannot be asked",
            secret.name,
            "make those hosts reachable, take them from the holders, or give the value",
        )


def _tie(secret: Secret, seen: Mapping[str, Shown], unseen: Sequence[str], prints: Prints) -> ScaleoutError:
    places: dict[str, list[str]] = {}
    for host, found in seen.items():
        files = secret.files_on(host)
        for file, value in zip(files, found.values):
            if value is not None:
                where = host if found.vote is not None else f"{host}: {file}"
                places.setdefault(value, []).append(where)
    said = "; ".join(
        f"{prints(secret.name, value)} on {', '.join(dict.fromkeys(where))}" for value, where in places.items()
    )
    more = f"; {', '.join(unseen)} could not be asked" if unseen else ""
    return ScaleoutError(
        f"its holders disagree, and no value is on more than half of them: {said}{more}",
        secret.name,
        "give the right value, or remove the wrong ones from their files",
    )


def _record(value: str, source: str, seen: Mapping[str, Shown], now: str) -> Record | None:
    """That of the value, where one is known; a new one where the value is new to holders."""
    own = [found.record for found in seen.values() if found.record and found.vote == value]
    if own:
        return max(own, key=lambda record: (record.version, record.changed_at))
    if source == "nodes" or (seen and all(found.holds(value) for found in seen.values())):
        return None
    return Record(max((found.last for found in seen.values()), default=0) + 1, now)
