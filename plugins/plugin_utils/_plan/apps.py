# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings an app of the inventory and its profile together. Private to this collection."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.model import App, Host, Inputs
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.settings import (
    INSTANCES,
    RESERVED,
    domain_problem,
)
from ansible_collections.scaleout.webapp.plugins.plugin_utils._profile import NAME
from ansible_collections.scaleout.webapp.plugins.plugin_utils._schema import Place, Problems, suggestion

MAX_PORT = 65535
SHOWN_HOSTS = 3
PASSWORD_IN_URL = re.compile(r"[a-z+]+://[^/@]*:[^/@]+@")


def merge_apps(inputs: Inputs, declared: Mapping[str, dict[str, Any]], problems: Problems) -> list[App]:
    """The apps in the order of their names, so that the order in the inventory does not matter."""
    counts = _instance_counts(inputs, declared, problems)
    apps = []
    reported: set[str] = set()
    for name in sorted(declared):
        place = Place(path=f"webapp_apps.{name}")
        _check_name(name, place, problems)
        wanted = declared[name]["profile"]
        profile = inputs.profiles.get(wanted)
        if wanted and profile is None:
            problems.add(
                f"no profile is called {wanted}", place / "profile", suggestion(wanted, list(inputs.known_profiles))
            )
        if profile is None:
            continue
        if wanted not in reported:
            problems.found.extend(profile.problems)
            reported.add(wanted)
        if not profile.data["services"]:
            continue
        app = App(name, declared[name], profile, _hosts(inputs, declared[name]["hosts"], place / "hosts", problems))
        _check_logins(app, problems)
        _settings(app, problems)
        _services(app, counts.get(name, {}), problems)
        apps.append(app)
    _check_domains(declared, problems)
    return apps


def _check_name(name: str, place: Place, problems: Problems) -> None:
    NAME.check(name, place, problems)
    if RESERVED.fullmatch(name):
        problems.add("is a name that the system, a store or singleton_cron uses", place, "give the app another name")


def _hosts(inputs: Inputs, wanted: list[str] | None, place: Place, problems: Problems) -> list[Host]:
    """The app hosts, in inventory order."""
    hosts = inputs.group("app")
    if wanted is None:
        return hosts
    known = {host.name: host for host in hosts}
    for name in wanted:
        if name not in known:
            problems.add(f"{name} is not in the group app", place, suggestion(name, list(known)[:20]))
    names = set(wanted)
    chosen = [host for host in hosts if host.name in names]
    if not wanted:
        problems.add("the app has no host", place, "name hosts of the group app, or take the key away for all of them")
    return chosen


def _check_logins(app: App, problems: Problems) -> None:
    """The account of an app, which is called as the app is, is no account to log in to."""
    hosts = [host.name for host in app.hosts if host.login_user == app.name]
    if hosts:
        more = f" and {len(hosts) - SHOWN_HOSTS} more hosts" if len(hosts) > SHOWN_HOSTS else ""
        problems.add(
            f"is the user that Ansible logs in as on {', '.join(hosts[:SHOWN_HOSTS])}{more} (ansible_user), and would "
            "become the user of the app, which nobody can log in as",
            app.place,
            "give the app another name",
        )


def _settings(app: App, problems: Problems) -> None:
    """Values of the profile's settings, and what the chosen ones bring with them."""
    known: dict[str, dict[str, Any]] = app.profile.data["settings"]
    given = app.declared["settings"]
    for name in given:
        if name not in known:
            problems.add(
                f"the profile {app.profile.name} has no such setting",
                app.place / "settings" / name,
                suggestion(name, list(known)),
            )
    fragments = [app.profile.data]
    for name, setting in known.items():
        value = setting["default"] if given.get(name) is None else given[name]
        choices = setting["choices"]
        if choices and value not in choices:
            if name in given:
                problems.add(f"is {value!r}, must be one of {', '.join(choices)}", app.place / "settings" / name)
        elif choices:
            fragments.append(choices[value])
        app.settings[name] = value
    for fragment in fragments:
        app.environment.update(fragment["environment"])
        app.shared_paths += [path for path in fragment["shared_paths"] if path not in app.shared_paths]
        app.stores.update({store: needs for store, needs in fragment["stores"].items() if needs is not None})


