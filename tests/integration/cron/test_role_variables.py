# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role makes of its variables, as Ansible reads them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.support.playbook import Run, run

ROLE = Path(__file__).parents[3] / "roles" / "singleton_cron"


def of_hosts(folder: Path, name: str, **given: Any) -> dict[str, Any]:
    """A variable of the role on the hosts a, b and c."""
    keep = {
        "ansible.builtin.copy": {
            "content": f"{{{{ {name} | to_json }}}}",
            "dest": f"{folder}/{{{{ inventory_hostname }}}}",
        }
    }
    files = [str(ROLE / part / "main.yml") for part in ("defaults", "vars")]
    play = {"hosts": "all", "gather_facts": False, "connection": "local", "vars_files": files, "tasks": [keep]}
    own = {"role_path": str(ROLE), "ansible_python_interpreter": sys.executable}
    playbook = folder / "play.yml"
    playbook.write_text(json.dumps([{**play, "vars": own}]))
    (folder / "hosts").write_text("a\nb\nc\n")
    (folder / "given.json").write_text(json.dumps(given))
    assert run(playbook, "-e", f"@{folder}/given.json", inventory=str(folder / "hosts")).code == 0
    return {host: json.loads((folder / host).read_text()) for host in "abc"}


def test_a_host_looks_at_the_jobs_that_it_may_be_given(tmp_path: Path) -> None:
    jobs = [
        {"id": "both", "candidates": ["a", "b"]},
        {"id": "owned", "candidates": ["b"], "owner": "a"},
        {"id": "own", "candidates": ["a"], "owner": "a", "secret_env": {"TOKEN": "opaque"}},
        {"id": "gone", "candidates": ["a"], "state": "absent"},
    ]
    found = of_hosts(tmp_path, "__singleton_cron_possible", singleton_cron_jobs=jobs, singleton_cron_drained=["b"])
    assert "opaque" not in json.dumps(found)
    assert {host: [job["id"] for job in found[host]] for host in "abc"} == {
        "a": ["both", "own", "owned"],
        "b": [],
        "c": [],
    }


def test_secrets_are_given_apart_from_jobs(tmp_path: Path) -> None:
    secret = {"TOKEN": "a\\b\t'\"opaque"}
    jobs = [
        {"id": "one", "candidates": ["a"], "env": {"A": "1"}, "secret_env": secret},
        {"id": "two", "candidates": ["a"]},
    ]
    (tmp_path / "open").mkdir()
    assert of_hosts(tmp_path, "__singleton_cron_secret_env", singleton_cron_jobs=jobs)["a"] == {"one": secret}
    assert of_hosts(tmp_path / "open", "__singleton_cron_open", singleton_cron_jobs=jobs)["a"] == [
        {"id": "one", "candidates": ["a"], "env": {"A": "1"}},
        {"id": "two", "candidates": ["a"]},
    ]
    tasks = yaml.safe_load((ROLE / "tasks" / "configure.yml").read_text())
    calls = [task["scaleout.webapp.singleton_cron"] for task in tasks if "scaleout.webapp.singleton_cron" in task]
    given = [call["jobs"] for call in calls if "jobs" in call]
    assert ["possible" in given[0], "_open" in given[1], "_wanted" in " ".join(given)] == [True, True, False]


def preflight(folder: Path, of_all: dict[str, Any], of_group: dict[str, Any], of_one: dict[str, Any]) -> Run:
    """The first tasks of the role, where a is no host of the group and comes first."""
    hosts: dict[str, Any] = {"a": {}, "b": {}, "c": of_one}
    group = {"hosts": {"b": {}, "c": {}}, "vars": of_group}
    usual = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    (folder / "hosts.yml").write_text(
        json.dumps({"all": {"hosts": hosts, "vars": {**usual, **of_all}, "children": {"app": group}}})
    )
    (folder / "play.yml").write_text(
        json.dumps([{"hosts": "all", "gather_facts": False, "roles": ["scaleout.webapp.singleton_cron"]}])
    )
    return run(folder / "play.yml", "--tags", "singleton_cron_preflight", inventory=str(folder / "hosts.yml"))


def test_hosts_that_know_other_jobs_are_refused_before_anybody_loses_one(tmp_path: Path) -> None:
    job = {"id": "cleanup", "job": "true", "candidates": "{{ groups.app }}"}
    jobs = {"singleton_cron_jobs": [job]}
    for of_all, of_group, of_one, others in (
        ({}, jobs, {}, "b, c"),
        (jobs, {"singleton_cron_drained": ["b"]}, {}, "b, c"),
        (jobs, {}, {"singleton_cron_suspended": True}, "c"),
        (jobs, {}, {"singleton_cron_jobs": [{**job, "owner": "b"}]}, "c"),
    ):
        done = preflight(tmp_path, of_all, of_group, of_one)
        assert done.code != 0
        assert f"is another one for {others} than for a" in " ".join(done.output.split())


def test_what_has_no_part_in_the_decision_may_differ(tmp_path: Path) -> None:
    """How a job is called, in which order its candidates stand, and who logs in to the store."""
    job = {"id": "cleanup", "job": "true", "candidates": "{{ groups.app }}"}
    jobs = {"singleton_cron_jobs": [job]}
    guarded = {"singleton_cron_jobs": [{**job, "strategy": "lease", "store_failure": "skip"}]}
    other = {"singleton_cron_jobs": [{**job, "job": "/usr/bin/true", "candidates": ["c", "b"], "state": "present"}]}
    done = preflight(tmp_path, jobs, {}, other)
    assert done.code == 0, done.output
    store = {"singleton_cron_store_url": "mysql://one:a%40b@db/cron"}
    done = preflight(tmp_path, {**guarded, **store}, {}, {"singleton_cron_store_url": "mysql://two:other@db/cron?x=y"})
    assert done.code == 0, done.output


def test_guards_that_would_not_meet_are_refused(tmp_path: Path) -> None:
    job = {"id": "cleanup", "job": "true", "candidates": ["b", "c"], "strategy": "lease", "store_failure": "skip"}
    given = {"singleton_cron_jobs": [job], "singleton_cron_store_url": "mysql://cron:opaque@db/cron"}
    for of_one in (
        {"singleton_cron_store_url": "mysql://cron:opaque@other/cron"},
        {"singleton_cron_timezone": "Europe/Zurich"},
        {"singleton_cron_jobs": [{**job, "minute": "7"}]},
    ):
        done = preflight(tmp_path, given, {}, of_one)
        assert done.code != 0
        assert "is another one for c than for a" in " ".join(done.output.split())
        assert "opaque" not in done.output
