# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The very first run on fresh hosts dies.

Molecule's converge and idempotence then show that the next one ends well.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from tests.interrupted.conftest import Site
from tests.support.full import FULL
from tests.support.playbook import run
from tests.support.secrets import ProcessWatch, shown

PLANTED = 'planted, and "not" a secret'


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
