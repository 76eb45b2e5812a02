# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory says, host by host, read once and hardly templated. Private to this collection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.model import (
    GROUPS,
    HOST_VARIABLES,
    INTERNAL_VARIABLES,
    OTHER_VARIABLES,
    RUN_VARIABLES,
    SETTINGS,
    Host,
)
from ansible_collections.scaleout.webapp.plugins.plugin_utils._schema import closest

PREFIX = "webapp_"
GIVEN = (*SETTINGS, *HOST_VARIABLES, *OTHER_VARIABLES)
KNOWN = frozenset((*GIVEN, *RUN_VARIABLES, *INTERNAL_VARIABLES))
SHOWN_HOSTS = 3
ABSENT = object()


class Inventory:
    """Reads what Ansible hands to an action. What is wrong is collected in problems, what is odd in warnings."""

    def __init__(self, variables: Mapping[str, Any], templar: Any) -> None:
        self.variables = variables
        self.templar = templar
        self.problems: list[ScaleoutError] = []
        self.groups = {group: [str(host) for host in variables["groups"].get(group, [])] for group in GROUPS}
        members = {host for hosts in self.groups.values() for host in hosts}
        names = [str(name) for name in variables["groups"]["all"] if name in members]
        self.raw: dict[str, Mapping[str, Any]] = {name: variables["hostvars"].raw_get(name) for name in names}
        self.first = next(iter(self.raw.values()), {})

    def settings(self) -> dict[str, Any]:
        """The variables of the whole cluster, as the first host of the run sees them."""
        for name in SETTINGS:
            self._agree(name)
        return {name: self._setting(name) for name in SETTINGS}

    def hosts(self) -> dict[str, Host]:
        """The hosts of our groups, in inventory order."""
        return {name: self._host(name, raw) for name, raw in self.raw.items()}

    def warnings(self, extra: Mapping[str, Any]) -> Iterator[str]:
        """Variables that nothing reads, and numbers that only this run has; `extra` is what was given by -e."""
        if "webapp_instances" in extra:
            yield (
                "webapp_instances is given by -e: for all hosts, and for this run only. The next one without it makes "
                "the cluster as the inventory says, so write the numbers there."
            )
        unknown: dict[str, list[str]] = {}
        for host, raw in self.raw.items():
            for name in raw:
                if name.startswith(PREFIX) and name not in KNOWN:
                    unknown.setdefault(str(name), []).append(host)
        for name, hosts in sorted(unknown.items()):
            meant = closest(name, GIVEN)
            yield (
                f"Nothing reads the variable {name} of {_listed(hosts)}. "
                f"{f'Did you mean {meant}?' if meant else 'docs/profiles.md lists those that are.'}"
            )

    def _agree(self, name: str) -> None:
        """Compares what the hosts have, untemplated, with what the first of them has."""
        first = self.first.get(name, ABSENT)
        found: dict[str, list[str]] = {}
        for host, raw in self.raw.items():
            value = raw.get(name, ABSENT)
            same = value is first or (value is not ABSENT and first is not ABSENT and value == first)
            found.setdefault("absent" if value is ABSENT else "given" if same else "another value", []).append(host)
        if len(found) > 1:
            said = "; ".join(f"{how} on {_listed(hosts)}" for how, hosts in found.items())
            self.problems.append(
                ScaleoutError(
                    f"is not the same on all hosts ({said})",
                    name,
                    "the cluster has one value: put it into group_vars/all beside the inventory, and nowhere else",
                )
            )

    def _setting(self, name: str) -> Any:
        try:
            return self.templar.template(self.variables.get(name, self.first.get(name)))
        except AnsibleError as error:
            self.problems.append(
                ScaleoutError(f"cannot be read: {_line(error)}", name, "give every variable in it a value")
            )
            return None

    def _host(self, name: str, raw: Mapping[str, Any]) -> Host:
        login_address = str(self._of_host(name, raw, "ansible_host", name))
        ssh_port = str(self._of_host(name, raw, "ansible_port", 22))
        if not ssh_port.isdecimal():
            what = f"ansible_port of {name} is {ssh_port!r}, must be a number"
            self.problems.append(ScaleoutError(what, "inventory"))
        zone = self._of_host(name, raw, "webapp_zone")
        return Host(
            name=name,
            address=str(self._of_host(name, raw, "webapp_address", login_address)),
            login_address=login_address,
            login_user=str(self._of_host(name, raw, "ansible_user", "")),
            ssh_port=int(ssh_port) if ssh_port.isdecimal() else 22,
            zone=None if zone is None else str(zone),
            mongodb_member=self._of_host(name, raw, "mongodb_member"),
            instances=self._of_host(name, raw, "webapp_instances"),
        )

    def _of_host(self, name: str, raw: Mapping[str, Any], variable: str, usual: Any = None) -> Any:
        value = raw.get(variable)
        try:
            if self.templar.is_template(value):
                value = self.variables["hostvars"][name][variable]
        except AnsibleError as error:
            value = None
            self.problems.append(
                ScaleoutError(
                    f"{variable} of {name} cannot be read: {_line(error)}",
                    "inventory",
                    "the plan is made from declared values only, before any facts are known",
                )
            )
        return usual if value is None else value


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _listed(hosts: Sequence[str]) -> str:
    more = len(hosts) - SHOWN_HOSTS
    return f"{', '.join(hosts[:SHOWN_HOSTS])}{f' and {more} more' if more > 0 else ''}"
