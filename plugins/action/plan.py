# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans the cluster on the controller, from what the inventory declares."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.model import GROUPS, VARIABLES, Host, Inputs
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.planner import plan_cluster
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.text import plan_text
from ansible_collections.scaleout.webapp.plugins.plugin_utils._profile import (
    Profile,
    find_profile,
    known_profiles,
    parse_profile,
)


class ActionModule(ActionBase):
    """Reads inventory and profiles, returns the plan."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _requires_connection = False
    _VALID_ARGS: frozenset[str] = frozenset()

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Plan, or fail with all problems at once."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        folders = self._folders(variables)
        problems: list[ScaleoutError] = []
        settings = {name: self._setting(name, variables, problems) for name in VARIABLES}
        apps = settings["webapp_apps"] if isinstance(settings["webapp_apps"], Mapping) else {}
        inputs = Inputs(
            hosts=self._hosts(variables, problems),
            groups={group: [str(host) for host in variables["groups"].get(group, [])] for group in GROUPS},
            settings={**settings, "webapp_apps": _with_sources(apps, folders, problems) or settings["webapp_apps"]},
            profiles=_profiles(apps, folders),
            known_profiles=known_profiles(folders),
        )
        try:
            plan = plan_cluster(inputs, problems)
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

    def _setting(self, name: str, variables: Mapping[str, Any], problems: list[ScaleoutError]) -> Any:
        try:
            return self._templar.template(variables.get(name))
        except AnsibleError as error:
            problems.append(ScaleoutError(f"cannot be read: {_line(error)}", name, "give every variable in it a value"))
            return None

    def _hosts(self, variables: Mapping[str, Any], problems: list[ScaleoutError]) -> dict[str, Host]:
        """The hosts of our groups, in inventory order; the variables of each are looked up once."""
        wanted = {host for group in GROUPS for host in variables["groups"].get(group, [])}
        return {
            str(name): _host(str(name), variables["hostvars"][name], problems)
            for name in variables["groups"]["all"]
            if name in wanted
        }


def _host(name: str, declared: Mapping[str, Any], problems: list[ScaleoutError]) -> Host:
    def read(variable: str, usual: Any = None) -> Any:
        try:
            value = declared.get(variable)
        except AnsibleError as error:
            problems.append(
                ScaleoutError(
                    f"{variable} of {name} cannot be read: {_line(error)}",
                    "inventory",
                    "the plan is made from declared values only, before any facts are known",
                )
            )
            value = None
        return usual if value is None else value

    login_address = str(read("ansible_host", name))
    ssh_port = str(read("ansible_port", 22))
    if not ssh_port.isdecimal():
        problems.append(ScaleoutError(f"ansible_port of {name} is {ssh_port!r}, must be a number", "inventory"))
    zone = read("webapp_zone")
    return Host(
        name=name,
        address=str(read("webapp_address", login_address)),
        login_address=login_address,
        ssh_port=int(ssh_port) if ssh_port.isdecimal() else 22,
        zone=None if zone is None else str(zone),
        mongodb_member=read("mongodb_member"),
        instances=read("webapp_instances"),
    )


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _profiles(apps: Mapping[str, Any], folders: list[Path]) -> dict[str, Profile]:
    """The profiles that the apps name, as far as they are found."""
    found = {}
    for app in apps.values():
        name = app.get("profile") if isinstance(app, Mapping) else None
        path = find_profile(name, folders) if isinstance(name, str) else None
        if path and name not in found:
            found[str(name)] = parse_profile(str(name), path.read_text(encoding="utf-8"), str(path))
    return found


def _with_sources(apps: Mapping[str, Any], folders: list[Path], problems: list[ScaleoutError]) -> dict[str, Any]:
    """The apps with the sources on this controller as absolute paths."""
    return {name: _with_source(str(name), app, folders, problems) for name, app in apps.items()}


def _with_source(name: str, app: Any, folders: list[Path], problems: list[ScaleoutError]) -> Any:
    source = app.get("source") if isinstance(app, Mapping) else None
    if not isinstance(source, Mapping):
        return app
    resolved = dict(source)
    for kind, exists in (("path", Path.is_dir), ("archive", Path.is_file)):
        given = source.get(kind)
        if not isinstance(given, str) or "://" in given:
            continue
        places = [folder / Path(given).expanduser() for folder in folders]
        found = next((place for place in places if exists(place)), None)
        if found:
            resolved[kind] = str(found.resolve())
        else:
            problems.append(
                ScaleoutError(
                    f"there is no {'folder' if kind == 'path' else 'file'} {given}",
                    f"webapp_apps.{name}.source.{kind}",
                    f"looked at {', '.join(str(place) for place in dict.fromkeys(places))}",
                )
            )
    return {**app, "source": resolved}
