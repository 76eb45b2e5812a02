# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs on real hosts with real timers: they are exactly where they should be, whatever was there before."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._placement.plan import ranked

from tests.roles.conftest import RoleHosts
from tests.support.full import FULL, LONG
from tests.support.playbook import run
from tests.support.secrets import shown

MINUTES = 30 if FULL else 2
SECRET = "a-secret-of-the-job"
BOTH = ["h1", "h2"]
OWNER, OTHER = ranked("tick", BOTH)
TICK: dict[str, Any] = {
    "id": "tick",
    "job": 'echo "$WHO 100% at $(date +%H:%M)" >> /var/tmp/tick; id -un >> /var/tmp/tick-user',
    "env": {"WHO": 'a "b" $c'},
    "secret_env": {"TOKEN": SECRET},
    "user": "nobody",
    "candidates": BOTH,
}
EACH: dict[str, Any] = {
    "id": "each",
    "job": "true",
    "minute": "50",
    "hour": "4",
    "strategy": "staggered",
    "candidates": BOTH,
}
BOOT: dict[str, Any] = {"id": "boot", "job": "touch /var/tmp/booted", "special_time": "reboot", "candidates": BOTH}
JOBS = [TICK, EACH, BOOT]


def units(hosts: RoleHosts, host: str, kind: str = "timer") -> set[str]:
    """Ids of jobs of which this host has such a unit."""
    listed = hosts.sh(host, f"ls /etc/systemd/system | grep '^scaleout-cron-.*{kind}$' || true").split()
    return {name.split(".")[1] for name in listed}


def where(hosts: RoleHosts, job: str) -> list[str]:
    return [host for host in BOTH if job in units(hosts, host, "service")]


def without(hosts: RoleHosts, host: str) -> RoleHosts:
    """The same, but Ansible does not reach one of them."""
    folder = Path(shutil.copytree(hosts.folder, hosts.folder.with_name(f"{hosts.folder.name}-without")))
    inventory = json.loads((folder / "hosts.json").read_text())
    inventory["all"]["hosts"][host]["ansible_host"] = "172.31.77.99"
    (folder / "hosts.json").write_text(json.dumps(inventory))
    return RoleHosts(folder, hosts.addresses)


def turned_round(hosts: RoleHosts) -> RoleHosts:
    """The same with the hosts of the inventory in the other order, in a folder of its own."""
    folder = Path(shutil.copytree(hosts.folder, hosts.folder.with_name(f"{hosts.folder.name}-turned")))
    inventory = json.loads((folder / "hosts.json").read_text())
    inventory["all"]["hosts"] = dict(reversed(inventory["all"]["hosts"].items()))
    (folder / "hosts.json").write_text(json.dumps(inventory))
    return RoleHosts(folder, hosts.addresses)


def last_runs(hosts: RoleHosts, host: str) -> dict[str, Any]:
    """What the module reads on a host."""
    told = hosts.folder / "last.json"
    read = {"scaleout.webapp.singleton_cron": {"host": "x", "phase": "read"}, "register": "found"}
    keep = {
        "ansible.builtin.copy": {"content": "{{ found.last | to_json }}", "dest": str(told)},
        "delegate_to": "localhost",
    }
    playbook = hosts.folder / "last.yml"
    playbook.write_text(json.dumps([{"hosts": host, "gather_facts": False, "tasks": [read, keep]}]))
    assert run(playbook, inventory=hosts.inventory).code == 0
    return dict(json.loads(told.read_text()))


@pytest.fixture(scope="module", autouse=True)
def cron(hosts: RoleHosts) -> None:
    for host in BOTH:
        hosts.sh(host, "apt-get update >/dev/null && apt-get install -y tzdata >/dev/null")
        hosts.sh(host, "touch /var/tmp/tick /var/tmp/tick-user && chmod 666 /var/tmp/tick*")
    hosts.life("singleton_cron", {"singleton_cron_jobs": JOBS}, {"singleton_cron_timezone": "Etc/UTC"})
    assert hosts.play("singleton_cron", singleton_cron_jobs=JOBS).changed() > 0