def _services(app: App, counts: Mapping[str, dict[str, int]], problems: Problems) -> None:
    """The services as the inventory changes them, with their instances."""
    services: dict[str, dict[str, Any]] = app.profile.data["services"]
    changes = app.declared["services"]
    for name in changes:
        if name not in services:
            problems.add(
                f"the profile {app.profile.name} has no such service",
                app.place / "services" / name,
                suggestion(name, list(services)),
            )
    for name, service in services.items():
        change = changes.get(name, {})
        merged = {
            **service,
            **change,
            "health": {**service["health"], **change.get("health", {})},
        }
        merged["instances"] = _instances(app, name, merged, counts.get(name, {}), problems)
        app.services[name] = merged


def _instances(
    app: App, service: str, merged: Mapping[str, Any], counts: Mapping[str, int], problems: Problems
) -> list[dict[str, Any]]:
    first, usual = merged["port"], merged["instances"]
    here = app.place / "services" / service
    most = max((counts.get(host.name, usual) for host in app.hosts), default=0)
    if app.hosts and not most:
        problems.add("has no instance on any host", here, "let webapp_instances of a host be at least 1")
    if first + most - 1 > MAX_PORT:
        problems.add(
            f"{most} instances from port {first} on end above port {MAX_PORT}", here / "port", "give it a lower port"
        )
        return []
    return [
        {"host": host.name, "address": host.address, "port": port, "unit": f"{app.name}-{service}@{port}.service"}
        for host in app.hosts
        for port in range(first, first + counts.get(host.name, usual))
    ]


def _instance_counts(
    inputs: Inputs, declared: Mapping[str, dict[str, Any]], problems: Problems
) -> dict[str, dict[str, dict[str, int]]]:
    """app -> service -> host -> number, for hosts that want another number than usual."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    for host in inputs.hosts.values():
        if host.instances is None:
            continue
        place = Place(f"host {host.name}", "webapp_instances")
        for app, services in INSTANCES.check(host.instances, place, problems).items():
            if app not in declared:
                problems.add("there is no such app", place / app, suggestion(app, sorted(declared)))
                continue
            profile = inputs.profiles.get(declared[app]["profile"])
            for service, count in services.items():
                if profile and service not in profile.data["services"]:
                    problems.add(
                        f"the profile {profile.name} has no such service",
                        place / app / service,
                        suggestion(service, list(profile.data["services"])),
                    )
                found.setdefault(app, {}).setdefault(service, {})[host.name] = count
    return found


def _check_domains(declared: Mapping[str, dict[str, Any]], problems: Problems) -> None:
    owners: dict[str, str] = {}
    for name in sorted(declared):
        for at, given in enumerate(declared[name]["domains"]):
            place = Place(path=f"webapp_apps.{name}") / "domains" / at
            domain = given.lower()
            problem = domain_problem(domain) if domain else ""
            if problem:
                problems.add(f"{given!r} {problem}", place)
            elif domain in owners:
                problems.add(
                    f"the domain {domain} belongs to the app {owners[domain]} already",
                    place,
                    "leave it to one of them, once",
                )
            if domain:
                owners.setdefault(domain, name)
    defaults = [name for name in sorted(declared) if declared[name]["default"]]
    if len(defaults) > 1:
        problems.add(
            f"{' and '.join(defaults)} all have default: true",
            "webapp_apps",
            "unknown host names can go to one app only: leave it to one",
        )


def check_source(app: str, declared: Mapping[str, Any], problems: Problems) -> None:
    """Exactly one place that a release comes from."""
    place = Place(path=f"webapp_apps.{app}") / "source"
    source = declared["source"]
    kinds = [kind for kind in ("path", "archive", "git") if kind in source]
    if not kinds:
        problems.add("says nowhere to take the app from", place, "give it one of path, archive and git (with version)")
    elif len(kinds) > 1:
        problems.add(f"has {' and '.join(kinds)}", place, "give it only one of them")
    elif kinds == ["git"] and PASSWORD_IN_URL.match(source["git"]):
        problems.add(
            "has a password in its URL, which would be seen in process lists and logs",
            place / "git",
            "use SSH, or a credential helper of git on this machine",
        )
    elif kinds == ["git"] and "version" not in source:
        problems.add("has git without version", place, "add version: a branch, a tag or a commit")
    for key, kind in (("version", "git"), ("exclude", "path"), ("checksum", "archive")):
        if key in source and len(kinds) == 1 and kinds != [kind]:
            problems.add(f"has {key}, which only {kind} takes, beside {kinds[0]}", place, f"take {key} away")
