# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the planner is given. Private to this collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.plugin_utils._profile import Profile
from ansible_collections.scaleout.webapp.plugins.plugin_utils._schema import Place

GROUPS = ("loadbalancer", "app", "cache", "mongodb")
SETTINGS = (
    "webapp_apps",
    "webapp_mongodb",
    "webapp_redis",
    "webapp_memcached",
    "webapp_vip",
    "webapp_firewall",
    "webapp_build_environment",
    "webapp_retired_apps",
)
"""The same for the whole cluster, and read by the plan."""
HOST_VARIABLES = ("webapp_address", "webapp_zone", "webapp_instances")
OTHER_VARIABLES = ("webapp_secrets", "webapp_secrets_from")
"""Given by the inventory too, for the playbooks."""
RUN_VARIABLES = (
    "webapp_maintenance",
    "webapp_only_apps",
    "webapp_reason",
    "webapp_release",
    "webapp_rotate",
    "webapp_rotate_older_than",
    "webapp_take_over_lock",
)
"""Given to one run of a playbook, by -e."""
INTERNAL_VARIABLES = (
    "webapp_acme",
    "webapp_addresses",
    "webapp_app",
    "webapp_apps_with_jobs",
    "webapp_balanced",
    "webapp_balancing",
    "webapp_before",
    "webapp_checked",
    "webapp_checks",
    "webapp_choice",
    "webapp_chosen",
    "webapp_deploy_action",
    "webapp_deploy_back",
    "webapp_deploy_begun",
    "webapp_deploy_brought",
    "webapp_deploy_failures",
    "webapp_deploy_label",
    "webapp_deploy_outcome",
    "webapp_deploy_problem",
    "webapp_deploy_problems",
    "webapp_deploy_reason",
    "webapp_deploy_stopped",
    "webapp_deploy_strange",
    "webapp_deploy_unfinished",
    "webapp_deploy_wanted",
    "webapp_drifting",
    "webapp_ended",
    "webapp_format",
    "webapp_guarded",
    "webapp_here",
    "webapp_holder",
    "webapp_holds",
    "webapp_host",
    "webapp_instances_there",
    "webapp_job_apps",
    "webapp_job_files",
    "webapp_job_sets",
    "webapp_jobs_found",
    "webapp_jobs_there",
    "webapp_journal",
    "webapp_journal_report",
    "webapp_keyfile",
    "webapp_leases",
    "webapp_leaving_ports",
    "webapp_leaving_rules",
    "webapp_leftovers",
    "webapp_line",
    "webapp_lines",
    "webapp_lock",
    "webapp_lock_holder",
    "webapp_mark",
    "webapp_marks",
    "webapp_moved",
    "webapp_name",
    "webapp_nginx_tags",
    "webapp_outside",
    "webapp_pages",
    "webapp_plan",
    "webapp_plan_files",
    "webapp_plan_git",
    "webapp_plan_uses",
    "webapp_planned",
    "webapp_planned_units",
    "webapp_redis_here",
    "webapp_resting",
    "webapp_rotating",
    "webapp_rotation",
    "webapp_rotation_apps",
    "webapp_rotation_begins",
    "webapp_rotation_commit",
    "webapp_rotation_list",
    "webapp_rotation_makes",
    "webapp_rotation_names",
    "webapp_rotation_phase",
    "webapp_rotation_record",
    "webapp_rotation_resumed",
    "webapp_rotation_run",
    "webapp_rotation_told",
    "webapp_said",
    "webapp_scale_balanced",
    "webapp_scale_balanced_on",
    "webapp_scale_balancers",
    "webapp_scale_changes",
    "webapp_scale_hosts",
    "webapp_scale_problem",
    "webapp_scale_problems",
    "webapp_scale_refusals",
    "webapp_scale_run",
    "webapp_scale_run_on",
    "webapp_scale_running",
    "webapp_scale_stopped",
    "webapp_scale_unbalanced",
    "webapp_scale_upstreams",
    "webapp_scale_why",
    "webapp_scaled",
    "webapp_secret_kinds",
    "webapp_secret_values",
    "webapp_secrets_adopted",
    "webapp_secrets_complete",
    "webapp_secrets_elsewhere",
    "webapp_secrets_file",
    "webapp_secrets_journal",
    "webapp_secrets_keyed",
    "webapp_secrets_keyfile",
    "webapp_secrets_list",
    "webapp_secrets_make",
    "webapp_secrets_no_text",
    "webapp_secrets_problems",
    "webapp_secrets_report",
    "webapp_secrets_to_write",
    "webapp_seen",
    "webapp_state",
    "webapp_text",
    "webapp_told",
    "webapp_unbalanced",
    "webapp_unfound",
    "webapp_words",
)
"""Of the collection's own playbooks."""


@dataclass(frozen=True)
class Host:
    """What is declared for one host; never a fact. The last two are unchecked, as the inventory has them."""

    name: str
    address: str
    login_address: str = ""
    login_user: str = ""
    ssh_port: int = 22
    zone: str | None = None
    mongodb_member: Any = None
    instances: Any = None


@dataclass(frozen=True)
class Inputs:
    """The whole input. Hosts and the members of groups are in inventory order; settings are unchecked."""

    hosts: Mapping[str, Host]
    groups: Mapping[str, Sequence[str]]
    settings: Mapping[str, Any]
    profiles: Mapping[str, Profile]
    known_profiles: Sequence[str] = ()
    warnings: Sequence[str] = ()

    def group(self, name: str) -> list[Host]:
        """The hosts of one of our groups."""
        return [self.hosts[host] for host in self.groups.get(name, ())]


class PlanError(ScaleoutError):
    """Everything that is wrong with a plan, at once."""

    def __init__(self, problems: Sequence[ScaleoutError]) -> None:
        self.problems = list(problems)
        count = "one problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(
            "\n".join([f"The plan has {count}. Nothing was touched.", *(f"- {problem}" for problem in problems)])
        )


@dataclass
class App:
    """An application on its way into the plan: what the inventory says, its profile, and what follows from both."""

    name: str
    declared: dict[str, Any]
    profile: Profile
    hosts: list[Host]
    settings: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    shared_paths: list[str] = field(default_factory=list)
    stores: dict[str, dict[str, Any]] = field(default_factory=dict)
    services: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def root(self) -> str:
        return f"/opt/webapp/{self.name}"

    @property
    def place(self) -> Place:
        return Place(path=f"webapp_apps.{self.name}")
