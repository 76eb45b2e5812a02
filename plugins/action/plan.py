# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans the cluster on the controller, from what the inventory declares."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.vars import load_extra_vars
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.plugin_utils._files import with_files
from ansible_collections.scaleout.webapp.plugins.plugin_utils._git import check_git
from ansible_collections.scaleout.webapp.plugins.plugin_utils._inventory import Inventory
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.model import Inputs
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.planner import plan_cluster
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.text import plan_text
from ansible_collections.scaleout.webapp.plugins.plugin_utils._profile import (
    Profile,
    find_profile,
    known_profiles,
    parse_profile,
)
from ansible_collections.scaleout.webapp.plugins.plugin_utils._usage import PARTS, Usage, parts_of_run


class ActionModule(ActionBase):
    """Reads inventory and profiles, returns the plan."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Plan, or fail with all problems at once."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(
            {
                "files": {"type": "str", "choices": ["require", "warn"], "default": "require"},
                "git": {"type": "bool", "default": False},
                "uses": {
                    "type": "dict",
                    "options": {part: {"type": "list", "elements": "str"} for part in PARTS},
                },
                "hosts": {"type": "list", "elements": "str"},
            }
        )
        variables = task_vars or {}
        folders = self._folders(variables)
        inventory = Inventory(variables, self._templar)
        usage = _usage(options, variables, inventory.groups)
        settings, missed = with_files(inventory.settings(), folders, usage)
        hosts = inventory.hosts()
        required = options["files"] == "require"
        lacking, silent = check_git(settings["webapp_apps"], usage) if options["git"] else ([], [])
        odd = inventory.warnings(load_extra_vars(self._loader))
        inputs = Inputs(
            hosts=hosts,
            groups=inventory.groups,
            settings=settings,
            profiles=_profiles(settings["webapp_apps"], folders),
            known_profiles=known_profiles(folders),
            warnings=[*odd, *([] if required else map(str, missed)), *silent],
        )
        try:
            plan = plan_cluster(inputs, [*inventory.problems, *(missed if required else []), *lacking])
        except ScaleoutError as error:
            raise AnsibleActionFail(str(error)) from error
        return {
            **result,
            "changed": False,
            "plan": plan,
            "text": plan_text(plan),
            "warnings": plan["warnings"],
        }

    def _folders(self, variables: Mapping[str, Any]) -> list[Path]:
        """Where relative paths of the inventory start: beside the inventory, then beside the playbook."""
        known = (variables.get("inventory_dir"), variables.get("playbook_dir"))
        return [Path(str(folder)) for folder in dict.fromkeys(known) if folder]


def _usage(options: Mapping[str, Any], variables: Mapping[str, Any], groups: Mapping[str, list[str]]) -> Usage:
    """What this run uses, by its tags and its limit."""
    parts: Collection[str] = PARTS
    if options["uses"] is not None:
        uses = {part: tags for part, tags in options["uses"].items() if tags is not None}
        parts = parts_of_run(uses, variables.get("ansible_run_tags", ["all"]), variables.get("ansible_skip_tags", []))
    return Usage(parts, options["hosts"], groups)


def _profiles(apps: Any, folders: list[Path]) -> dict[str, Profile]:
    """The profiles that the apps name, as far as they are found."""
    found: dict[str, Profile] = {}
    for app in apps.values() if isinstance(apps, Mapping) else ():
        name = app.get("profile") if isinstance(app, Mapping) else None
        path = find_profile(name, folders) if isinstance(name, str) else None
        if path and name not in found:
            found[str(name)] = parse_profile(str(name), path.read_text(encoding="utf-8"), str(path))
    return found
