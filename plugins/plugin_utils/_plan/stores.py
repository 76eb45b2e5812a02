# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stores that the apps share: who is in them, how they are reached. Private to this collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.install import check_install
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.jobs import LEASES, leases
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.model import App, Host, Inputs
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.settings import (
    MEMBER,
    MEMCACHED,
    MONGODB,
    REDIS,
    checked,
)
from ansible_collections.scaleout.webapp.plugins.plugin_utils._references import user_reference
from ansible_collections.scaleout.webapp.plugins.plugin_utils._schema import Place, Problems

LOOPBACK = "127.0.0.1"
_LEASES_USER = {
    "name": LEASES,
    "database": LEASES,
    "roles": ["readWrite"],
    "password": f"${{secrets.{LEASES}_mongodb_password}}",
}
GROUP_OF = {"mongodb": "mongodb", "redis": "cache", "memcached": "cache"}
MAX_MEMBERS = 50
MAX_VOTERS = 7
MONGOD_MEMORY_MB = 512
MONGOD_BESIDE_CACHE_MB = 256


def plan_stores(inputs: Inputs, apps: Sequence[App], problems: Problems) -> dict[str, Any]:
    """The stores that some app needs, or that the inventory asks for. Others are None."""
    _check_groups(inputs, apps, problems)
    mongodb = checked(MONGODB, inputs.settings, "webapp_mongodb", problems)
    check_install(mongodb["install"], problems)
    redis = checked(REDIS, inputs.settings, "webapp_redis", problems)
    memcached = checked(MEMCACHED, inputs.settings, "webapp_memcached", problems)
    return {
        "mongodb": _mongodb(inputs, apps, mongodb, problems) if inputs.group("mongodb") else None,
        "redis": _redis(inputs, apps, redis, problems),
        "memcached": {**memcached, "hosts": _listed(inputs.group("cache"))}
        if _wanted(inputs, apps, "memcached")
        else None,
    }


def users_of(store: str, apps: Sequence[App]) -> list[App]:
    """The apps that may use the store."""
    return [app for app in apps if store in app.stores]


def sharers_of(store: str, apps: Sequence[App]) -> list[App]:
    """Those of them that are content with one store for the whole cluster."""
    return [app for app in users_of(store, apps) if not app.stores[store].get("exclusive")]


