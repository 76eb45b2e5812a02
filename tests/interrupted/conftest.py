# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/site.yml at its most talkative, killed and watched. The variables are those of tests/cluster."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from tests.support.playbook import TOP, Run, kill_at, run, start
from tests.support.secrets import ProcessWatch, shown

APP_USERS = {"www"}
TALKATIVE = ("-vvv", "--diff")


@dataclass
class Site:
    """playbooks/site.yml with one inventory. Every run must keep the secrets to itself."""

    inventory: str
    secrets: dict[str, str] = field(repr=False)
    given: Path
    output: Path
    runs: int = 0

    @property
    def arguments(self) -> tuple[str, ...]:
        return (*TALKATIVE, "-e", f"@{self.given}")

    def run(self) -> Run:
        with self.watched():
            done = run("playbooks/site.yml", *self.arguments, inventory=self.inventory, secrets=self.secrets)
        self.keep(done.output)
        return done

    def kill_at(self, task: str, after: float = 0.5) -> None:
        with self.watched():
            process = start("playbooks/site.yml", *self.arguments, inventory=self.inventory)
            self.keep(kill_at(process, task, after, self.secrets))

    @contextmanager
    def watched(self) -> Iterator[None]:
        with ProcessWatch(self.secrets, APP_USERS) as watch:
            yield
        assert watch.seen > 1000, "hardly a process was seen"
        assert watch.found == set()

    def keep(self, output: str) -> None:
        """In a file of its own, for whoever wants to know what a failed test saw."""
        self.runs += 1
        found = shown(output, self.secrets)
        if not found:
            (self.output / f"site-run-{self.runs}.log").write_text(output)
        assert found == [], f"run {self.runs} shows secrets"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The values are given, as from a vaulted file: nobody could search for those that the runs make."""
    output = TOP / "tests" / "output"
    output.mkdir(parents=True, exist_ok=True)
    inventory = os.environ["SCALEOUT_INVENTORY"]
    secrets = {secret["name"]: token_hex(secret["bytes"]) for secret in planned_secrets(inventory)}
    assert secrets
    given = tmp_path_factory.mktemp("given") / "secrets.json"
    given.touch(mode=0o600)
    given.write_text(json.dumps({"webapp_secrets": secrets}))
    return Site(inventory, secrets, given, output)


def planned_secrets(inventory: str) -> list[dict[str, Any]]:
    done = run("playbooks/plan.yml", inventory=inventory, ANSIBLE_STDOUT_CALLBACK="ansible.posix.json")
    assert done.code == 0, done.output
    tasks = json.loads(done.output[done.output.index("{") :])["plays"][0]["tasks"]
    (plan,) = {json.dumps(host["plan"]) for host in tasks[0]["hosts"].values()}
    return list(json.loads(plan)["secrets"])
