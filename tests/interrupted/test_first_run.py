# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fresh hosts are checked, and the very first run on them dies.

Molecule's converge and idempotence then show that the next one ends well.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import yaml

from tests.interrupted.conftest import Site
from tests.support.full import FULL
from tests.support.playbook import TOP, run
from tests.support.secrets import ProcessWatch, shown

HOSTS = yaml.safe_load((TOP / "molecule" / "default" / "inventory" / "hosts.yml").read_text())
PLANTED = 'planted, and "not" a secret'


def test_fresh_hosts_can_be_checked(site: Site, tmp_path: Path) -> None:
    inventory = site.inventory if FULL else all_on_one_host(tmp_path / "hosts.json")
    ended = run("playbooks/site.yml", "--check", "--diff", inventory=inventory).recap()
    assert len(ended) == (len(HOSTS["all"]["hosts"]) if FULL else 1)
    for changed, *bad in ended.values():
        assert (changed > 0, bad) == (True, [0, 0])


def all_on_one_host(written: Path) -> str:
    """The inventory `single`, with the first of the fresh hosts: it is to have all roles."""
    vars_, hosts = HOSTS["all"]["vars"], HOSTS["all"]["hosts"]
    first = next(iter(hosts.values()))
    written.write_text(json.dumps({"all": {"vars": vars_, "hosts": {"web1": first}}}))
    return f"{TOP}/inventories/single,{TOP}/molecule/single/inventory,{written}"


def test_the_first_run_dies_and_shows_no_secret(site: Site) -> None:
    site.kill_at("mongodb : Initiate the replica set")
    if FULL:
        site.kill_at("app : Run the instances", after=2)


def test_a_secret_in_the_output_is_found(site: Site, tmp_path: Path) -> None:
    for number, hidden in enumerate(("false", "true")):
        playbook = tmp_path / f"{number}.yml"
        task = "{ansible.builtin.command: {argv: [echo, '" + PLANTED + "']}, no_log: "
        playbook.write_text(
            f"- {{hosts: localhost, connection: local, gather_facts: false, tasks: [{task}{hidden}}}]}}\n"
        )
        done = run(playbook, "-vvv", inventory=site.inventory)
        assert done.code == 0, done.output
        assert shown(done.output, {"leak": PLANTED}) == ([] if hidden == "true" else ["leak"])


def test_a_secret_of_a_process_is_found() -> None:
    sleep = "import sys; sys.stdin.read()"
    ways: list[tuple[list[str], dict[str, str], str]] = [
        ([quote(PLANTED, safe="")], {}, "arguments"),
        ([], {"LEAK": PLANTED}, "environment"),
    ]
    for arguments, environment, place in ways:
        with subprocess.Popen(
            [sys.executable, "-c", sleep, *arguments], stdin=subprocess.PIPE, env={**os.environ, **environment}
        ) as process:
            with ProcessWatch({"leak": PLANTED}, set()) as watch:
                watch.wait_for_round()
                watch.wait_for_round()
            process.communicate()
        assert {(where.split()[0], name) for where, name in watch.found} == {(place, "leak")}
