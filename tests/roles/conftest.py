# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two real hosts, Debian 12 and 13, on which single roles are run. Needs Docker, and root for a first image."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import container
from tests.support.playbook import Run, run

NETWORK = "scaleout-roles"


@dataclass(frozen=True)
class RoleHosts:
    folder: Path
    addresses: dict[str, str]

    @property
    def inventory(self) -> str:
        return str(self.folder / "hosts.json")

    def play(self, role: str, *arguments: str, **variables: Any) -> Run:
        """Apply the role to both hosts, with these variables."""
        playbook = self.folder / f"{role}.yml"
        playbook.write_text(f"- {{hosts: all, roles: [scaleout.webapp.{role}]}}\n")
        (self.folder / "variables.json").write_text(json.dumps(variables))
        return run(playbook, "--diff", "-e", f"@{self.folder / 'variables.json'}", *arguments, inventory=self.inventory)

    def life(self, role: str, variables: dict[str, Any], change: dict[str, Any]) -> None:
        """Four beats: check on hosts that have nothing, run, run again without a change, change one value."""
        assert self.play(role, "--check", **variables).changed() > 0
        assert self.play(role, **variables).changed() > 0
        assert self.play(role, **variables).changed() == 0
        assert self.play(role, "--check", **variables).changed() == 0
        assert self.play(role, "--check", **variables, **change).changed() > 0
        assert self.play(role, **variables, **change).changed() > 0
        assert self.play(role, **variables, **change).changed() == 0

    def sh(self, host: str, command: str, check: bool = True) -> str:
        """What a command says on a host: both outputs."""
        done = container.done(f"{NETWORK}-{host}", command, subprocess.STDOUT)
        assert not check or done.returncode == 0, f"{host}: {command}: {done.stdout}"
        return done.stdout.strip()


@pytest.fixture(scope="session")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RoleHosts]:
    addresses = {"h1": "172.31.77.11", "h2": "172.31.77.12"}
    others = {"h1": addresses["h2"], "h2": addresses["h1"]}
    images = {"h1": "debian12", "h2": "debian13"}
    found = RoleHosts(tmp_path_factory.mktemp("roles"), addresses)
    here = Path(__file__).parents[2] / "inventories/demo/group_vars/all/testhosts.yml"
    (found.folder / "group_vars").mkdir()
    (found.folder / "group_vars" / "all.yml").write_text(here.read_text())
    inventory = {
        "all": {
            "vars": {"testhost_network": NETWORK, "testhost_subnet": "172.31.77.0/24"},
            "hosts": {
                name: {
                    "ansible_host": address,
                    "testhost_image": images[name],
                    "own_address": address,
                    "other_address": others[name],
                }
                for name, address in addresses.items()
            },
        }
    }
    Path(found.inventory).write_text(json.dumps(inventory))
    created = run("testhosts/create.yml", inventory=found.inventory)
    try:
        assert created.code == 0, created.output
        yield found
    finally:
        run("testhosts/destroy.yml", inventory=found.inventory)
