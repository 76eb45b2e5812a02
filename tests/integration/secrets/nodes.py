# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of an inventory that are folders of this machine, and plays over them."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.support.playbook import Run, run
from tests.support.ports import free_port

LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
KEYS: dict[str, Any] = {
    "json": ["modules", "express", "secret"],
    "php": "secret",
    "javascript": ["session", "secret"],
    "dotenv": "SECRET",
    "raw": None,
}


class Nodes:
    """Some hosts; the files of each are in a folder of its own."""

    def __init__(self, folder: Path, count: int = 5) -> None:
        self.folder = folder
        self.names = [f"h{number}" for number in range(1, count + 1)]
        self.down: set[str] = set()
        self.given: dict[str, str] = {}
        self.environment: dict[str, str] = {}
        for name in self.names:
            (folder / name).mkdir()
        # Nothing listens there.
        self.nowhere = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": free_port()}

    def path(self, host: str, name: str) -> Path:
        return self.folder / host / name

    def secret(self, name: str, format_: str = "json", file: str = "", **options: Any) -> dict[str, Any]:
        """A secret that each holder has in its own folder."""
        holders = options.pop("holders", self.names)
        about = {field: options.pop(field) for field in ("owner", "group", "mode", "key") if field in options}
        key = about.pop("key", KEYS[format_])
        keyed = {"key": key} if key else {}
        files = [
            {"path": str(self.path(host, file or f"{name}.{format_}")), "format": format_, "hosts": [host], **keyed}
            for host in holders
        ]
        if name in self.given:
            options["value"] = "{{ given['" + name + "'] }}"
        return {"name": name, "holders": holders, "files": [{**file, **about} for file in files], **options}

    def play(
        self, *secrets: dict[str, Any], after: Sequence[dict[str, Any]] = (), entry: str = "main", **more: Any
    ) -> Path:
        """A playbook that runs the role, and leaves the report in a file."""
        here = "__shared_secrets_item | default(inventory_hostname)"
        role = {
            "name": "Have the same secrets",
            "include_role": {"name": "scaleout.webapp.shared_secrets", "tasks_from": entry},
            "vars": {
                "shared_secrets_list": list(secrets),
                "shared_secrets_record": f"{self.folder}/{{{{ {here} }}}}/record.json",
                **more,
            },
        }
        keep = {
            "name": "Keep the report",
            "copy": {"content": "{{ shared_secrets_report | to_json }}", "dest": str(self.folder / "report.json")},
            "check_mode": False,
            "diff": False,
            "run_once": True,
            "changed_when": False,
            "delegate_to": "localhost",
            "vars": LOCAL,
        }
        tasks = [role, keep, *after]
        path = self.folder / f"play{len(list(self.folder.glob('play*.yml')))}.yml"
        path.write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": tasks}], allow_unicode=True))
        return path

    def inventory(self) -> str:
        hosts = {name: self.nowhere if name in self.down else LOCAL for name in self.names}
        path = self.folder / "inventory.yml"
        path.write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
        return str(path)

    def run(self, playbook: Path, *arguments: str, **environment: str) -> Run:
        given = self.folder / "given.yml"
        # As people have values in a vaulted file that look like templates.
        lines = [f"  {name}: !unsafe {json.dumps(value, ensure_ascii=False)}\n" for name, value in self.given.items()]
        given.write_text("given:\n" + "".join(lines))
        return run(
            playbook,
            *(["-e", f"@{given}"] if self.given else []),
            *arguments,
            inventory=self.inventory(),
            secrets=self.given,
            **{**self.environment, **environment},
        )

    def have(self, *secrets: dict[str, Any], **more: Any) -> Run:
        return self.run(self.play(*secrets, **more))

    def report(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "report.json").read_text()))

    def tree(self) -> dict[str, tuple[Any, ...]]:
        """Everything of all hosts but the guards of locks: owner, mode, time and content."""
        found = {}
        for name in self.names:
            for path in sorted((self.folder / name).rglob("*")):
                if path.is_file() and path.suffix != ".guard":
                    state = path.stat()
                    about = (state.st_uid, state.st_gid, state.st_mode, state.st_mtime_ns)
                    found[str(path.relative_to(self.folder))] = (*about, path.read_bytes())
        return found

    def texts(self, name: str) -> dict[str, str]:
        """What the hosts have in a file of this name."""
        paths = {host: self.path(host, name) for host in self.names}
        return {host: path.read_text() for host, path in paths.items() if path.exists()}

    def clear(self) -> None:
        for name in self.names:
            shutil.rmtree(self.folder / name)
            (self.folder / name).mkdir()