def test_one_host_runs_it_when_it_is_due(hosts: RoleHosts) -> None:
    assert where(hosts, "tick") == [OWNER]
    deadline = time.monotonic() + 75
    while not hosts.sh(OWNER, "cat /var/tmp/tick"):
        assert time.monotonic() < deadline, hosts.sh(OWNER, "systemctl list-timers; journalctl -n 50", check=False)
        time.sleep(1)
    assert hosts.sh(OWNER, "cat /var/tmp/tick").startswith('a "b" $c 100% at ')
    assert hosts.sh(OWNER, "head -n 1 /var/tmp/tick-user") == "nobody"
    assert hosts.sh(OTHER, "cat /var/tmp/tick") == ""
    last = last_runs(hosts, OWNER)["tick"]
    assert (last["running"], last["exit_code"], last["result"]) == (False, 0, "success")
    assert 0 < last["next"] - last["started"] <= 60
    files = hosts.sh(OWNER, "stat -c '%a %U' /etc/scaleout-webapp/cron /etc/scaleout-webapp/cron/webapp.tick.env")
    assert files.splitlines() == ["700 root", "600 root"]


def test_staggered_and_reboot(hosts: RoleHosts) -> None:
    times = {hosts.sh(host, "grep OnCalendar /etc/systemd/system/scaleout-cron-webapp.each.timer") for host in BOTH}
    assert times == {"OnCalendar=*-*-* 04:50:00 UTC", "OnCalendar=*-*-* 04:20:00 UTC"}
    [host] = where(hosts, "boot")
    assert hosts.sh(host, "systemctl is-enabled scaleout-cron-webapp.boot.service") == "enabled"
    assert hosts.sh(host, "ls /var/tmp/booted", check=False).endswith("No such file or directory")


def test_order_does_not_matter_and_nothing_is_shown(hosts: RoleHosts) -> None:
    turned = [{**job, "candidates": BOTH[::-1]} for job in JOBS[::-1]]
    assert hosts.play("singleton_cron", singleton_cron_jobs=turned).changed() == 0
    done = hosts.play("singleton_cron", "-vvv", singleton_cron_jobs=[{**TICK, "secret_env": {"TOKEN": SECRET + "2"}}])
    assert done.changed() > 0
    assert shown(done.output, {"token": SECRET}) == []
    assert where(hosts, "each") == where(hosts, "boot") == [], "what is not listed any more stayed"


def test_it_moves_only_off_a_host_that_is_seen(hosts: RoleHosts) -> None:
    assert hosts.play("singleton_cron", singleton_cron_jobs=[TICK]).code == 0
    moved = [{**TICK, "owner": OTHER}]
    limited = hosts.play("singleton_cron", "--limit", OTHER, singleton_cron_jobs=moved)
    assert limited.changed() == 0
    assert f"it may be on {OWNER}, not seen in this run" in limited.output
    assert where(hosts, "tick") == [OWNER]
    assert hosts.play("singleton_cron", "--check", singleton_cron_jobs=moved).changed() > 0
    assert where(hosts, "tick") == [OWNER], "check mode moved it"
    assert hosts.play("singleton_cron", singleton_cron_jobs=moved).changed() > 0
    assert where(hosts, "tick") == [OTHER]
    assert hosts.play("singleton_cron", singleton_cron_jobs=moved).changed() == 0

    # The owner cannot be reached: it keeps the job, until somebody says that it is drained.
    partial = without(hosts, OTHER)
    said = partial.play("singleton_cron", singleton_cron_jobs=[TICK])
    assert said.code != 0, "a host that cannot be reached is an error of the run"
    assert f"it may be on {OTHER}, not seen in this run" in said.output
    assert where(hosts, "tick") == [OTHER]
    partial.play("singleton_cron", singleton_cron_jobs=[TICK], singleton_cron_drained=[OTHER])
    assert where(hosts, "tick") == sorted([OWNER, OTHER])
    assert hosts.play("singleton_cron", singleton_cron_jobs=[TICK]).changed() > 0
    assert where(hosts, "tick") == [OWNER]


