# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says for this run of Ansible who takes the deploy lock, and sees whether the one who holds it is dead."""

from __future__ import annotations

import getpass
import hashlib
import os
import platform
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.scaleout.webapp.plugins.module_utils._lock.model import Holder, Process, is_dead


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def start_of(pid: int) -> str:
    """When a process of this machine began, in ticks since the boot (proc(5), field 22); empty if there is none."""
    after_name = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    # Field 3 is the first after the name; a zombie runs no more.
    return after_name[19] if after_name and after_name[0] != "Z" else ""


def this_process() -> Process:
    """The ansible process that this worker belongs to."""
    pid = os.getppid()
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    machine = f"{platform.node()} {_text('/etc/machine-id')} {namespace}" if namespace else ""
    return Process(machine, _text("/proc/sys/kernel/random/boot_id"), pid, start_of(pid))


class ActionModule(ActionBase):
    """Asks the host once, and once more to take over."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        here = this_process()
        args = dict(self._task.args)
        take_over = bool(args.get("take_over"))
        run_id = hashlib.sha256(repr(here).encode()).hexdigest()[:16]
        since = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        owner = args.get("owner") or f"{getpass.getuser()}@{platform.node()}"
        holder = Holder(run_id, owner, args.get("reason") or "", since, here, args.get("note") or {})
        args["holder"] = asdict(holder)
        answer = self._ask(args, task_vars)
        if answer.get("failed") or answer.get("unreachable"):
            return {**result, **answer}
        found = self._holder(answer["found"])
        dead = bool(found and found.run != run_id and is_dead(found.process, here, start_of(found.process.pid)))
        answer["dead"] = dead
        if args.get("state", "present") != "present":
            return {**result, **answer}
        took_over = False
        if found and found.run != run_id:
            if not dead and not take_over:
                raise AnsibleActionFail(self._refusal(found))
            took_over = True
            if not self._task.check_mode:
                again = self._ask({**args, "over": found.run}, task_vars)
                if not again.get("mine"):
                    raise AnsibleActionFail(self._refusal(self._holder(again.get("found") or {}) or found))
                answer = {**again, "found": answer["found"], "dead": dead}
        return {**result, **answer, "took_over": took_over}

    def _ask(self, args: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        return dict(self._execute_module("scaleout.webapp.deploy_lock", module_args=args, task_vars=task_vars))

    @staticmethod
    def _holder(data: dict[str, Any]) -> Holder | None:
        return Holder(**{**data, "process": Process(**data["process"])}) if data else None

    @staticmethod
    def _refusal(found: Holder) -> str:
        return (
            f"the deploy lock is held by {found}. Wait until that run has ended."
            " If it is known to be dead: take_over=true, or -e webapp_take_over_lock=true of a playbook"
        )
