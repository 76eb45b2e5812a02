# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster does just now, as text. Pure. Private to this collection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

Facts = Mapping[str, Mapping[str, Any]]
UNREACHED = "not reached"
AGREES = "agrees"
# Of what a run that did not end well said last.
LINES = 5


def status_text(plan: Mapping[str, Any], seen: Facts, secrets: Mapping[str, Mapping[str, Any]] | None = None) -> str:
    """A table for each app, a line an instance, then the deploy lock, the virtual IP and the secrets.

    `seen` has for each host that answered what was found there: `instances` as app_instances_info returns them,
    `checks` as http_health does, `servers` as nginx_info does, `pages` the sites of which a balancer shows the
    maintenance page, `lock` and `lock_dead` as deploy_lock's `found` and `dead`, `jobs` as singleton_cron's `last` by
    app, `leases` as `cron-guard history --json` says, or `leases_problem` where it could not, and `addresses`.
    `secrets` is shared_secrets_report of the role shared_secrets.
    """
    lines: list[str] = []
    for name, app in plan["apps"].items():
        lines += [*_app(name, app, plan, seen), *_maintenance(name, seen), *_jobs(name, app, seen), ""]
    return "\n".join([*lines, *_guards(seen), _lock(seen), *_virtual_ip(plan, seen), *_secrets(secrets or {})]) + "\n"


def _app(name: str, app: Mapping[str, Any], plan: Mapping[str, Any], seen: Facts) -> Iterator[str]:
    balancers = [host for host, item in plan["hosts"].items() if "loadbalancer" in item["groups"]]
    rows = [["instance", "release", "health", *balancers]]
    for service, item in app["services"].items():
        for instance in item["instances"]:
            host, port = instance["host"], instance["port"]
            found = seen.get(host, {})
            rows.append(
                [
                    f"{host}:{port} {service}",
                    _release(found, name, service, port),
                    _health(found, plan["hosts"][host]["address"], port, item),
                    *(
                        _balanced(seen.get(balancer, {}), f"{name}-{service}", f"{host}-{port}")
                        for balancer in balancers
                    ),
                ]
            )
    releases = sorted({row[1] for row in rows[1:]})
    yield f"{name}: {' and '.join(releases) or 'no instances'}"
    yield from _table(rows)


def _release(found: Mapping[str, Any], app: str, service: str, port: int) -> str:
    if "instances" not in found:
        return UNREACHED
    unit = f"{app}-{service}@{port}.service"
    mine = next((item for item in found["instances"] if item["unit"] == unit), None)
    if mine is None:
        return "not there"
    return str(mine["release"] or "?") if mine["running"] else "stopped"


def _health(found: Mapping[str, Any], address: str, port: int, service: Mapping[str, Any]) -> str:
    if "checks" not in found:
        return UNREACHED
    if not service["health"].get("path"):
        return "no check"
    start = f"http://{address}:{port}/"
    problems = [item["problem"] for item in found["checks"] if item["url"].startswith(start)]
    return problems[0] or "well" if problems else "?"


def _balanced(found: Mapping[str, Any], upstream: str, server: str) -> str:
    if "servers" not in found:
        return UNREACHED
    for item in found["servers"]:
        if (item["upstream"], item["name"]) == (upstream, server):
            return f"{item['state']} ({item['reason']})" if item["reason"] else str(item["state"])
    return "-"


def _maintenance(name: str, seen: Facts) -> Iterator[str]:
    """On which balancers visitors get the page, and on which they do not."""
    balancers = {host: found["pages"] for host, found in seen.items() if "pages" in found}
    on = [host for host, pages in balancers.items() if name in pages]
    off = [host for host in balancers if host not in on]
    if on:
        yield f"  maintenance page on {', '.join(on)}" + (f", and not on {', '.join(off)}" if off else "")


def _jobs(name: str, app: Mapping[str, Any], seen: Facts) -> Iterator[str]:
    """Of each job and each host that has it the last run there; of one behind a guard the last run anywhere.

    What a guarded run said last is kept, and shown if it did not end well.
    """
    if not app["jobs"]:
        return
    rows = [["job", "strategy", "host", "last run (UTC)", "outcome", "next"]]
    said: list[str] = []
    for job in app["jobs"]:
        key = job["cron"]["id"]
        there = {host: found["jobs"][name][key] for host, found in seen.items() if key in _jobs_of(found, name)}
        run = _last_run(f"{name}/{key}", seen) if job["strategy"] == "lease" else None
        if run is not None or (job["strategy"] == "lease" and there):
            next_ = min((one["next"] for one in there.values() if one["next"]), default=None)
            rows.append([key, "lease", *_lease(run), _time(next_) if there else UNREACHED])
            said += _said(key, run)
        else:
            rows += [
                [key, job["strategy"], host, _time(last["started"]), _outcome(last), _time(last["next"])]
                for host, last in there.items()
            ] or [[key, job["strategy"], "nobody that answered has it", "-", "-", "-"]]
    yield from _table(rows)
    yield from said


