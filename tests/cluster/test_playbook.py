# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site.yml on a cluster that is made already: limited to a host, with another one down, and looked at for secrets."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.cluster import Cluster, Host, wait_until
from tests.support.full import FULL, LONG
from tests.support.playbook import Run, run
from tests.support.secrets import shown


def site(*arguments: str, **environment: Any) -> Run:
    return run("playbooks/site.yml", *arguments, inventory=os.environ["SCALEOUT_INVENTORY"], **environment)


@pytest.fixture
def two_app_hosts(cluster: Cluster) -> tuple[Host, Host]:
    names = list(dict.fromkeys(instance.host for instance in cluster.instances))
    return cluster.hosts[names[0]], cluster.hosts[names[1]]


@LONG
def test_one_app_host_alone(two_app_hosts: tuple[Host, Host]) -> None:
    _other, host = two_app_hosts
    assert site("--limit", host.name).recap() == {host.name: (0, 0, 0)}


def test_one_app_host_is_repaired_while_another_is_down(cluster: Cluster, two_app_hosts: tuple[Host, Host]) -> None:
    other, host = two_app_hosts
    units = {
        name: [instance.unit for instance in cluster.instances if instance.host == name]
        for name in (host.name, other.name)
    }
    damaged = f"{cluster.plan['apps'][cluster.instances[0].app]['config_dir']}/environment"
    content = host.run("cat", damaged)
    other.kill()
    try:
        host.run("systemctl", "disable", "--now", units[host.name][-1])
        host.run("rm", damaged)
        (name, (changed, *bad)), *others = site("--limit", host.name).recap().items()
        assert (name, bad, others) == (host.name, [0, 0], [])
        assert changed > 0
        assert host.run("cat", damaged) == content
        assert host.run("systemctl", "is-active", *units[host.name], check=False).split() == ["active"] * 2
        assert host.run("systemctl", "is-enabled", *units[host.name], check=False).split() == ["enabled"] * 2
        if FULL:
            assert site("--limit", host.name).recap() == {host.name: (0, 0, 0)}
    finally:
        other.start()
        wait_until(
            lambda: other.run("systemctl", "is-system-running", check=False).strip() == "running", 90, other.name
        )
        wait_until(
            lambda: set(other.run("systemctl", "is-active", *units[other.name], check=False).split()) == {"active"},
            60,
            f"{other.name}'s units",
        )


@pytest.mark.parametrize("callback", ["default", pytest.param("ansible.posix.json", marks=LONG)])
def test_no_secret_in_the_most_talkative_output(
    two_app_hosts: tuple[Host, Host], secrets: dict[str, str], callback: str
) -> None:
    """With the files that hold secrets gone, so that their differences would be shown."""
    _other, host = two_app_hosts
    files = host.run(
        "sh",
        "-c",
        "ls /etc/webapp/*/*environment* /etc/mongod.key /etc/scaleout-webapp/secrets.json 2>/dev/null || true",
    ).split()
    assert files, "no file with secrets on this host: the test would look at nothing"
    moved = [f"mv {file} {file}.aside" for file in files]
    back = [f"mv {file}.aside {file}" for file in files]
    host.run("sh", "-c", " && ".join(moved))
    try:
        done = site("--limit", host.name, "--check", "--diff", "-vvv", ANSIBLE_STDOUT_CALLBACK=callback)
    finally:
        host.run("sh", "-c", " && ".join(back))
    assert done.code == 0, "check mode failed; the output may hold secrets and is not shown"
    told = f"changed: [{host.name}" in done.output or '"changed": true' in done.output
    assert told, "nothing would change: no difference was shown"
    assert shown(done.output, secrets) == []


def test_no_secret_in_the_output_of_a_task_that_fails_with_one(secrets: dict[str, str], tmp_path: Path) -> None:
    wrong = {**secrets, "mongodb_admin_password": f"wrong-{uuid.uuid4().hex}"}
    variables = tmp_path / "variables.json"
    # In place of what the hosts keep: a wrong value that is given would be refused before it is used.
    variables.write_text(json.dumps({"webapp_secret_values": wrong}))
    done = site("--tags", "mongodb", "--diff", "-vvv", "-e", f"@{variables}")
    failed_for_it = done.code != 0 and "the login as admin@admin was refused" in done.output
    assert failed_for_it, "the wrong password was to fail; the output may hold secrets and is not shown"
    assert shown(done.output, {**secrets, "wrong": wrong["mongodb_admin_password"]}) == []
