# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the files of one app for one host."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._release.render import App, links, render, steps

NO_LABEL = "00000000T000000Z"
LISTS = ("files", "shared_paths", "build", "release_steps")
TEXTS = ("name", "user", "group", "root", "config_dir", "release", "runtime_bin", "address")
SPEC: dict[str, Any] = {
    **{name: {"type": "str", "required": True} for name in TEXTS},
    **{name: {"type": "list", "elements": "dict", "default": []} for name in LISTS},
    "writable_paths": {"type": "list", "elements": "str", "default": []},
    "environment": {"type": "dict", "default": {}},
    "build_environment": {"type": "dict", "default": {}},
    "services": {"type": "dict", "default": {}},
    "enforce_memory": {"type": "bool", "default": False},
    "check_only": {"type": "bool", "default": False},
}


class ActionModule(ActionBase):
    """Runs on the controller only."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _checked, args = self.validate_argument_spec(argument_spec=SPEC)
        check_only, more = args.pop("check_only"), args.pop("build_environment")
        build, release_steps = args.pop("build"), args.pop("release_steps")
        app = App(**{**args, "release": args["release"] or NO_LABEL})
        try:
            made = {
                **asdict(render(app)),
                "build": steps(app, build, more, "app_build"),
                "release_steps": steps(app, release_steps, {}, "app_release_steps"),
                "links": links(app),
            }
        except ScaleoutError as error:
            if check_only:
                return {**result, "changed": False, "mistake": str(error)}
            raise AnsibleActionFail(str(error)) from error
        # What may hold a secret is only returned to a task that makes use of it.
        return {**result, "changed": False, **({"mistake": ""} if check_only else made)}
