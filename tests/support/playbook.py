# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of ansible-playbook as their users start them: to the end, or killed half-way."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.secrets import shown

TOP = Path(__file__).resolve().parents[2]
# A run that takes longer hangs: the largest takes a few minutes on two cores.
TIMEOUT = 1800
RECAP = re.compile(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)
# Molecule forces colours, which a recap is read without.
PLAIN = {"ANSIBLE_FORCE_COLOR": "false", "ANSIBLE_NOCOLOR": "true", "PY_COLORS": "0"}


@dataclass(frozen=True)
class Run:
    """What one run said, which is printed only where none of the secrets stands in it."""

    code: int
    output: str = field(repr=False)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    def recap(self) -> dict[str, tuple[int, ...]]:
        """Of each host: how many tasks changed, were unreachable, failed."""
        assert self.code == 0, printable(self.output, self.secrets)
        return {name: tuple(int(count) for count in counts) for name, *counts in RECAP.findall(self.output)}

    def changed(self) -> int:
        return sum(changed for changed, *_bad in self.recap().values())


def printable(output: str, secrets: Mapping[str, str]) -> str:
    """The end of the output, or which secrets it holds."""
    found = shown(output, secrets)
    return f"the output is not printed, it shows {', '.join(found)}" if found else output[-6000:]


def start(playbook: Path | str, *arguments: str, inventory: str, **environment: str) -> subprocess.Popen[str]:
    command = Path(sys.executable).parent / "ansible-playbook"
    ours = {"ANSIBLE_CONFIG": str(TOP / "ansible.cfg"), "ANSIBLE_INVENTORY": inventory, **PLAIN}
    return subprocess.Popen(
        [str(command), str(playbook), *arguments],
        cwd=TOP,
        env={**os.environ, **ours, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def run(
    playbook: Path | str, *arguments: str, inventory: str, secrets: Mapping[str, str] | None = None, **environment: str
) -> Run:
    process = start(playbook, *arguments, inventory=inventory, **environment)
    try:
        output, _none = process.communicate(timeout=TIMEOUT)
    finally:
        kill(process)
    return Run(process.returncode, output, secrets or {})


def kill_at(
    process: subprocess.Popen[str], task: str, after: float = 0.5, secrets: Mapping[str, str] | None = None
) -> str:
    """Kill the run some seconds after this task began, so that it has begun on the hosts too.

    Returns what the run said.
    """
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if line.startswith("TASK [") and task in line:
            break
    else:
        pytest.fail(f"never came to {task!r}: {printable(''.join(said), secrets or {})}")
    time.sleep(after)
    kill(process)
    return "".join([*said, *process.stdout])


def kill(process: subprocess.Popen[str]) -> None:
    """With everything it started: Ansible's workers have sessions of their own, a signal to the group misses them."""
    if process.poll() is not None:
        return
    family = [process.pid]
    for pid in family:
        send(pid, signal.SIGSTOP)
        family += children(pid)
    for pid in family:
        send(pid, signal.SIGKILL)
    process.wait()


def send(pid: int, what: signal.Signals) -> None:
    try:
        os.kill(pid, what)
    except ProcessLookupError:
        return


def children(pid: int) -> list[int]:
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    except FileNotFoundError:
        return []
