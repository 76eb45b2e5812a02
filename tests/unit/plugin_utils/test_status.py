# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What status.yml shows."""

from __future__ import annotations

from typing import Any

from ansible_collections.scaleout.webapp.plugins.plugin_utils._status import status_text

PLAN: dict[str, Any] = {
    "apps": {
        "www": {
            "jobs": [],
            "services": {
                "web": {
                    "health": {"path": "/healthz"},
                    "instances": [{"host": "a1", "port": 3000}, {"host": "a2", "port": 3000}],
                }
            },
        }
    },
    "hosts": {
        "a1": {"address": "192.0.2.1", "groups": ["app"]},
        "a2": {"address": "192.0.2.2", "groups": ["app"]},
        "b1": {"address": "192.0.2.3", "groups": ["loadbalancer"]},
        "b2": {"address": "192.0.2.4", "groups": ["loadbalancer"]},
    },
    "vip": {"address": "192.0.2.10"},
}


def instance(release: str, running: bool = True) -> dict[str, Any]:
    return {"unit": "www-web@3000.service", "release": release, "running": running}


def server(host: str, state: str = "active", reason: str = "") -> dict[str, str]:
    return {"upstream": "www-web", "name": f"{host}-3000", "state": state, "reason": reason}


def check(address: str, problem: str = "") -> dict[str, str]:
    return {"url": f"http://{address}:3000/healthz", "problem": problem}


def test_all_is_well() -> None:
    seen: dict[str, dict[str, Any]] = {
        "a1": {"instances": [instance("v1")], "checks": [check("192.0.2.1")], "lock": {}},
        "a2": {"instances": [instance("v1")], "checks": [check("192.0.2.2")]},
        "b1": {"servers": [server("a1"), server("a2")], "addresses": ["192.0.2.3", "192.0.2.10"]},
        "b2": {"servers": [server("a1"), server("a2")], "addresses": ["192.0.2.4"]},
    }
    assert status_text(PLAN, seen).splitlines() == [
        "www: v1",
        "  instance     release  health  b1      b2",
        "  a1:3000 web  v1       well    active  active",
        "  a2:3000 web  v1       well    active  active",
        "",
        "deploy lock: free",
        "virtual IP 192.0.2.10: b1",
    ]


def test_a_maintenance_page_that_not_all_balancers_show_is_told() -> None:
    both: dict[str, dict[str, Any]] = {"b1": {"pages": ["www"]}, "b2": {"pages": ["www"]}}
    assert "  maintenance page on b1, b2" in status_text(PLAN, both).splitlines()
    one: dict[str, dict[str, Any]] = {"b1": {"pages": []}, "b2": {"pages": ["www"]}, "a1": {}}
    assert "  maintenance page on b2, and not on b1" in status_text(PLAN, one).splitlines()
    assert "maintenance" not in status_text(PLAN, {"b1": {"pages": ["other"]}})


def test_what_is_not_well_is_named() -> None:
    lock = {"owner": "alice@ops", "since": "2026-11-21T10:11:12Z", "reason": "deploy of www"}
    seen: dict[str, dict[str, Any]] = {
        "a1": {"instances": [instance("v2")], "checks": [check("192.0.2.1", "answered 500, not 200")], "lock": lock},
        "a2": {},
        "b1": {"servers": [server("a1", "drained", "restart of www")], "addresses": []},
    }
    assert status_text(PLAN, seen).splitlines() == [
        "www: not reached and v2",
        "  instance     release      health                 b1                        b2",
        "  a1:3000 web  v2           answered 500, not 200  drained (restart of www)  not reached",
        "  a2:3000 web  not reached  not reached            -                         not reached",
        "",
        "deploy lock: alice@ops since 2026-11-21T10:11:12Z (deploy of www), on a1",
        "virtual IP 192.0.2.10: nobody has it",
    ]


def test_a_lock_of_a_dead_run_is_marked() -> None:
    lock = {"owner": "alice@ops", "since": "2026-11-21T10:11:12Z", "reason": "deploy of www"}
    told = "deploy lock: alice@ops since 2026-11-21T10:11:12Z (deploy of www), on b1"
    assert told in status_text(PLAN, {"b1": {"lock": lock, "lock_dead": False}}).splitlines()
    dead = f"{told}. That run is dead: the next deploy or site takes the lock over"
    assert dead in status_text(PLAN, {"b1": {"lock": lock, "lock_dead": True}}).splitlines()


def test_a_process_that_is_gone_runs_nothing() -> None:
    found: dict[str, dict[str, Any]] = {
        "a1": {"instances": [instance("", running=False)], "checks": []},
        "a2": {"instances": [], "checks": []},
    }
    rows = status_text(PLAN, found).splitlines()
    assert rows[2].split()[2:4] == ["stopped", "?"]
    assert rows[3].split()[2:5] == ["not", "there", "?"]


