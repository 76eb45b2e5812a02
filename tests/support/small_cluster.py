# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster of real hosts with tiny apps, on which playbooks are run. Needs Docker, and root for a first image."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support import container
from tests.support.playbook import TOP, Run, run

SOURCE = TOP / "tests" / "roles" / "app" / "site"
TESTHOSTS = TOP / "inventories" / "demo" / "group_vars" / "all" / "testhosts.yml"
CACHE = Path(os.environ.get("SCALEOUT_CACHE") or Path.home() / ".cache" / "scaleout-webapp")
BARE = {
    "description": "An app without packages and static files",
    "runtime": {"name": "node", "version": ">=22"},
    "environment": {"ADDRESS": "${host.address}", "RELEASE": "${release.id}", "GREETING": "${app.name}"},
    "services": {
        "web": {
            "command": "node server.js",
            "port": 3000,
            "port_variable": "PORT",
            "instances": 1,
            "health": {"path": "/healthz"},
        }
    },
    "routes": [{"path": "/", "service": "web"}],
}
TINY = {
    **BARE,
    "description": "An app with static files",
    "build": [{"name": "assets", "command": "node build.js"}],
    # Long enough to be killed in.
    "release_steps": [{"name": "migrate", "command": "node migrate.js", "environment": {"MIGRATION_SECONDS": "2"}}],
    "writable_paths": ["public/uploads"],
    "static": ["public"],
    "routes": [{"path": "/", "service": "web", "static_root": "public"}],
}


class SmallCluster:
    """What the inventory says, to be changed by the test; runs of playbooks with it; and what the hosts then show.

    `images` names the operating system of each host, `prefix` the first three bytes of their addresses.
    """

    def __init__(self, folder: Path, network: str, prefix: str, images: Mapping[str, str]) -> None:
        self.folder = folder
        self.network = network
        self.prefix = prefix
        self.images = images
        self.vip = f"{prefix}.10"
        for name, profile in (("tiny", TINY), ("bare", BARE)):
            path = folder / "profiles" / f"{name}.yml"
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(profile))
        (folder / "group_vars").mkdir()
        (folder / "group_vars" / "all.yml").write_text(TESTHOSTS.read_text())
        self.hosts = {name: f"{prefix}.{number}" for number, name in enumerate(images, 11)}
        self.addresses = dict(self.hosts)
        self.groups: dict[str, Sequence[str]] = {}
        self.apps: dict[str, dict[str, Any]] = {}
        self.variables: dict[str, Any] = {
            "webapp_vip": {"address": self.vip, "prefix": 24, "interface": "eth0", "router_id": 76}
        }

    @staticmethod
    def app(name: str, profile: str, port: int, source: Path = SOURCE) -> dict[str, Any]:
        return {
            "profile": profile,
            "domains": [f"{name}.test"],
            "source": {"path": str(source)},
            "runtime": {"archive": str(CACHE / "node" / "node-22.20.0.tar.gz")},
            "services": {"web": {"port": port}},
        }

    def inventory(self) -> str:
        shared = {"testhost_network": self.network, "testhost_subnet": f"{self.prefix}.0/24"}
        hosts = {
            name: {"ansible_host": address, "testhost_image": self.images.get(name, "debian12")}
            for name, address in self.hosts.items()
        }
        groups: dict[str, Any] = {
            group: {"hosts": {name: {} for name in names}} for group, names in self.groups.items()
        }
        everything = {"vars": {**shared, **self.variables, "webapp_apps": self.apps}, "hosts": hosts}
        path = self.folder / "hosts.json"
        path.write_text(json.dumps({"all": everything, **groups}))
        return str(path)

    def play(self, playbook: str, *arguments: str) -> Run:
        return run(playbook, *arguments, inventory=self.inventory(), ANSIBLE_TIMEOUT="5")

    def site(self, *arguments: str) -> Run:
        return self.play("playbooks/site.yml", *arguments)

    def settles(self) -> None:
        """A run changes something, and the next one nothing."""
        assert self.site("--diff").changed() > 0
        assert self.site().changed() == 0

    def sh(self, host: str, command: str) -> str:
        return container.sh(f"{self.network}-{host}", command)

    def get(self, address: str, app: str, path: str = "/") -> tuple[str, str]:
        """What a visitor of the app gets there, and of which type."""
        request = urllib.request.Request(f"http://{address}{path}", headers={"Host": f"{app}.test"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode().strip(), answer.headers.get("Content-Type")

    def holders(self) -> list[str]:
        return [host for host in self.addresses if f" {self.vip}/" in self.sh(host, "ip -o addr show eth0")]

    def wait_for_holder(self, host: str) -> None:
        for _try in range(100):
            if self.holders() == [host]:
                return
            time.sleep(0.2)
        pytest.fail(f"the virtual IP is on {self.holders()}, not on {host}")

    @contextmanager
    def up(self) -> Iterator[None]:
        """Its hosts exist."""
        subprocess.run([sys.executable, str(TOP / "tools" / "fetch_node.py")], check=True, stdout=subprocess.DEVNULL)
        created = self.play("testhosts/create.yml")
        try:
            assert created.code == 0, created.output
            yield
        finally:
            self.hosts = dict(self.addresses)
            self.play("testhosts/destroy.yml")