def test_a_host_that_cannot_have_a_job_takes_it_from_nobody(hosts: RoleHosts) -> None:
    job = {**TICK, "user": "only-there", "owner": OWNER}
    hosts.sh(OWNER, "useradd only-there")
    assert hosts.play("singleton_cron", singleton_cron_jobs=[{**job, "candidates": [OWNER]}]).code == 0
    refused = hosts.play("singleton_cron", singleton_cron_jobs=[{**job, "owner": OTHER}])
    assert refused.code != 0
    assert "there is no user only-there" in refused.output
    assert where(hosts, "tick") == [OWNER]
    assert hosts.play("singleton_cron", singleton_cron_jobs=[TICK]).code == 0
    hosts.sh(OWNER, "userdel only-there")


def test_candidates_come_and_go(hosts: RoleHosts) -> None:
    before = [{**TICK, "candidates": [OTHER]}]
    assert hosts.play("singleton_cron", singleton_cron_jobs=before).code == 0
    assert where(hosts, "tick") == [OTHER]
    assert hosts.play("singleton_cron", singleton_cron_jobs=[TICK]).changed() > 0
    assert where(hosts, "tick") == [OWNER], "a host that came gets what the hash gives it"
    assert hosts.play("singleton_cron", singleton_cron_jobs=before).changed() > 0
    assert where(hosts, "tick") == [OTHER], "the owner is no candidate any more"


def test_two_runs_at_once(hosts: RoleHosts) -> None:
    """They want different owners. It is never on two hosts, on none only if one failed, and the next run ends it."""
    other = turned_round(hosts)
    assert hosts.play("singleton_cron", singleton_cron_jobs=[TICK]).code == 0
    assert other.play("singleton_cron", singleton_cron_jobs=[TICK]).changed() == 0
    with ThreadPoolExecutor(2) as pool:
        runs = [
            pool.submit(each.play, "singleton_cron", singleton_cron_jobs=[{**TICK, "owner": owner}])
            for each, owner in ((hosts, OWNER), (other, OTHER))
        ]
        codes = [run.result().code for run in runs]
    assert len(where(hosts, "tick")) <= 1, codes
    assert codes != [0, 0] or where(hosts, "tick"), codes
    assert hosts.play("singleton_cron", singleton_cron_jobs=[TICK]).code == 0
    assert where(hosts, "tick") == [OWNER]


def test_a_run_that_was_late_on_one_host_gives_the_job_to_no_other(hosts: RoleHosts) -> None:
    """While it waits for the lock of that host, another run moves the job there."""
    assert hosts.play("singleton_cron", singleton_cron_jobs=[]).code == 0
    notes, lock = (f"/var/lib/scaleout-webapp/cron/{name}" for name in ("webapp.json", ".webapp.lock"))
    hosts.sh(
        OTHER, f"touch /run/held; setsid flock {lock} sh -c 'while [ -e /run/held ]; do sleep 0.1; done' >&- 2>&- &"
    )
    with ThreadPoolExecutor(1) as pool:
        run_of_others = pool.submit(hosts.play, "singleton_cron", singleton_cron_jobs=[TICK])
        hosts.sh(OWNER, f"for i in $(seq 600); do grep -q tick {notes} && exit; sleep 0.1; done; exit 1")
        theirs = json.dumps({"tick": {"turn": 1, "strategy": "single", "holders": [OTHER]}})
        hosts.sh(OTHER, f"echo '{theirs}' > {notes}; rm /run/held")
        done = run_of_others.result()
    assert done.code != 0
    assert f"another run has moved jobs of webapp on {OTHER} since this one looked" in " ".join(done.output.split())
    assert where(hosts, "tick") == []
    assert hosts.play("singleton_cron", singleton_cron_jobs=[TICK]).code == 0
    assert where(hosts, "tick") == [OWNER]


def test_numbers_with_which_no_job_would_start_are_refused_before_anybody_loses_it(hosts: RoleHosts) -> None:
    assert hosts.play("singleton_cron", singleton_cron_jobs=[{**TICK, "owner": OTHER}]).code == 0
    refused = hosts.play("singleton_cron", singleton_cron_jobs=[TICK], singleton_cron_lease_seconds=0)
    assert refused.code != 0
    assert "lease_seconds: 0 is too little" in refused.output
    assert where(hosts, "tick") == [OTHER]


