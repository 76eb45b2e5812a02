# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at and changes instances through systemctl. Private to this collection."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Callable

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._health.client import Answer, Check
from ansible_collections.scaleout.webapp.plugins.module_utils._instances.model import (
    VARIABLE,
    Live,
    Plan,
    Step,
    Wanted,
)

UNITS = Path("/etc/systemd/system")
CONFIGURATION = Path("/etc/webapp")
OWNER = re.compile(r"^\[X-Scaleout\]\nApp=(.+)$", re.MULTILINE)
PROPERTIES = "Id,ActiveState,SubState,MainPID,UnitFileState,NeedDaemonReload,NRestarts"
# A service without a health check is up when it stays for this long.
SETTLE = 2.0
Run = Callable[[list], str]  # Python 3.8 evaluates these lines: no list[str] here.
WaitAll = Callable[[list, float], list]


def apps_on_host(units: Path = UNITS, configuration: Path = CONFIGURATION) -> set[str]:
    """Names of the apps that have a unit or a configuration here."""
    found = {match[1] for path in units.glob("*@.service") for match in OWNER.finditer(_unit_text(path))}
    return found | {path.parent.name for path in configuration.glob("*/environment")}


def _unit_text(unit: Path) -> str:
    """Others' units may be dangling links, or no UTF-8."""
    try:
        return unit.read_text(errors="replace")
    except OSError:
        return ""


