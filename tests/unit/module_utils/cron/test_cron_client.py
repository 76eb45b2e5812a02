# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs as files and units of a host: what is written, in which order, and what is left alone."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.scaleout.webapp.plugins.filter.cron_placement import cron_placement
from ansible_collections.scaleout.webapp.plugins.module_utils._cron.client import (
    PROPERTIES,
    Client,
    last_runs,
    show_notes,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._cron.model import Store, Wanted, read_jobs
from ansible_collections.scaleout.webapp.plugins.module_utils._cron.units import Names, files, store_file
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._placement.model import Note
from ansible_collections.scaleout.webapp.plugins.modules.singleton_cron import Turn

ROLE = Path(__file__).parents[4] / "roles" / "singleton_cron"
JOB: dict[str, Any] = {"id": "cleanup", "minute": "17", "job": "bin/cleanup", "candidates": ["a", "b"]}
TIMER, SERVICE = "scaleout-cron-webapp.cleanup.timer", "scaleout-cron-webapp.cleanup.service"
LEASE: dict[str, Any] = {**JOB, "id": "leased", "strategy": "lease", "store_failure": "skip"}
STORE = Store("/etc/scaleout-webapp/cron-store/webapp.json")


class Host:
    """A folder in place of /; answers systemctl from what it was told to do."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.calls: list[str] = []
        self.warnings: list[str] = []
        self.enabled: set[str] = set()
        self.active: set[str] = set()
        self.stale: set[str] = set()
        self.looks: list[str] = []
        self.client = Client("webapp", self.run, root)
        self.units = root / "etc/systemd/system"

    def run(self, argv: list[str]) -> str:
        if argv[1] == "show":
            return "\n".join(self.show(unit) for unit in argv[3:])
        self.calls.append(" ".join(argv[1:]))
        for unit in argv[2:]:
            target, there = (self.enabled, "enable") if argv[1].endswith("able") else (self.active, "start")
            target.add(unit) if argv[1] == there else target.discard(unit)
        return ""

    def show(self, unit: str) -> str:
        return (
            f"Id={unit}\nActiveState={'active' if unit in self.active else 'inactive'}\n"
            f"UnitFileState={'enabled' if unit in self.enabled else 'disabled'}\n"
            f"NeedDaemonReload={'yes' if unit in self.stale else 'no'}\n"
        )

    def call(
        self, phase: str, jobs: Sequence[dict[str, Any]] = (), check: bool = False, **given: Any
    ) -> dict[str, Any]:
        """The module."""
        numbers = {"max_skew": 90, "store_wait": 60, "history_days": 30, "lease_seconds": 20}
        usual: dict[str, Any] = {
            "name": "webapp",
            "host": "a",
            "ids": [],
            "notes": {},
            "seen": None,
            "secret_env": {},
            "store_url": None,
            "timezone": "UTC",
        }
        read = [{"user": "root", **job} for job in jobs]
        params = {**usual, **numbers, "phase": phase, "jobs": read, "guard": __file__, **given}
        self.looks = ["--look"] if check else []
        turn = Turn(params, self.client, self.ask, check)
        result = turn.result()
        self.warnings = turn.warnings
        return result

    def ask(self, argv: list[str], told: str) -> tuple[int, str]:
        """The guard, of which only `check` is asked."""
        assert argv == [__file__, "check", "/dev/stdin", *self.looks]
        return (78, "this Redis forgets") if "forgetful" in told else (0, "")

    def write(self, **changes: Any) -> bool:
        [job] = read_jobs([{**JOB, **changes}])
        names = Names("webapp", job.id)
        change = self.client.to_write({job.id: (job, files(job, names, "a", "UTC", "/guard", STORE))})
        if change:
            self.client.apply(change)
        return bool(change)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_a_job_is_written_once(host: Host) -> None:
    assert host.write()
    assert host.calls == ["daemon-reload", f"enable {TIMER}", f"start {TIMER}"]
    assert host.client.shown() == {"cleanup": "single"}
    assert not host.write()


def test_a_new_schedule_stops_the_timer_first_and_forgets_when_it_was_due(host: Host) -> None:
    host.write(catch_up=True)
    stamp = host.root / f"var/lib/systemd/timers/stamp-{TIMER}"
    stamp.parent.mkdir(parents=True)
    stamp.touch()
    host.calls.clear()
    assert host.write(catch_up=True, minute="18")
    assert host.calls == [f"stop {TIMER}", "daemon-reload", f"start {TIMER}"]
    assert not stamp.exists()


def test_another_user_leaves_the_timer_alone(host: Host) -> None:
    host.write()
    host.calls.clear()
    assert host.write(user="nobody")
    assert host.calls == ["daemon-reload"]


def test_what_an_interrupted_run_left_is_done(host: Host) -> None:
    host.write()
    host.stale.add(SERVICE)
    host.active.clear()
    host.calls.clear()
    assert host.write()
    assert host.calls == ["daemon-reload", f"start {TIMER}"]


def test_suspended_and_resumed(host: Host) -> None:
    host.write()
    host.calls.clear()
    assert host.write(state="suspended")
    assert host.calls == [f"stop {TIMER}", f"disable {TIMER}"]
    assert not host.write(state="suspended")
    assert host.write()
    assert (host.enabled, host.active) == ({TIMER}, {TIMER})


def test_removed_with_all_that_belongs_to_it_and_nothing_else(host: Host) -> None:
    host.write(env={"A": "1"})
    host.write(id="other")
    foreign = host.units / "scaleout-cron-webapp.mine.timer"
    foreign.write_text("[Timer]\nOnCalendar=daily\n")
    host.calls.clear()
    host.client.apply(host.client.to_remove(["cleanup"]))
    assert host.calls == [f"stop {TIMER}", f"disable {TIMER}", "daemon-reload"]
    assert host.client.shown() == {"other": "single"}
    assert not list(host.root.rglob("*cleanup*"))
    assert foreign.exists()


def test_a_unit_of_somebody_else_is_not_replaced(host: Host) -> None:
    host.units.mkdir(parents=True)
    (host.units / TIMER).write_text("[Timer]\nOnCalendar=daily\n")
    with pytest.raises(ScaleoutError, match="this unit was not written for this job"):
        host.write()
    assert host.calls == []


def test_a_schedule_becomes_the_start_of_the_host(host: Host) -> None:
    host.write()
    host.calls.clear()
    assert host.write(minute="*", special_time="reboot")
    assert host.calls == [f"stop {TIMER}", f"disable {TIMER}", "daemon-reload", f"enable {SERVICE}"]
    assert not (host.units / TIMER).exists()
    assert not host.write(minute="*", special_time="reboot")


def test_secrets_are_for_root_alone_and_in_no_difference(host: Host) -> None:
    [job] = read_jobs([{**JOB, "secret_env": {"TOKEN": 'opaque"$`\\'}}])
    change = host.client.to_write({"cleanup": (job, files(job, Names("webapp", "cleanup"), "a", "UTC", "/g", STORE))})
    store = host.client.to_write_store(STORE.path, store_file("redis://cron:opaque@h1/0"))
    assert "opaque" not in json.dumps([change.shown(), store.shown()])
    host.client.apply(change)
    host.client.apply(store)
    env = host.root / "etc/scaleout-webapp/cron/webapp.cleanup.env"
    assert env.read_text() == 'TOKEN="opaque\\"\\$\\`\\\\"\n'
    for path in (env, host.root / STORE.path.lstrip("/")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_secrets_come_apart_from_jobs(host: Host) -> None:
    host.call("write", [JOB, {**JOB, "id": "other"}], ids=["cleanup", "other"], secret_env={"cleanup": {"TOKEN": "a"}})
    env = host.root / "etc/scaleout-webapp/cron"
    assert [(path.name, path.read_text()) for path in env.iterdir()] == [("webapp.cleanup.env", 'TOKEN="a"\n')]
    with pytest.raises(ScaleoutError, match="there is no job cleenup") as caught:
        host.call("write", [JOB], ids=["cleanup"], secret_env={"cleenup": {"TOKEN": "opaque"}})
    assert "opaque" not in str(caught.value)


@pytest.mark.parametrize("value", ["a\\b-opaque", "a\tb-opaque", 'it\'s "opaque"'])
def test_secrets_are_in_no_journal(value: str) -> None:
    """What Ansible notes of a call on the host. A value is not always found in the text that it makes of options."""
    told = (
        "from ansible.module_utils.basic import AnsibleModule as Module; import sys\n"
        f"from {Turn.__module__} import main\n"
        "Module.log = lambda self, text, log_args=None: print(text, file=sys.stderr)\n"
        "main()"
    )
    jobs = [{**JOB, "candidates": ["b"]}]
    options = {"host": "a", "phase": "read", "jobs": jobs, "secret_env": {"cleanup": {"TOKEN": value}}}
    done = subprocess.run(
        [sys.executable, "-c", told],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": options}),
        env={**os.environ, "PYTHONPATH": str(ROLE.parents[1] / ".ansible" / "collections")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Invoked with" in done.stderr, done.stdout
    assert "bin/cleanup" in done.stderr
    assert "opaque" not in done.stderr + done.stdout


def test_another_run_that_has_moved_a_job_is_noticed(host: Host) -> None:
    mine, theirs = {"cleanup": Note(7, holders=("a",))}, {"cleanup": Note(8, holders=("b",))}
    host.client.write_notes(theirs)
    with pytest.raises(ScaleoutError, match="another run has moved the job cleanup"):
        host.client.see_that_nobody_moved(mine)
    host.client.see_that_nobody_moved(theirs)
    assert host.client.notes() == theirs


@pytest.mark.parametrize("phase", ["remove", "write"])
def test_a_run_that_comes_too_late_changes_nothing(host: Host, phase: str) -> None:
    """Whatever the turns: what it saw is not there any more."""
    mine, theirs = {"cleanup": Note(9, holders=("a",))}, {"cleanup": Note(8, holders=("b",))}
    host.write(id="other")
    host.client.write_notes(theirs)
    host.calls.clear()
    for seen in ({}, {"cleanup": Note(7, holders=("b",))}):
        with pytest.raises(ScaleoutError, match="another run has moved the job cleanup"):
            host.call(phase, [JOB], ids=["cleanup"], notes=show_notes(mine), seen=show_notes(seen))
    assert (host.calls, host.client.shown(), host.client.notes()) == ([], {"other": "single"}, theirs)


def test_a_run_waits_for_the_one_that_is_at_it(host: Host) -> None:
    notes = {"cleanup": Note(7, holders=("a",))}
    with ThreadPoolExecutor(1) as pool:
        with host.client.alone():
            mine = pool.submit(host.call, "write", [JOB], ids=["cleanup"], notes=show_notes(notes), seen={})
            time.sleep(0.2)
            assert (host.client.shown(), host.client.notes()) == ({}, {})
            host.client.write_notes({"cleanup": Note(8, holders=("b",))})
        with pytest.raises(ScaleoutError, match="another run has moved the job cleanup"):
            mine.result()
    assert host.client.shown() == {}


def test_the_password_of_the_store_leaves_with_the_last_guard(host: Host) -> None:
    leases = [{**JOB, "id": job, "strategy": "lease", "store_failure": "skip"} for job in ("one", "two")]
    host.call("all", leases, store_url="redis://cron:opaque@h1/0")
    store = host.root / STORE.path.lstrip("/")
    host.call("remove", ids=["one"])
    assert host.call("write", ids=[])["changed"] is False
    assert store.exists()
    host.call("remove", ids=[])
    done = host.call("write", ids=[])
    assert (done["changed"], store.exists()) == (True, False)
    assert "opaque" not in json.dumps(done)
    assert host.call("write", ids=[])["changed"] is False


def test_a_refused_store_replaces_none_that_guards_use(host: Host) -> None:
    store = host.root / STORE.path.lstrip("/")
    with pytest.raises(ScaleoutError, match="this Redis forgets"):
        host.call("all", [LEASE], store_url="redis://forgetful/0")
    assert not store.parent.exists()
    assert host.call("read")["report"]["store"] == ""
    host.call("all", [LEASE], store_url="redis://h1/0")
    before = store.read_text()
    assert host.call("read")["report"]["store"] == "redis at h1/0"
    with pytest.raises(ScaleoutError, match="this Redis forgets"):
        host.call("write", [LEASE], ids=["leased"], store_url="redis://forgetful/0")
    assert store.read_text() == before
    assert [path.name for path in store.parent.iterdir()] == [store.name], "a trial was left"


@pytest.mark.parametrize(
    ("job", "given", "said"),
    [
        ({"user": "nobody-here"}, {}, "there is no user nobody-here"),
        ({}, {"timezone": "Mars/Olympus"}, "this host does not know the time zone Mars/Olympus"),
        (LEASE, {"store_url": "redis://forgetful/0"}, "this Redis forgets"),
        (LEASE, {"store_url": "redis://h1/0", "guard": "/nowhere/cron-guard"}, "the guard is not there"),
        (LEASE, {}, "leased needs a store for its leases"),
        ({"id": "mine"}, {}, "this unit was not written for this job"),
    ],
)
def test_a_host_that_cannot_have_a_job_says_so_before_anything_moves(
    host: Host, job: dict[str, Any], given: dict[str, Any], said: str
) -> None:
    host.write(id="other")
    (host.units / "scaleout-cron-webapp.mine.timer").write_text("[Timer]\nOnCalendar=daily\n")
    host.calls.clear()
    before = sorted(path for path in host.root.rglob("*") if path.is_file())
    wanted = {**JOB, "candidates": ["a"], **job}
    for phase in ("read", "all"):
        with pytest.raises(ScaleoutError, match=said):
            host.call(phase, [wanted], **given)
    # It is nothing to a host that does not get it.
    assert host.call("read", [{**wanted, "candidates": ["b"]}], **given)["report"]["shows"] == {"other": "single"}
    assert host.calls == []
    assert [path for path in before if not path.exists()] == []


@pytest.mark.parametrize(
    ("job", "given", "said"),
    [
        ({"user": "nobody-here"}, {}, "there is no user nobody-here"),
        ({}, {"timezone": "Mars/Olympus"}, "this host does not know the time zone Mars/Olympus"),
        (LEASE, {"store_url": "redis://forgetful/0"}, "this Redis forgets"),
        # The role would bring the guard, and tzdata with it.
        (LEASE, {"store_url": "redis://h1/0", "guard": "/nowhere/cron-guard", "timezone": "Mars/Olympus"}, ""),
    ],
)
def test_check_mode_warns_of_what_may_be_made_before_the_run(
    host: Host, job: dict[str, Any], given: dict[str, Any], said: str
) -> None:
    for phase in ("read", "all"):
        host.call(phase, [{**JOB, "candidates": ["a"], **job}], check=True, **given)
        assert [warning.partition(". ")[0].partition(": ")[2] for warning in host.warnings] == [said] * bool(said)
    assert not list(host.root.rglob("*"))


def test_the_guard_takes_a_store_from_its_input() -> None:
    asked = [str(ROLE / "files" / "cron-guard"), "check", "/dev/stdin"]
    text = store_file("memcached://h1").text
    done = subprocess.run(asked, input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, "Memcached forgets" in done.stdout + done.stderr) == (78, True)


def test_fifty_jobs_are_one_call(host: Host) -> None:
    jobs = [{**JOB, "id": f"job{at}", "strategy": "staggered"} for at in range(50)]
    done = host.call("all", jobs)
    assert sorted(done["written"]) == sorted(host.client.shown()) == sorted(job["id"] for job in jobs)
    assert [call.split()[0] for call in host.calls] == ["daemon-reload", "enable", "start"]
    assert host.call("all", jobs)["changed"] is False
    tasks = yaml.safe_load((ROLE / "tasks" / "configure.yml").read_text())
    assert not [task["name"] for task in tasks if "loop" in task], "a module call for each job"


def test_units_are_what_systemd_takes(tmp_path: Path) -> None:
    """Asked of the real one."""
    jobs = read_jobs(
        [
            {**JOB, "job": "echo \"100%\" $HOME \\ 'x'", "time_limit": 60, "weekday": "mon", "day": "13"},
            {**JOB, "id": "leased", "strategy": "lease", "store_failure": "run", "catch_up": True},
            {"id": "boot", "special_time": "reboot", "job": "true", "candidates": ["a"]},
        ]
    )
    paths = []
    for job in jobs:
        for path, file in files(job, Names("webapp", job.id), "a", "Europe/Zurich", "/bin/true", STORE).items():
            if path.startswith("/etc/systemd"):
                paths.append(tmp_path / Path(path).name)
                paths[-1].write_text(file.text)
    done = subprocess.run(["systemd-analyze", "verify", *map(str, paths)], capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if "scaleout-cron" in line] == []
    assert 'ExecStart=/bin/sh -c "echo \\"100%%\\" $$HOME \\\\ \'x\'"' in paths[0].read_text()


@pytest.mark.parametrize("more", [{}, {"strategy": "lease", "store_failure": "skip"}])
def test_nothing_keeps_systemd_from_ending_what_a_job_left_in_the_background(more: dict[str, Any]) -> None:
    [job] = read_jobs([{**JOB, **more}])
    names = Names("webapp", job.id)
    service = files(job, names, "a", "UTC", "/guard", STORE)[names.paths["service"]].text
    assert "\nType=oneshot\n" in service
    assert not re.search("^(KillMode|SendSIGKILL|RemainAfterExit|Delegate)=", service, re.MULTILINE)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": "Clean up"}, "its id cannot be used"),
        ({"job": ""}, "it has no command"),
        ({"job": "a\nb"}, "its command has more than one line"),
        ({"candidates": []}, "no host may run it"),
        ({"strategy": "staggered", "owner": "a"}, "a job of strategy staggered has no owner"),
        ({"strategy": "staggered", "minute": "*"}, "its schedule has fewer minutes than candidates"),
        ({"env": {"A-B": 1}}, "no names of variables: A-B"),
        ({"strategy": "lease"}, "it does not say what to do when the store is down"),
        (
            {"minute": "*", "special_time": "reboot", "strategy": "lease", "store_failure": "skip"},
            "no lease can be taken",
        ),
        ({"special_time": "daily"}, "special_time is daily, and there are fields of a schedule too"),
        ({"retry": True}, "only a job of strategy lease"),
        ({"user": "a b"}, "no name of a user"),
    ],
)
def test_what_is_wrong_with_a_job(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ScaleoutError, match=said):
        read_jobs([{**JOB, **change}])


def test_a_job_without_an_id_is_not_shown() -> None:
    with pytest.raises(ScaleoutError) as caught:
        read_jobs([JOB, {"job": "true", "secret_env": {"TOKEN": "opaque"}}])
    assert str(caught.value).startswith("job 2 of the list: its id cannot be used. ")
    assert "opaque" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"), [("lease_seconds", 0), ("history_days", 0), ("max_skew", -1), ("store_wait", -1)]
)
def test_numbers_with_which_no_guard_would_start_a_job(host: Host, name: str, value: int) -> None:
    with pytest.raises(ScaleoutError, match=f"^{name}: {value} is too little. Use "):
        host.call("read", [LEASE], False, **{name: value})


def test_two_jobs_of_one_id() -> None:
    with pytest.raises(ScaleoutError, match="two jobs have the id cleanup"):
        read_jobs([JOB, JOB])


@pytest.mark.parametrize(
    ("result", "code", "status", "shown"), [("exit-code", "1", "3", 3), ("timeout", "2", "15", -15)]
)
def test_the_last_run(result: str, code: str, status: str, shown: int) -> None:
    assert "ExecMainCode" in PROPERTIES.split(",")
    said = {
        SERVICE: {
            "ActiveState": "failed",
            "Result": result,
            "ExecMainCode": code,
            "ExecMainStatus": status,
            "ExecMainStartTimestamp": "Thu 2026-01-01 00:00:00 UTC",
            "ExecMainExitTimestamp": "Thu 2026-01-01 00:00:13 UTC",
        },
        TIMER: {"NextElapseUSecRealtime": "Fri 2026-01-02 00:00:00 UTC"},
    }
    assert last_runs(said, ["cleanup", "never"], "webapp") == {
        "cleanup": {
            "running": False,
            "started": 1767225600,
            "ended": 1767225613,
            "exit_code": shown,
            "result": result,
            "next": 1767312000,
        },
        "never": {"running": False, "started": None, "ended": None, "exit_code": None, "result": None, "next": None},
    }


def test_the_filter_places_what_the_hosts_report() -> None:
    nothing: dict[str, Any] = {"shows": {}, "notes": {}}
    found = cron_placement([JOB], {"a": nothing, "b": nothing})
    [owner] = [host for host, jobs in found["writes"].items() if jobs]
    assert found["notes"]["cleanup"]["holders"] == [owner]
    again = cron_placement(
        [JOB],
        {host: {"shows": {"cleanup": "single"} if host == owner else {}, "notes": found["notes"]} for host in "ab"},
    )
    assert again == found
    assert show_notes({}) == {}


def test_staggered_hosts_have_other_minutes() -> None:
    [job] = read_jobs([{**JOB, "strategy": "staggered"}])
    timers = {
        files(job, Names("webapp", "cleanup"), host, "UTC", "", STORE)[f"/etc/systemd/system/{TIMER}"] for host in "ab"
    }
    assert sorted(line for timer in timers for line in timer.text.splitlines() if "OnCalendar" in line) == [
        "OnCalendar=*-*-* *:17:00 UTC",
        "OnCalendar=*-*-* *:47:00 UTC",
    ]
    assert isinstance(job, Wanted)