def test_changes_leave_a_job_that_runs_alone(hosts: RoleHosts) -> None:
    long = {**TICK, "minute": "0", "hour": "4", "job": "sleep 900", "owner": "h1"}
    assert hosts.play("singleton_cron", singleton_cron_jobs=[long]).code == 0
    service = "scaleout-cron-webapp.tick.service"
    hosts.sh("h1", f"systemctl start --no-block {service}; sleep 1")
    pid = hosts.sh("h1", f"systemctl show -p MainPID --value {service}")
    assert pid != "0"
    for change in ({"user": "daemon", "minute": "1"}, {"owner": "h2"}):
        long = {**long, **change}
        done = hosts.play("singleton_cron", singleton_cron_jobs=[long])
        assert done.changed() > 0
        assert hosts.sh("h1", f"cat /proc/{pid}/comm") in ("sh", "sleep")
        [host] = where(hosts, "tick")
        assert hosts.sh(host, f"systemctl show -p User --value {service}") == "daemon"
    assert "tick still runs here, to its end" in done.output
    assert where(hosts, "tick") == ["h2"]
    hosts.sh("h1", f"kill {pid}")


@LONG
def test_a_job_that_overruns_is_started_once_more_when_it_has_ended(hosts: RoleHosts) -> None:
    """By systemd, which goes on from when the timer went off last, and ends what the job left in the background."""
    starts = "/var/tmp/overruns"
    command = f"sleep 7654 & date +%s >> {starts}; [ $(wc -l < {starts}) != 1 ] || sleep 65"
    assert hosts.play("singleton_cron", singleton_cron_jobs=[{**TICK, "owner": "h1", "job": command}]).code == 0
    time.sleep(60 + 65 + 20)
    first, second = map(int, hosts.sh("h1", f"head -n 2 {starts}").split())
    assert 65 <= second - first < 75
    assert hosts.sh("h1", "ps -eo args | grep -c '^[s]leep 7654'", check=False) == "0"


def test_suspended_jobs_rest_and_come_back(hosts: RoleHosts) -> None:
    assert hosts.play("singleton_cron", singleton_cron_jobs=[TICK]).code == 0
    timer = "scaleout-cron-webapp.tick.timer"
    assert hosts.play("singleton_cron", singleton_cron_jobs=[TICK], singleton_cron_suspended=True).changed() > 0
    assert hosts.play("singleton_cron", singleton_cron_jobs=[TICK], singleton_cron_suspended=True).changed() == 0
    assert hosts.sh(OWNER, f"systemctl is-active {timer}; systemctl is-enabled {timer}", check=False).split() == [
        "inactive",
        "disabled",
    ]
    assert hosts.play("singleton_cron", singleton_cron_jobs=[TICK]).changed() > 0
    assert hosts.sh(OWNER, f"systemctl is-active {timer}") == "active"


def test_a_renamed_job_is_not_there_twice_and_foreign_units_stay(hosts: RoleHosts) -> None:
    foreign = "/etc/systemd/system/scaleout-cron-webapp.mine.service"
    for host in BOTH:
        hosts.sh(host, f"printf '[Service]\\nType=oneshot\\nExecStart=/bin/true\\n' > {foreign}")
    assert hosts.play("singleton_cron", singleton_cron_jobs=[{**TICK, "id": "tock"}]).changed() > 0
    assert where(hosts, "tick") == []
    assert len(where(hosts, "tock")) == 1
    refused = hosts.play("singleton_cron", singleton_cron_jobs=[{**TICK, "id": "mine"}])
    assert refused.code != 0
    assert "this unit was not written for this job" in refused.output
    assert hosts.play("singleton_cron", singleton_cron_jobs=[]).code == 0
    for host in BOTH:
        assert units(hosts, host, "service") == {"mine"}
        hosts.sh(host, f"rm {foreign}")


