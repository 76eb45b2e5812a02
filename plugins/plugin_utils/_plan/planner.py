# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From declared data to one plan, in one pure function. Private to this collection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.advice import warnings_of
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.apps import check_source, merge_apps
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.certificates import check_tls, plan_acme
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.jobs import plan_jobs
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.model import GROUPS, App, Host, Inputs, PlanError
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.network import (
    Firewall,
    plan_site,
    plan_upstreams,
    plan_vip,
)
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.ports import check_ports, listens
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.references import OF_INSTANCE, References
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.settings import (
    APPS,
    BUILD_ENVIRONMENT,
    RETIRED_APPS,
    checked,
)
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.stores import (
    leases_url,
    plan_stores,
    store_references,
    store_secrets,
)
from ansible_collections.scaleout.webapp.plugins.plugin_utils._schema import Place, Problems

VERSION = 1


def plan_cluster(inputs: Inputs, found: Sequence[ScaleoutError] = ()) -> dict[str, Any]:
    """The plan, or a PlanError with everything that is wrong, what the caller found before included."""
    problems = Problems()
    declared: dict[str, dict[str, Any]] = checked(APPS, inputs.settings, "webapp_apps", problems)
    if not declared:
        problems.add(
            "names no app",
            "webapp_apps",
            "add one: webapp_apps: {www: {profile: apostrophe, domains: [...], source: {...}}}",
        )
    for name in sorted(declared):
        check_source(name, declared[name], problems)
        check_tls(name, declared[name], problems)
    checked(BUILD_ENVIRONMENT, inputs.settings, "webapp_build_environment", problems)
    retired = _retired_apps(inputs, declared, problems)
    _check_groups(inputs, problems)
    _check_addresses(inputs, problems)
    apps = merge_apps(inputs, declared, problems)
    stores = plan_stores(inputs, apps, problems)
    secrets = store_secrets(inputs, apps, stores)
    planned, sites = {}, []
    for app in apps:
        references = References(app, _url(app), store_references(app, stores), problems)
        planned[app.name] = _app(app, references, stores["mongodb"] is not None)
        sites.append(plan_site(app, references, problems))
        secrets += _app_secrets(app, references)
    _check_secrets(secrets, problems)
    vip = plan_vip(inputs, problems)
    upstreams = plan_upstreams(apps, problems)
    firewall = Firewall(inputs, apps, stores, problems)
    hosts = _hosts(inputs, apps, stores, firewall, vip is not None)
    check_ports(inputs, hosts, stores, firewall.web_ports, problems)
    problems.found.extend(found)
    if problems.found:
        raise PlanError(problems.found)
    plan = {
        "version": VERSION,
        "warnings": [],
        "secrets": sorted(secrets, key=lambda secret: str(secret["name"])),
        "hosts": hosts,
        "apps": planned,
        "retired_apps": retired,
        "upstreams": upstreams,
        "sites": sites,
        **stores,
        "vip": vip,
        "leases_url": leases_url(stores["mongodb"]),
        "acme": plan_acme(inputs, apps),
        "firewall": firewall.plan(),
    }
    for name, listening in listens(plan, inputs, firewall.web_ports).items():
        hosts[name]["listens"] = listening
    return {**plan, "warnings": [*inputs.warnings, *warnings_of(plan, inputs, apps)]}


def _retired_apps(inputs: Inputs, declared: Mapping[str, Any], problems: Problems) -> list[str]:
    """The apps that are to be removed."""
    if inputs.settings.get("webapp_retired_apps") is None:
        return []
    retired: list[str] = RETIRED_APPS.check(
        inputs.settings["webapp_retired_apps"], Place(path="webapp_retired_apps"), problems
    )
    for name in retired:
        if name in declared:
            problems.add(f"{name} is in webapp_apps too", "webapp_retired_apps", "take it out of one of them")
    return sorted(set(retired))


def _check_groups(inputs: Inputs, problems: Problems) -> None:
    for group in ("app", "loadbalancer"):
        if not inputs.group(group):
            problems.add(
                f"the group {group} has no host",
                "inventory",
                f"put hosts into it, or make a group of yours its child: {group}: {{children: {{yours: {{}}}}}}",
            )


def _check_addresses(inputs: Inputs, problems: Problems) -> None:
    owners: dict[str, str] = {}
    for name in inputs.hosts:
        address = inputs.hosts[name].address
        if address in owners:
            problems.add(
                f"{owners[address]} and {name} have the same address {address}",
                "inventory",
                "give each its own webapp_address",
            )
        owners.setdefault(address, name)


def _url(app: App) -> str:
    domains = [app.declared["canonical"], *app.declared["domains"]]
    scheme = "https" if app.declared["tls"] else "http"
    return app.declared["url"] or f"{scheme}://{next(filter(None, domains), '').lower()}"


