# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides on a release from what all hosts hold; touches nothing. Private to this collection."""

from __future__ import annotations

from collections import Counter

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._release.model import (
    LABEL,
    STAMP,
    Decision,
    Seen,
    Served,
    Wanted,
)


def decide(wanted: Wanted) -> Decision:
    """One release for all hosts. The same input gives the same answer on every host."""
    known = {name: host for name, host in wanted.seen.items() if host is not None}
    unseen = sorted(name for name, host in wanted.seen.items() if host is None)
    missing = [name for name in wanted.play_hosts if name not in known]
    if missing:
        raise ScaleoutError(f"nothing is known of {', '.join(missing)}, which belong to this run", "app_hosts")
    label, why = choose_label(wanted, known, unseen)
    _require_known(wanted, label, known, unseen)

    complete = [name for name, host in known.items() if label in host.releases]
    artifacts = [name for name, host in known.items() if label in host.artifacts]
    build_host = pack_host = None
    if not complete and not artifacts:
        _require_source(wanted, label, unseen)
        build_host = choose_build_host(label, {name: known[name] for name in wanted.play_hosts})
    elif not artifacts:
        pack_host = _prefer(complete, wanted.play_hosts)
    holder = _prefer(artifacts, wanted.play_hosts)
    done = {step for host in known.values() for step in host.steps.get(label, [])}
    # What ran well has had its steps: those that came later are of a newer release.
    steps = [] if label in _verified_by_any(known) else [step for step in wanted.steps if step not in done]
    return Decision(
        label=label,
        made=next((made for host in known.values() for made in [_made(host).get(label)] if made), wanted.stamp),
        running=running_label(known, wanted.before),
        build_host=build_host,
        pack_host=pack_host,
        holder=holder or pack_host or build_host,
        checksum=known[holder].checksums[label] if holder else None,
        receivers=[name for name in wanted.play_hosts if label not in known[name].releases and name != build_host],
        steps=steps,
        step_host=wanted.play_hosts[0] if wanted.play_hosts else None,
        unseen=unseen,
        surplus={name: surplus(known[name], label, wanted.keep) for name in wanted.play_hosts},
        distrusted=distrusted(known, label),
        why=why,
    )


def choose_label(wanted: Wanted, known: dict[str, Seen], unseen: list[str]) -> tuple[str, str]:
    """The label, and why it is this one."""
    if wanted.pinned:
        if not LABEL.fullmatch(wanted.pinned):
            raise ScaleoutError(
                f"{wanted.pinned!r} cannot be the name of a release",
                "app_release",
                "use letters, digits, '.', '_' and '-', at most 64",
            )
        return wanted.pinned, "it is pinned by app_release"
    if wanted.previous:
        return previous_label(known, wanted.before), "it ran before the present one"
    made = _made_by_any(known)
    running = _running(known)
    unfinished = sorted({label for host in known.values() for label in host.unfinished if label not in made})
    if not wanted.new and running:
        label = running_label(known, "")
        return label, f"{running[label]} of {len(known)} hosts run it"
    if not wanted.new and made:
        return max((stamp, label) for label, stamp in made.items())[1], "it is the newest that is complete"
    if unseen and not made:
        raise ScaleoutError(
            f"no release was found, but {', '.join(unseen)} did not answer and may hold one",
            "app_hosts",
            "bring these hosts up, take them out of the inventory for good, or name the release to make in app_release",
        )
    if wanted.new:
        # A name was meant for what was to be built then.
        unfinished = [label for label in unfinished if STAMP.fullmatch(label)]
    if unfinished:
        return unfinished[-1], "an earlier run began to build it"
    return wanted.stamp, "a new one is wanted" if wanted.new else "there is none yet"


def running_label(known: dict[str, Seen], before: str) -> str:
    """What the app runs: `before` where that is there and hosts differ, else what most of them run; empty if none.

    One that was never well anywhere counts only where all are like that: an interrupted run left it behind.
    """
    running, made, well = _running(known), _made_by_any(known), _verified_by_any(known)
    if before in made and running and (len(running) > 1 or not well & set(running)):
        return before
    ranked = [(label in well, count, made[label], label) for label, count in running.items()]
    return max(ranked, default=(False, 0, "", ""))[3]


def distrusted(known: dict[str, Seen], label: str) -> list[str]:
    """Whoever goes back to a release leaves the newer ones for good: the next rollback does not go to one of them."""
    made = _made_by_any(known)
    newer = {name for name in made if label in made and (made[name], name) > (made[label], label)}
    return sorted(newer & _verified_by_any(known))