@pytest.fixture(scope="module")
def store(hosts: RoleHosts) -> str:
    """A Redis with an append-only file on the first host."""
    users = [{"name": "cron", "password": "cron-password", "rules": "~scaleout-cron:* +@all -@admin -@dangerous +info"}]
    common = {"redis_address": "{{ own_address }}", "redis_users": users, "redis_persistence": "aof"}
    assert hosts.play("redis", "--limit", "h1", **common).code == 0
    return f"redis://cron:cron-password@{hosts.addresses['h1']}:6379/0"


def test_behind_a_guard_each_minute_is_run_once_on_one_of_them(hosts: RoleHosts, store: str) -> None:
    for host in BOTH:
        hosts.sh(host, "rm -f /var/tmp/leased")
    job = {
        "id": "leased",
        "job": 'echo "$SCALEOUT_FIRE" >> /var/tmp/leased; echo done',
        "strategy": "lease",
        "store_failure": "skip",
        "candidates": BOTH,
    }
    given: dict[str, Any] = {"singleton_cron_jobs": [job], "singleton_cron_store_url": store}
    done = hosts.play("singleton_cron", "-vvv", **given)
    assert done.changed() > 0
    assert shown(done.output, {"store": "cron-password"}) == []
    assert hosts.play("singleton_cron", **given).changed() == 0
    library = "/usr/local/lib/scaleout-webapp"
    for odd in (
        f"chmod 666 {library}/cron_guard/*.py",
        f"chown nobody {library}/cron-guard; chmod 600 {library}/cron-guard",
    ):
        hosts.sh("h1", odd)
        assert hosts.play("singleton_cron", **given).changed() > 0
        assert hosts.play("singleton_cron", **given).changed() == 0
        assert hosts.sh(
            "h1", f"stat -c '%a %U' {library}/cron_guard/*.py {library}/cron-guard | sort -u"
        ).splitlines() == [
            "644 root",
            "755 root",
        ]
    time.sleep(60 * MINUTES + 75 - time.time() % 60)
    assert hosts.play("singleton_cron", singleton_cron_suspended=True, **given).changed() > 0
    starts = Counter(" ".join(hosts.sh(host, "cat /var/tmp/leased", check=False) for host in BOTH).split())
    fires = {fire: count for fire, count in starts.items() if fire.endswith("Z")}
    guards = [hosts.sh(host, "journalctl -u 'scaleout-cron-webapp.leased*' -n 60 --no-pager") for host in BOTH]
    assert set(fires.values()) == {1}, (starts, guards)
    assert len(fires) > MINUTES, (starts, guards)
    first, last = min(fires), max(fires)
    minutes = (
        time.mktime(time.strptime(last, "%Y-%m-%dT%H:%M:%SZ")) - time.mktime(time.strptime(first, "%Y-%m-%dT%H:%M:%SZ"))
    ) / 60
    assert len(fires) == minutes + 1, "a minute was left out"
    guard = "/usr/local/lib/scaleout-webapp/cron-guard"
    told = hosts.sh("h2", f"{guard} history /etc/scaleout-webapp/cron/webapp.leased.json")
    assert told.count("finished, on h") >= min(len(fires), 10)
    assert "exit code 0" in told
    assert hosts.sh("h2", "ps -eo args | grep -c [c]ron-password", check=False) == "0"


def test_a_store_that_forgets_is_refused(hosts: RoleHosts, store: str) -> None:
    hosts.sh("h1", "redis-server --port 6390 --save '' --protected-mode no --daemonize yes >/dev/null")
    job = {"id": "other", "job": "true", "strategy": "lease", "store_failure": "skip", "candidates": BOTH}
    url = f"redis://{hosts.addresses['h1']}:6390/0"
    refused = hosts.play("singleton_cron", singleton_cron_jobs=[job], singleton_cron_store_url=url)
    assert refused.code != 0
    assert "this Redis has no append-only file, so a restart would forget who runs what" in refused.output
    assert where(hosts, "other") == []
    refused = hosts.play("singleton_cron", singleton_cron_jobs=[job], singleton_cron_store_url="memcached://h1")
    assert "Memcached and a Redis without that file forget" in refused.output.replace("\n", " ")
    hosts.sh("h1", "redis-cli -p 6390 shutdown nosave", check=False)