def _app(app: App, references: References, mongodb: bool) -> dict[str, Any]:
    """What the role of the app needs to know."""
    config_dir = f"/etc/webapp/{app.name}"
    profile, inventory = Place(app.profile.source), app.place
    data, declared = app.profile.data, app.declared
    targets = {**dict.fromkeys(app.shared_paths), **declared["shared_paths"]}
    return {
        "profile": app.profile.name,
        "user": app.name,
        "uid": app.declared["uid"],
        "group": app.name,
        "root": app.root,
        "config_dir": config_dir,
        "domains": [domain.lower() for domain in declared["domains"]],
        "url": _url(app),
        "hosts": [host.name for host in app.hosts],
        "release": declared["release"],
        "source": declared["source"],
        "runtime": {**data["runtime"], **declared["runtime"]},
        "environment": references.variables(
            (app.environment, profile / "environment"), (declared["environment"], inventory / "environment")
        ),
        "files": [references.file(file, profile / "files" / at) for at, file in enumerate(data["files"])],
        **{
            part: [
                references.step(step, place / part / at)
                for place, steps in ((profile, data[part]), (inventory, declared[part]))
                for at, step in enumerate(steps)
            ]
            for part in ("build", "release_steps")
        },
        "static": data["static"],
        "writable_paths": data["writable_paths"],
        "shared_paths": [{"path": path, "target": target} for path, target in targets.items()],
        "services": {name: _service(app, name, references) for name in app.services},
        "jobs": plan_jobs(app, references, config_dir, mongodb, references.problems),
    }


def _service(app: App, name: str, references: References) -> dict[str, Any]:
    here, there = Place(app.profile.source) / "services" / name, app.place / "services" / name
    usual = app.profile.data["services"][name]["environment"]
    service = {key: value for key, value in app.services[name].items() if key not in ("port", "balance")}
    return {
        **service,
        "command": references.command(service["command"], here / "command", OF_INSTANCE),
        "environment": references.variables(
            (usual, here / "environment"),
            (app.declared["services"].get(name, {}).get("environment", {}), there / "environment"),
            later=OF_INSTANCE,
        ),
    }


def _app_secrets(app: App, references: References) -> Iterator[dict[str, Any]]:
    """The secrets that something refers to, and those that the inventory asks for."""
    for name, secret in references.secrets.items():
        full = f"{app.name}_{name}"
        if full in references.used or name in app.declared["secrets"]:
            yield {
                "name": full,
                "kind": "app",
                "bytes": secret["bytes"],
                "encoding": "hex",
                "generate": secret["generate"],
                "rotate": secret["rotate"],
                "notice": secret["notice"],
                "used_by": f"{app.name}: {secret['description']}" if secret["description"] else app.name,
                "holders": [host.name for host in app.hosts],
            }


def _check_secrets(secrets: Sequence[Mapping[str, Any]], problems: Problems) -> None:
    owners: dict[str, str] = {}
    for secret in secrets:
        name, owner = secret["name"], secret["used_by"]
        if name in owners:
            fix = "give one of the apps or of the secrets another name"
            problems.add(f"{name} would be two secrets, of {owners[name]} and of {owner}", "webapp_secrets", fix)
        owners[name] = owner


def _hosts(
    inputs: Inputs, apps: Sequence[App], stores: Mapping[str, Any], firewall: Firewall, vip: bool
) -> dict[str, dict[str, Any]]:
    """What each host has to carry and to let in."""
    groups: dict[str, list[str]] = {}
    for group in sorted(GROUPS):
        for name in inputs.groups.get(group, ()):
            groups.setdefault(name, []).append(group)
    instances: dict[str, list[dict[str, Any]]] = {name: [] for name in groups}
    for app in apps:
        for service_name, service in app.services.items():
            for instance in service["instances"]:
                instances[instance["host"]].append(
                    {
                        "app": app.name,
                        "service": service_name,
                        "port": instance["port"],
                        "unit": instance["unit"],
                        "memory_mb": service["memory_mb"],
                    }
                )
    memory = _store_memory(inputs, stores)
    return {
        name: _host(host, groups[name], instances[name], memory.get(name, 0), firewall, vip)
        for name, host in inputs.hosts.items()
        if name in groups
    }


def _host(
    host: Host, groups: list[str], instances: list[dict[str, Any]], store_memory: int, firewall: Firewall, vip: bool
) -> dict[str, Any]:
    return {
        "address": host.address,
        "ssh_port": host.ssh_port,
        "zone": host.zone,
        "groups": groups,
        "instances": instances,
        "memory_mb": store_memory + sum(instance["memory_mb"] for instance in instances),
        "processes": len(instances),
        "firewall": firewall.rules(host, groups, instances, vip),
    }


def _store_memory(inputs: Inputs, stores: Mapping[str, Any]) -> dict[str, int]:
    memory: dict[str, int] = {}
    mongodb, redis, memcached = stores["mongodb"], stores["redis"], stores["memcached"]
    claims = [(host.name, mongodb["memory_mb"]) for host in inputs.group("mongodb")] if mongodb else []
    claims += [(host["host"], redis["maxmemory_mb"]) for host in redis["hosts"]] if redis else []
    claims += [(host["host"], memcached["memory_mb"]) for host in memcached["hosts"]] if memcached else []
    for name, megabytes in claims:
        memory[name] = memory.get(name, 0) + megabytes
    return memory