def previous_label(known: dict[str, Seen], before: str) -> str:
    """The newest release that was made before the running one, and ran well once.

    Where a deploy was interrupted, that is the one of before it.
    """
    made, now = _made_by_any(known), running_label(known, before)
    well = _verified_by_any(known)
    interrupted = now in well and any((made[label], label) > (made[now], now) for label in _running(known))
    older = [(made[label], label) for label in well & made.keys() if now and (made[label], label) < (made[now], now)]
    # Nobody has looked into the deploy lock yet where `before` is empty.
    if interrupted and (now == before or not older):
        return now
    if not older:
        there = ", ".join(sorted(made, key=lambda name: (made[name], name), reverse=True)) or "none"
        raise ScaleoutError(
            f"there is no release that ran before {now or 'the present one, as nothing runs'}. There are: {there}",
            "app_previous_release",
            "name the release that is to run",
        )
    return max(older)[1]


def _running(known: dict[str, Seen]) -> Counter[str]:
    """How many hosts run each release."""
    made = _made_by_any(known)
    return Counter(host.current for host in known.values() if host.current is not None and host.current in made)


def _verified_by_any(known: dict[str, Seen]) -> set[str]:
    return {label for host in known.values() for label in host.verified}


def _made_by_any(known: dict[str, Seen]) -> dict[str, str]:
    return {label: stamp for host in known.values() for label, stamp in _made(host).items()}


def _made(host: Seen) -> dict[str, str]:
    return {**host.artifacts, **host.releases}


def _require_known(wanted: Wanted, label: str, known: dict[str, Seen], unseen: list[str]) -> None:
    """A name that no host holds, while they hold others, may be mistyped. It would be built as if it were new."""
    made = _made_by_any(known)
    begun = {name for host in known.values() for name in host.unfinished}
    if not wanted.pinned or wanted.new or not made or label in made or label in begun:
        return
    newest_first = sorted(made, key=lambda name: (made[name], name), reverse=True)
    raise ScaleoutError(
        f"no host holds the release {label}{_silent(unseen)}. There are: {', '.join(newest_first)}",
        "app_release",
        "name one of these, or make a new one of this name: deploy.yml with webapp_only_apps and webapp_release, or"
        " app_new_release=true where the role is used by itself",
    )


def _require_source(wanted: Wanted, label: str, unseen: list[str]) -> None:
    if wanted.source:
        return
    if wanted.pinned:
        raise ScaleoutError(
            f"no host holds the release {label}{_silent(unseen)}, and there is no source to build it from",
            "app_release",
            "name a release that is there, or set app_source",
        )
    raise ScaleoutError("there is no release yet, and nothing to build one from", "app_source", "set app_source")


def _silent(unseen: list[str]) -> str:
    return f" ({', '.join(unseen)} did not answer)" if unseen else ""


def choose_build_host(label: str, hosts: dict[str, Seen]) -> str:
    """What is built against the oldest C library runs on all; an unfinished build is taken up where it is."""

    def order(name: str) -> tuple[tuple[int, ...], bool]:
        numbers = tuple(int(part) for part in hosts[name].libc.split(".") if part.isdigit())
        return numbers, label not in hosts[name].unfinished

    return min(hosts, key=order)


def _prefer(names: list[str], play_hosts: list[str]) -> str | None:
    here = [name for name in play_hosts if name in names]
    return next(iter(here or names), None)


def kept(host: Seen, label: str, keep: int) -> set[str]:
    """The releases that stay: the wanted, the current, and the newest, those that ran well first."""
    made = _made(host)
    found = {label, host.current or label}
    for name in sorted(made, key=lambda name: (name in host.verified, made[name], name), reverse=True):
        if len(found) >= keep:
            break
        found.add(name)
    return found


def surplus(host: Seen, label: str, keep: int) -> list[str]:
    """Paths below the root that may go."""
    stay = kept(host, label, keep)
    gone = {name for name in [*_made(host), *host.unfinished, *host.steps, *host.verified] if name not in stay}
    paths = [f"{folder}/{name}" for folder in ("releases", "steps", "verified", "logs") for name in gone]
    paths += [f"artifacts/{name}{end}" for name in gone for end in (".tar.zst", ".json")]
    return sorted(paths)


def served(seen: dict[str, Seen | None], pinned: str, keep: int) -> list[Served]:
    """Releases whose static folders belong on the balancers: the wanted one, then what is kept, the newest first."""
    known = {name: host for name, host in seen.items() if host is not None}
    made = _made_by_any(known)
    if not made:
        return []
    first, _why = choose_label(Wanted(seen, [], "", pinned), known, [])
    labels = {name for host in known.values() for name in kept(host, first, keep) if name in made}
    order = sorted(labels, key=lambda name: (name == first, made[name], name), reverse=True)
    holders = {name: next((host for host in known if name in known[host].artifacts), None) for name in order}
    return [Served(name, holder, known[holder].checksums[name] if holder else None) for name, holder in holders.items()]