class Client:
    """systemd on this host. What leaves this process comes in as a callable."""

    def __init__(
        self,
        app: str,
        run: Run,
        wait_all: WaitAll,
        units: Path = UNITS,
        proc: Path = Path("/proc"),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.app = app
        self.run = run
        self.wait_all = wait_all
        self.units = units
        self.proc = proc
        self.sleep = sleep

    # What is there

    def templates(self) -> set[str]:
        """The template units that say they belong to this app."""
        return self.templates_of({self.app})

    def templates_of(self, apps: set[str]) -> set[str]:
        found = ((path.name, OWNER.search(_unit_text(path))) for path in self.units.glob("*@.service"))
        return {name for name, owner in found if owner and owner[1] in apps}

    def live(self, wanted: list[Wanted], templates: set[str]) -> dict[str, Live]:
        known = {item.unit for item in wanted} | self._enabled(templates) | self._loaded(templates)
        return {unit: self._live(values) for unit, values in self._show(sorted(known)).items()}

    def _enabled(self, templates: set[str]) -> set[str]:
        links = self.units.glob("*.wants/*@*.service")
        return {path.name for path in links if path.name.partition("@")[0] + "@.service" in templates}

    def _loaded(self, templates: set[str]) -> set[str]:
        patterns = [name.replace("@.", "@*.") for name in sorted(templates)]
        if not patterns:
            return set()
        listed = self.run(["systemctl", "list-units", "--all", "--plain", "--no-legend", *patterns])
        return {line.split()[0] for line in listed.splitlines() if line.strip()}

    def _show(self, units: list[str]) -> dict[str, dict[str, str]]:
        if not units:
            return {}
        text = self.run(["systemctl", "show", f"--property={PROPERTIES}", *units])
        blocks = [dict(line.partition("=")[::2] for line in block.splitlines()) for block in text.split("\n\n")]
        return {block["Id"]: block for block in blocks if "Id" in block}

    def _live(self, values: dict[str, str]) -> Live:
        pid = values.get("MainPID", "0")
        return Live(
            unit=values["Id"],
            running=values.get("ActiveState") in ("active", "reloading") and pid != "0",
            enabled=values.get("UnitFileState") == "enabled",
            digest=self._digest(pid),
            folder=self._folder(pid),
        )

    def _folder(self, pid: str) -> str:
        try:
            return os.readlink(str(self.proc / pid / "cwd"))
        except OSError:
            return ""

    def _digest(self, pid: str) -> str:
        try:
            content = (self.proc / pid / "environ").read_bytes()
        except OSError:
            return ""
        for entry in content.split(b"\0"):
            name, _equals, value = entry.partition(b"=")
            if name == VARIABLE.encode():
                return value.decode(errors="replace")
        return ""

    # What it does

    def prepare(self, wanted: list[Wanted]) -> None:
        """Let systemd read the units, and only then note the digest that new processes will carry."""
        if any(item["NeedDaemonReload"] == "yes" for item in self._show([item.unit for item in wanted]).values()):
            self.run(["systemctl", "daemon-reload"])
        for path, digest in {item.digest_file: item.digest for item in wanted}.items():
            _write(Path(path), f"{VARIABLE}={digest}\n")

    def digests_noted(self, wanted: list[Wanted]) -> bool:
        return all(_text(Path(item.digest_file)) == f"{VARIABLE}={item.digest}\n" for item in wanted)

    def unwell(self, items: list[Wanted]) -> set[str]:
        """Those that do not answer as they should right now."""
        checked = [item for item in items if item.url]
        answers: list[Answer] = self.wait_all([Check(item.url, item.status, item.timeout) for item in checked], 0)
        return {item.unit for item, answer in zip(checked, answers) if answer.problem}

    def apply(self, plan: Plan, wanted: list[Wanted]) -> None:
        by_name = {item.unit: item for item in wanted}
        stopped: list[str] = []
        for group in plan.groups:
            try:
                self._apply(group, by_name)
            except ScaleoutError as error:
                if not stopped:
                    raise
                hint = f"{error.fix}; {', '.join(stopped)} had been stopped and disabled before, for the port"
                raise ScaleoutError(error.what, error.where, hint) from error
            stopped += [step.unit for step in group if step.action == "stop"]

    def _apply(self, group: list[Step], wanted: dict[str, Wanted]) -> None:
        action, units = group[0].action, [step.unit for step in group]
        if action == "stop":
            self.run(["systemctl", "disable", "--now", *units])
        elif action == "enable":
            self.run(["systemctl", "enable", *units])
        elif action == "forget":
            for name in units:
                (self.units / name).unlink()
            self.run(["systemctl", "daemon-reload"])
        else:
            # A unit between two attempts to start is not running, but a start would do nothing.
            self.run(["systemctl", "restart", *units])
            self._gate([wanted[unit] for unit in units])

    def _gate(self, items: list[Wanted]) -> None:
        checked = [item for item in items if item.url]
        answers: list[Answer] = self.wait_all(
            [Check(item.url, item.status, item.timeout) for item in checked],
            max((item.start_timeout for item in checked), default=0),
        )
        failed = [
            f"{item.unit}: {answer.check.url} {answer.problem}"
            for item, answer in zip(checked, answers)
            if answer.problem
        ]
        if len(checked) < len(items):
            self.sleep(SETTLE)
        # Also where a check passed: the answer may have been that of a stranger on the same port.
        shown = self._show([item.unit for item in items])
        known = {item.unit for item, answer in zip(checked, answers) if answer.problem}
        failed += [f"{unit}: did not stay up" for unit in sorted(shown.keys() - known) if not self._steady(shown[unit])]
        if failed:
            states = ", ".join(f"{name} is {_state(values)}" for name, values in sorted(shown.items()))
            raise ScaleoutError(
                f"{'; '.join(failed)}. {states}", fix=f"see on its host: journalctl -u {failed[0].partition(':')[0]}"
            )

    def _steady(self, values: dict[str, str]) -> bool:
        return self._live(values).running and values.get("NRestarts", "0") == "0"


def _state(values: dict[str, str]) -> str:
    restarts = values.get("NRestarts", "0")
    again = f", restarted {restarts} times by systemd" if restarts != "0" else ""
    return f"{values.get('ActiveState')}/{values.get('SubState')}{again}"


def _text(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None


def _write(path: Path, text: str) -> None:
    if _text(path) == text:
        return
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(str(temporary), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.replace(path)