def _jobs_of(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return dict(found.get("jobs", {}).get(name, {}))


def _last_run(job: str, seen: Facts) -> Mapping[str, Any] | None:
    """As the first host says that could ask the store; empty if there was none, nothing if no host could."""
    told = next((found["leases"][job] for found in seen.values() if job in found.get("leases", {})), None)
    return None if told is None else dict(*told[-1:])


def _lease(run: Mapping[str, Any] | None) -> list[str]:
    """Host, time and outcome."""
    if not run:
        return ["not known" if run is None else "-", "-", "-"]
    parts = [
        run["state"],
        "" if run["exit_code"] is None else f"exit code {run['exit_code']}",
        "" if run["seconds"] is None else f"{run['seconds']:g} s",
        "stopped at its limit" if run["timed_out"] else "",
        run["why"],
    ]
    return [str(run["node"]), str(run["fire"]).replace("T", " ").rstrip("Z"), ", ".join(part for part in parts if part)]


def _guards(seen: Facts) -> Iterator[str]:
    """What guards said that could not ask their store, and on which hosts."""
    hosts: dict[str, list[str]] = {}
    for host, found in seen.items():
        if "leases_problem" in found:
            hosts.setdefault(found["leases_problem"], []).append(host)
    for problem, there in hosts.items():
        yield f"no last runs of guarded jobs from {' and '.join(there)}: {problem}"


def _said(job: str, run: Mapping[str, Any] | None) -> Iterator[str]:
    if run and run["tail"] and (run["exit_code"] or run["timed_out"] or run["why"]):
        yield f"  {job} said last:"
        yield from (f"    {line}" for line in run["tail"].splitlines()[-LINES:])


def _outcome(last: Mapping[str, Any]) -> str:
    if last["running"]:
        return "running"
    if last["started"] is None:
        return "not since the host started"
    return "well" if last["result"] == "success" else f"{last['result']}, exit code {last['exit_code']}"


def _time(seconds: int | None) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S") if seconds else "-"


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()


def _lock(seen: Facts) -> str:
    for host, found in seen.items():
        lock = found.get("lock") or {}
        if lock:
            dead = ". That run is dead: the next deploy or site takes the lock over" if found.get("lock_dead") else ""
            return f"deploy lock: {lock['owner']} since {lock['since']} ({lock['reason']}), on {host}{dead}"
    return "deploy lock: free"


def _virtual_ip(plan: Mapping[str, Any], seen: Facts) -> Iterator[str]:
    if plan["vip"]:
        address = plan["vip"]["address"]
        holders = [host for host, found in seen.items() if address in found.get("addresses", ())]
        yield f"virtual IP {address}: {' and '.join(holders) or 'nobody has it'}"


def _secrets(secrets: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """A line for each, by the fingerprints of this run, then why hosts that answered could not be read.

    Hosts that could not be asked are no disagreement.
    """
    if not secrets:
        return
    rows = [["secret", "version", "since", "hosts"]]
    for name, secret in secrets.items():
        states: dict[str, list[str]] = {}
        for host, holder in secret["holders"].items():
            states.setdefault(_holds(holder), []).append(host)
        shown = [f"{', '.join(hosts)} {state}".strip() for state, hosts in states.items() if state != AGREES]
        rows.append(
            [
                name,
                str(secret["version"] or "-"),
                secret["changed_at"] or "adopted",
                "; ".join(shown) or f"all {len(secret['holders'])} agree",
            ]
        )
    yield ""
    yield "secrets:"
    yield from _table(rows)
    holders = [holder for secret in secrets.values() for holder in secret["holders"].values()]
    yield from dict.fromkeys(f"  {holder['mistake']}" for holder in holders if holder["mistake"])


def _holds(holder: Mapping[str, Any]) -> str:
    """What one host has; of another value its mark, which is that of this run only."""
    if holder["state"] == "differs":
        return f"differs ({holder['fingerprint']})"
    return {"absent": "has none", "unseen": UNREACHED, "unread": "could not be read"}.get(holder["state"], AGREES)