def shared_hosts(store: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The hosts of a store that all apps use, those left out that have it for one process alone."""
    return [host for host in store["hosts"] if not host.get("exclusive")]


def endpoint(host: Host, port: int) -> str:
    """Address and port as URIs and replica sets write them."""
    return f"{in_uri(host.address)}:{port}"


def in_uri(address: str) -> str:
    """An address as URIs and nginx write it: IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address


def store_references(app: App, stores: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """What a profile may say as `${stores.STORE.KEY}`."""
    found: dict[str, dict[str, str]] = {}
    mongodb, redis, memcached = stores["mongodb"], stores["redis"], stores["memcached"]
    if mongodb and "mongodb" in app.stores:
        login, options = _mongodb_login(mongodb, app.name)
        found["mongodb"] = {
            "uri": f"{login}/{app.name}?{options}",
            "oplog_uri": f"{login}/local?{options}",
            "hosts": login.rpartition("@")[2],
            "database": app.name,
            "user": f"${{secrets.{user_reference(f'{app.name}_mongodb_password')}}}",
            "replica_set": mongodb["replica_set"],
        }
    if redis and app.name in (user["name"] for user in redis["users"]):
        exclusive = app.stores["redis"]["exclusive"]
        address, port = LOOPBACK if exclusive else shared_hosts(redis)[0]["address"], str(redis["port"])
        password = f"${{secrets.{app.name}_redis_password:uri}}"
        found["redis"] = {
            "url": f"redis://{app.name}:{password}@{in_uri(address)}:{port}/0",
            "host": address,
            "port": port,
            "user": app.name,
        }
    if memcached and "memcached" in app.stores:
        servers = [f"{in_uri(host['address'])}:{memcached['port']}" for host in memcached["hosts"]]
        found["memcached"] = {"url": f"memcached://{servers[0]}", "servers": ",".join(servers)}
    return found


def _mongodb_login(mongodb: Mapping[str, Any], user: str) -> tuple[str, str]:
    """Beginning and end of a URI by which a user reaches the database that is called like the user."""
    secret = f"{user}_mongodb_password"
    hosts = ",".join(member["host"] for member in mongodb["members"] if _serves(member))
    login = f"mongodb://${{secrets.{user_reference(secret)}:uri}}:${{secrets.{secret}:uri}}@{hosts}"
    options = f"replicaSet={mongodb['replica_set']}&authSource={user}&readPreference=primary&w=majority"
    return login, options + _tls_options(mongodb["tls"])


def leases_url(mongodb: Mapping[str, Any] | None) -> str:
    """Where guards of jobs meet, or nothing where there are none."""
    if not mongodb or LEASES not in (user["name"] for user in mongodb["users"]):
        return ""
    login, options = _mongodb_login(mongodb, LEASES)
    return f"{login}/{LEASES}?{options}"


def _tls_options(tls: Mapping[str, Any]) -> str:
    """What a connection string says of TLS."""
    trusted = f"&tlsCAFile={quote(tls['client_ca_file'])}" if "client_ca_file" in tls else ""
    return f"&tls=true{trusted}" if tls["clients"] else ""


def store_secrets(inputs: Inputs, apps: Sequence[App], stores: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The secrets of the stores themselves and of their users, who hold them on both sides."""
    servers = {
        "mongodb": [host.name for host in inputs.group("mongodb")] if stores["mongodb"] else [],
        "redis": [host["host"] for host in stores["redis"]["hosts"]] if stores["redis"] else [],
    }
    clients = {**{app.name: [host.name for host in app.hosts] for app in apps}, LEASES: leases(apps)}
    found = []
    if stores["mongodb"]:
        found += [
            _secret("mongodb_admin_password", "mongodb_admin", "the administrator of MongoDB", 24, servers["mongodb"]),
            _secret(
                "mongodb_keyfile",
                "mongodb_keyfile",
                "the members of the replica set, between themselves",
                128,
                servers["mongodb"],
            ),
        ]
    for store, product in (("mongodb", "MongoDB"), ("redis", "Redis")):
        for user in stores[store]["users"] if stores[store] else []:
            name = user["name"]
            holders = [*servers[store], *(host for host in clients[name] if host not in servers[store])]
            used_by = f"{name}, to log in to {product}"
            found.append(_secret(f"{name}_{store}_password", f"{store}_user", used_by, 24, holders))
    return found


def voters(mongodb: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The members that vote."""
    return [member for member in mongodb["members"] if member.get("votes", 1)]


def _secret(name: str, kind: str, used_by: str, length: int, holders: list[str]) -> dict[str, Any]:
    return {
        "name": name,
        "kind": kind,
        "bytes": length,
        "encoding": "hex",
        "generate": True,
        "rotate": True,
        "notice": "",
        "used_by": used_by,
        "holders": holders,
    }


def _check_groups(inputs: Inputs, apps: Sequence[App], problems: Problems) -> None:
    for store, group in GROUP_OF.items():
        needing = [app.name for app in sharers_of(store, apps) if not app.stores[store]["optional"]]
        if needing and not inputs.group(group):
            problems.add(
                f"the group {group} has no host, and {' and '.join(needing)} cannot do without {store}",
                "inventory",
                f"put hosts into it, or make a group of yours its child: {group}: {{children: {{yours: {{}}}}}}",
            )


def _wanted(inputs: Inputs, apps: Sequence[App], store: str) -> bool:
    """A store that apps only can use is there when the inventory asks for it."""
    asked = inputs.settings.get(f"webapp_{store}") is not None
    needed = any(not app.stores[store]["optional"] for app in sharers_of(store, apps))
    return bool(inputs.group("cache")) and (asked or needed)


def _listed(hosts: Sequence[Host]) -> list[dict[str, str]]:
    return [{"host": host.name, "address": host.address} for host in hosts]


def _serves(member: Mapping[str, Any]) -> bool:
    """Whether clients should know of the member."""
    return not (member.get("arbiter_only") or member.get("hidden"))


def _mongodb(inputs: Inputs, apps: Sequence[App], settings: dict[str, Any], problems: Problems) -> dict[str, Any]:
    cache, preferred = settings.pop("cache_mb"), settings.pop("preferred_zone")
    members = [_member(host, settings["port"], preferred, problems) for host in inputs.group("mongodb")]
    if preferred and not any(host.zone == preferred for host in inputs.group("mongodb")):
        problems.add(
            f"prefers the zone {preferred}, and no host of the group mongodb is in it",
            "webapp_mongodb.preferred_zone",
            "give the webapp_zone of one of them",
        )
    plan = {
        **settings,
        "cache_mb": cache,
        "memory_mb": max(MONGOD_MEMORY_MB, (cache or 0) + MONGOD_BESIDE_CACHE_MB),
        "members": members,
        "admin_password": "${secrets.mongodb_admin_password}",
        "keyfile": "${secrets.mongodb_keyfile}",
        "users": [
            {
                "name": app.name,
                "database": app.name,
                "roles": app.stores["mongodb"]["roles"],
                "password": f"${{secrets.{app.name}_mongodb_password}}",
            }
            for app in users_of("mongodb", apps)
        ]
        + ([_LEASES_USER] if leases(apps) else []),
    }
    _check_members(plan, problems)
    _check_tls(plan, problems)
    return plan


def _member(host: Host, port: int, preferred: str | None, problems: Problems) -> dict[str, Any]:
    place = Place(f"host {host.name}", "mongodb_member")
    given = {} if host.mongodb_member is None else MEMBER.check(host.mongodb_member, place, problems)
    passive = (
        given.get("arbiter_only") or given.get("hidden") or given.get("votes") == 0 or given.get("secondary_delay_secs")
    )
    if passive and given.get("priority"):
        problems.add(
            "has a priority, but such a member cannot become primary",
            place,
            "take priority away (arbiters, hidden, delayed and non-voting members have 0)",
        )
    if given.get("arbiter_only") and given.get("hidden"):
        problems.add("is arbiter and hidden", place, "an arbiter holds no data to hide: leave one of them")
    if host.zone is not None and not given.get("arbiter_only"):
        # Read preferences and write concerns can name zones by it.
        given = {**given, "tags": {"zone": host.zone, **given.get("tags", {})}}
    priority = 2 if preferred and host.zone == preferred else 1
    return {"host": endpoint(host, port), "priority": 0 if passive else priority, **given}


def _check_tls(mongodb: Mapping[str, Any], problems: Problems) -> None:
    tls = mongodb["tls"]
    if tls["clients"] and tls["mode"] == "disabled":
        problems.add(
            "lets clients use TLS, and its mode is disabled", "webapp_mongodb.tls", "set mode to allowTLS or more"
        )
    if tls["mode"] == "requireTLS" and not tls["clients"]:
        problems.add(
            "requires TLS, and clients do not use it",
            "webapp_mongodb.tls",
            "set clients to true and let the apps have it first, with mode allowTLS or preferTLS",
        )


def _check_members(mongodb: Mapping[str, Any], problems: Problems) -> None:
    members, voting = mongodb["members"], voters(mongodb)
    if len(members) > MAX_MEMBERS:
        problems.add(
            f"has {len(members)} hosts, a replica set has at most {MAX_MEMBERS} members",
            "inventory: mongodb",
            "take hosts out of the group",
        )
    if len(voting) > MAX_VOTERS:
        problems.add(
            f"has {len(voting)} voting members, a replica set has at most {MAX_VOTERS}",
            "inventory: mongodb",
            "give the others the host variable mongodb_member: {votes: 0, priority: 0}",
        )
    if not any(member["priority"] for member in members):
        problems.add(
            "has no member that can become primary",
            "inventory: mongodb",
            "let mongodb_member of one host leave priority above 0",
        )


def _redis(inputs: Inputs, apps: Sequence[App], settings: dict[str, Any], problems: Problems) -> dict[str, Any] | None:
    """The shared one on the first host of the caches, and one on each host of those that cannot share."""
    exclusive = [app for app in users_of("redis", apps) if app.stores["redis"]["exclusive"]]
    _check_exclusive(exclusive, problems)
    sharers = sharers_of("redis", apps)
    # Without users Redis would be open to everybody, so it needs an app that can use it.
    shared = inputs.group("cache")[:1] if sharers and _wanted(inputs, apps, "redis") else []
    users = [app for app in users_of("redis", apps) if shared or app in exclusive]
    if not users:
        return None
    names = dict.fromkeys(host.name for app in exclusive for host in app.hosts if host not in shared)
    lasting = any(app.stores["redis"]["persistence"] == "aof" for app in users)
    return {
        **settings,
        "persistence": settings["persistence"] or ("aof" if lasting else "none"),
        "hosts": [*_listed(shared), *({"host": name, "address": LOOPBACK, "exclusive": True} for name in names)],
        "users": [{"name": app.name, "password": f"${{secrets.{app.name}_redis_password}}"} for app in users],
    }


def _check_exclusive(apps: Sequence[App], problems: Problems) -> None:
    """The Redis of a host serves one process of those that cannot share."""
    users: dict[str, list[App]] = {}
    for app in apps:
        for service in app.services.values():
            for instance in service["instances"]:
                users.setdefault(instance["host"], []).append(app)
    crowded = [(name, found) for name, found in users.items() if len(found) > 1]
    if not crowded:
        return
    (host, found), more = crowded[0], len(crowded) - 1
    names = " and ".join(dict.fromkeys(app.name for app in found))
    problems.add(
        f"{len(found)} processes of {names} would share one Redis on {host}"
        + (f" (and so on {more} more)" if more else "")
        + ", which a profile keeps for one (stores.redis.exclusive)",
        "webapp_apps",
        "have one on each host and more hosts, or choose settings of the profile that want no such Redis",
    )