def test_secrets_by_mark_and_never_by_value() -> None:
    def holder(state: str, fingerprint: str = "aaaa", mistake: str = "") -> dict[str, str]:
        return {"state": state, "fingerprint": fingerprint, "mistake": mistake}

    broken = holder("unread", "", "b2: it is no record")

    secrets: dict[str, dict[str, Any]] = {
        "www_all": {"version": 1, "changed_at": "2026-11-21T10:00:00Z", "holders": {"a1": holder("agrees")}},
        "www_key": {
            "version": 2,
            "changed_at": "2026-11-21T10:00:00Z",
            "holders": {"a1": holder("agrees"), "a2": holder("agrees"), "b2": broken},
        },
        "www_old": {
            "version": None,
            "changed_at": None,
            "holders": {"a1": holder("differs", "bbbb"), "a2": holder("absent", ""), "b1": holder("unseen", "")},
        },
    }
    assert status_text(PLAN, {}, secrets).splitlines()[-6:] == [
        "secrets:",
        "  secret   version  since                 hosts",
        "  www_all  1        2026-11-21T10:00:00Z  all 1 agree",
        "  www_key  2        2026-11-21T10:00:00Z  b2 could not be read",
        "  www_old  -        adopted               a1 differs (bbbb); a2 has none; b1 not reached",
        "  b2: it is no record",
    ]


def guarded(**more: Any) -> dict[str, Any]:
    """A run as the guard tells it."""
    run = {"node": "a2", "fire": "2026-01-01T00:10:00Z", "state": "finished", "seconds": 2.5, "timed_out": False}
    return {**run, "why": "", "tail": "", **more}


def test_runs_that_did_not_end_well_and_what_they_said() -> None:
    jobs = [{"strategy": "lease", "cron": {"id": name}} for name in ("mail", "clean", "first", "unasked")]
    plan = {**PLAN, "apps": {"www": {**PLAN["apps"]["www"], "jobs": jobs}}}
    mail = guarded(exit_code=-15, timed_out=True, tail="\n".join(f"letter {at}" for at in range(20)))
    clean = guarded(
        state="running", exit_code=None, seconds=None, why="no sign of life since 2026-01-01T00:10:04Z", tail=""
    )
    seen = {"a1": {"leases": {"www/mail": [mail], "www/clean": [clean], "www/first": []}}}
    lines = status_text(plan, seen).splitlines()
    assert "  2026-01-01 00:10:00  finished, exit code -15, 2.5 s, stopped at its limit  " in lines[5]
    assert "  2026-01-01 00:10:00  running, no sign of life since 2026-01-01T00:10:04Z  " in lines[6]
    assert lines[7].split()[:5] == ["first", "lease", "-", "-", "-"]
    assert lines[8].split()[:8] == ["unasked", "lease", "nobody", "that", "answered", "has", "it", "-"]
    assert lines[9:16] == ["  mail said last:", *(f"    letter {at}" for at in range(15, 20)), ""]


def test_a_silent_store_hides_only_when_guarded_jobs_ran() -> None:
    jobs = [{"strategy": "lease", "cron": {"id": "mail"}}]
    plan = {**PLAN, "apps": {"www": {**PLAN["apps"]["www"], "jobs": jobs}}}
    due = {"running": False, "started": None, "result": None, "exit_code": None, "next": 1767312000}
    silent = "cron-guard: the store does not answer: h1:27017: timed out"
    found = {"instances": [instance("v1")], "jobs": {"www": {"mail": due}}, "leases_problem": silent}
    lines = status_text(plan, {"a1": found, "a2": found}).splitlines()
    assert lines[0] == "www: v1"
    assert lines[5].split() == ["mail", "lease", "not", "known", "-", "-", "2026-01-02", "00:00:00"]
    assert lines[7:9] == [f"no last runs of guarded jobs from a1 and a2: {silent}", "deploy lock: free"]


def test_jobs_and_how_they_ended() -> None:
    jobs = [{"strategy": strategy, "cron": {"id": name}} for name, strategy in (("clean", "single"), ("mail", "lease"))]
    plan = {**PLAN, "apps": {"www": {**PLAN["apps"]["www"], "jobs": jobs}}}
    never = {"running": False, "started": None, "result": None, "exit_code": None, "next": 1767312000}
    failed = {**never, "started": 1767225600, "result": "exit-code", "exit_code": 3}
    mail = guarded(exit_code=0, tail="sent")
    seen = {
        "a1": {"jobs": {"www": {"clean": failed, "mail": never}}, "leases": {"www/mail": [mail]}},
        "a2": {"jobs": {"www": {"mail": never}}, "leases": {"www/mail": [mail]}},
    }
    assert status_text(plan, seen).splitlines()[4:8] == [
        "  job    strategy  host  last run (UTC)       outcome                       next",
        "  clean  single    a1    2026-01-01 00:00:00  exit-code, exit code 3        2026-01-02 00:00:00",
        "  mail   lease     a2    2026-01-01 00:10:00  finished, exit code 0, 2.5 s  2026-01-02 00:00:00",
        "",
    ]
    assert "nobody that answered has it" in status_text(plan, {})
