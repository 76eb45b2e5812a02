# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides which release all hosts of an app are to run."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._release.model import Seen, Wanted
from ansible_collections.scaleout.webapp.plugins.module_utils._release.plan import decide

SPEC: dict[str, Any] = {
    "seen": {"type": "dict", "required": True},
    "hosts": {"type": "list", "elements": "str", "required": True},
    "label": {"type": "str", "default": ""},
    "new": {"type": "bool", "default": False},
    "previous": {"type": "bool", "default": False},
    "before": {"type": "str", "default": ""},
    "source": {"type": "bool", "default": False},
    "steps": {"type": "list", "elements": "str", "default": []},
    "keep": {"type": "int", "default": 5},
}


class ActionModule(ActionBase):
    """Runs on the controller only."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _checked, args = self.validate_argument_spec(argument_spec=SPEC)
        wanted = Wanted(
            seen={name: Seen(**seen) if seen else None for name, seen in args["seen"].items()},
            play_hosts=args["hosts"],
            stamp=datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ"),
            pinned=args["label"],
            new=args["new"],
            previous=args["previous"] and not args["new"],
            before=args["before"],
            source=args["source"],
            steps=args["steps"],
            keep=args["keep"],
        )
        try:
            decision = decide(wanted)
        except ScaleoutError as error:
            raise AnsibleActionFail(str(error)) from error
        if decision.unseen:
            result["warnings"] = [f"not seen, their releases are unknown: {', '.join(decision.unseen)}"]
        result.update(changed=False, **asdict(decision))
        return result
