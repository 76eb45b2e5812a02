# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.client import Client
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.model import (
    Desired,
    NginxConfigError,
    Plan,
    Running,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.plan import make_plan


@dataclass(frozen=True)
class Outcome:
    plan: Plan
    running: Running
    warnings: list[str]


def converge(desired: Desired, client: Client, executable: str | None, check: bool) -> Outcome:
    """Test, switch, reload, see that it runs; go back if it does not."""
    running = client.running()
    plan = make_plan(desired, client.read(), running, client.main.name)
    warnings: list[str] = []
    if plan.write or plan.reload:
        if executable:
            warnings = client.test(executable, desired)
        elif not check:
            raise NginxConfigError("nginx is not installed, or give its path in executable", stage="input")
    if not check and plan.changed:
        _apply(desired, client, plan, running)
    return Outcome(plan, running, warnings)


def _apply(desired: Desired, client: Client, plan: Plan, running: Running) -> None:
    if plan.write:
        client.commit(desired, plan.previous if running.pid else None)
    if plan.reload and running.pid:
        try:
            client.reload(running.pid, desired.generation)
        except NginxConfigError as error:
            raise _restored(desired, client, plan, running.pid, error) from error
    client.clean(plan.stale)


def _restored(desired: Desired, client: Client, plan: Plan, pid: int, error: NginxConfigError) -> NginxConfigError:
    if plan.previous is None or plan.previous == desired.main:
        return NginxConfigError(f"{error}\nThere is no earlier configuration to go back to.", error.stage)
    try:
        client.restore(pid, desired, plan.previous)
    except NginxConfigError as again:
        return NginxConfigError(f"{error}\nThe earlier configuration is back on disk, but: {again}", "restore")
    return NginxConfigError(f"{error}\nThe earlier configuration is restored and running.", error.stage)
