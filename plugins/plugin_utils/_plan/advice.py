# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is allowed and yet probably not meant. Private to this collection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.install import install_warnings
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.model import App, Inputs
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.settings import INSTANCES
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.stores import shared_hosts, sharers_of, voters
from ansible_collections.scaleout.webapp.plugins.plugin_utils._schema import Place, Problems

SHOWN_HOSTS = 3


def warnings_of(plan: Mapping[str, Any], inputs: Inputs, apps: Sequence[App]) -> list[str]:
    """Plain sentences."""
    return [
        *_balancers(plan),
        *_mongodb(plan),
        *_caches(plan, inputs, apps),
        *_instances(inputs, apps),
        *_files(plan),
    ]


def _balancers(plan: Mapping[str, Any]) -> Iterator[str]:
    balancers = [name for name, host in plan["hosts"].items() if "loadbalancer" in host["groups"]]
    if len(balancers) == 1 and len(plan["hosts"]) > 1:
        yield f"{balancers[0]} is the only balancer: without it every site is off. Add a second one and webapp_vip."
    if len(balancers) > 1 and not plan["vip"]:
        yield (
            f"There are {len(balancers)} balancers and no webapp_vip: "
            "when one of them is off, its visitors do not reach the others."
        )


def _mongodb(plan: Mapping[str, Any]) -> Iterator[str]:
    if not plan["mongodb"]:
        return
    yield from install_warnings(plan["mongodb"]["install"])
    voting = voters(plan["mongodb"])
    if len(voting) % 2 == 0:
        yield (
            f"The replica set has {len(voting)} voting members: an even number survives no more losses than one fewer. "
            "Add a member, or an arbiter (mongodb_member: {arbiter_only: true})."
        )
    names = {member["host"] for member in voting}
    port = plan["mongodb"]["port"]
    zones = [
        host["zone"]
        for host in plan["hosts"].values()
        if "mongodb" in host["groups"] and {f"{host['address']}:{port}", f"[{host['address']}]:{port}"} & names
    ]
    if len(set(zones)) > 1 and None not in zones:
        zone, count = Counter(zones).most_common(1)[0]
        if count * 2 > len(zones):
            yield f"Zone {zone} has {count} of {len(zones)} voting members: without that zone nothing can be written."


def _caches(plan: Mapping[str, Any], inputs: Inputs, apps: Sequence[App]) -> Iterator[str]:
    hosts = [host.name for host in inputs.group("cache")]
    for store in ("redis", "memcached"):
        users = [app.name for app in sharers_of(store, apps)]
        asked = inputs.settings.get(f"webapp_{store}") is not None
        wanted = ([f"webapp_{store} is given"] if asked else []) + ([f"{', '.join(users)} can use it"] if users else [])
        if wanted and not hosts and (users or not plan[store]):
            yield f"There is no {store}: the group cache has no host, though {' and '.join(wanted)}."
        elif asked and not plan[store]:
            yield f"There is no {store}: webapp_{store} is given, but no app can use it."
    redis = plan["redis"] and shared_hosts(plan["redis"])
    if redis and len(hosts) > 1:
        yield (
            f"Redis runs only on {hosts[0]}, the first host of the group cache, and not on {', '.join(hosts[1:])}: "
            f"without {hosts[0]} there is none."
        )
    if hosts and not redis and not plan["memcached"]:
        yield f"The group cache ({', '.join(hosts)}) has nothing to do: give webapp_redis or webapp_memcached."


def _instances(inputs: Inputs, apps: Sequence[App]) -> Iterator[str]:
    """Numbers of hosts that do not run the app. What hosts that run it have too is of a group, and meant for those."""
    given = {
        name: INSTANCES.check(host.instances, Place(), Problems())
        for name, host in inputs.hosts.items()
        if host.instances is not None
    }
    for app in apps:
        wanted = {name: apps_there[app.name] for name, apps_there in given.items() if app.name in apps_there}
        running = [host.name for host in app.hosts]
        meant = [wanted[name] for name in running if name in wanted]
        idle = [name for name in wanted if name not in running and any(wanted[name].values())]
        odd = [name for name in idle if wanted[name] not in meant]
        if odd:
            shown = ", ".join(odd[:SHOWN_HOSTS]) + (f" and {len(odd) - SHOWN_HOSTS} more" * (len(odd) > SHOWN_HOSTS))
            way = "group app" if app.declared["hosts"] is None else f"list webapp_apps.{app.name}.hosts"
            yield (
                f"webapp_instances of {shown} has a number for {app.name}, which does not run there. "
                f"Take the number away, or put the host into the {way}."
            )


def _files(plan: Mapping[str, Any]) -> Iterator[str]:
    for name, app in plan["apps"].items():
        local = [shared["path"] for shared in app["shared_paths"] if not shared["target"]]
        if local and len(app["hosts"]) > 1:
            yield (
                f"{name} keeps {', '.join(local)} on each of its {len(app['hosts'])} hosts: a file that one of "
                f"them stores is missing on the others. Give webapp_apps.{name}.shared_paths a folder that all of them "
                "mount, or use a storage service."
            )
        mounted = [shared["target"] for shared in app["shared_paths"] if shared["target"]]
        if mounted and len(app["hosts"]) > 1 and app["uid"] is None:
            yield (
                f"{name} shares {', '.join(mounted)} between {len(app['hosts'])} hosts, where its user "
                "may have another number on each: what one host stores another could not write. "
                f"Set webapp_apps.{name}.uid to a free one."
            )
