# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/site.yml at its most talkative, killed and watched. The variables are those of tests/cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from tests.support.playbook import TOP, Run, kill_at, run, start
from tests.support.secrets import ProcessWatch, shown

APP_USERS = {"www"}
TALKATIVE = ("-vvv", "--diff")


@dataclass
class Site:
    """playbooks/site.yml with one inventory. Every run must keep the secrets to itself."""

    inventory: str
    secrets: dict[str, str] = field(repr=False)
    output: Path
    runs: int = 0

    def run(self) -> Run:
        with self.watched():
            done = run("playbooks/site.yml", *TALKATIVE, inventory=self.inventory, secrets=self.secrets)
        self.keep(done.output)
        return done

    def kill_at(self, task: str, after: float = 0.5) -> None:
        with self.watched():
            process = start("playbooks/site.yml", *TALKATIVE, inventory=self.inventory)
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
def site() -> Site:
    output = TOP / "tests" / "output"
    output.mkdir(parents=True, exist_ok=True)
    secrets = yaml.safe_load(Path(os.environ["SCALEOUT_SECRETS"]).read_text())["webapp_secrets"]
    assert secrets
    return Site(os.environ["SCALEOUT_INVENTORY"], secrets, output)
