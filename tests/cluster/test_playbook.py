# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site.yml on a cluster that is made already: limited to a host, with another one down, and looked at for secrets."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.cluster.cluster import Cluster, Host, wait_until

TOP = Path(__file__).resolve().parents[2]
RECAP = re.compile(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)


def site(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["ansible-playbook", "playbooks/site.yml", "-i", os.environ["SCALEOUT_INVENTORY"], *arguments]
    # Molecule forces colours, which the recap is read without.
    plain = {**os.environ, "ANSIBLE_FORCE_COLOR": "false", "ANSIBLE_NOCOLOR": "true", "PY_COLORS": "0"}
    return subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=900, check=False, env=plain)


def assert_nothing_to_do(done: subprocess.CompletedProcess[str], hosts: set[str]) -> None:
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    recap = {name: [int(count) for count in counts] for name, *counts in RECAP.findall(done.stdout)}
    assert set(recap) == hosts
    assert all(counts == [0, 0, 0] for counts in recap.values()), recap


@pytest.fixture
def two_app_hosts(cluster: Cluster) -> tuple[Host, Host]:
    names = list(dict.fromkeys(instance.host for instance in cluster.instances))
    return cluster.hosts[names[0]], cluster.hosts[names[1]]


def test_one_app_host_alone(two_app_hosts: tuple[Host, Host]) -> None:
    _other, host = two_app_hosts
    assert_nothing_to_do(site("--limit", host.name), {host.name})


def test_one_app_host_while_another_is_down(cluster: Cluster, two_app_hosts: tuple[Host, Host]) -> None:
    other, host = two_app_hosts
    other.kill()
    try:
        done = site("--limit", host.name, "--tags", "app,firewall")
    finally:
        other.start()
        units = [instance.unit for instance in cluster.instances if instance.host == other.name]
        wait_until(
            lambda: other.run("systemctl", "is-system-running", check=False).strip() == "running", 90, other.name
        )
        wait_until(
            lambda: other.run("systemctl", "is-active", *units, check=False).count("active") == len(units), 60, "units"
        )
    assert_nothing_to_do(done, {host.name})


def test_no_secret_in_the_most_talkative_output(two_app_hosts: tuple[Host, Host], secrets: dict[str, str]) -> None:
    """With the files that hold secrets gone, so that their differences would be shown."""
    _other, host = two_app_hosts
    files = host.run("sh", "-c", "ls /etc/webapp/*/*environment* /etc/mongod.key 2>/dev/null || true").split()
    assert files, "no file with secrets on this host: the test would look at nothing"
    moved = [f"mv {file} {file}.aside" for file in files]
    back = [f"mv {file}.aside {file}" for file in files]
    host.run("sh", "-c", " && ".join(moved))
    try:
        done = site("--limit", host.name, "--check", "--diff", "-vvv")
    finally:
        host.run("sh", "-c", " && ".join(back))
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-4000:]
    assert "changed: [" + host.name in output, "nothing would change: no difference was shown"
    assert [name for name, value in secrets.items() if value in output] == []
