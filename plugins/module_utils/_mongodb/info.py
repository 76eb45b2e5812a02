# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# What a set says of itself, in the words of mongodb_replicaset's options.

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.client import Commands
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.model import (
    FIELDS,
    SETTINGS,
    Config,
    Member,
    normalise,
    unmarked,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.wanted import complete_write_concern

PRIMARY = 1


def members_of(config: Config) -> list[dict[str, Any]]:
    """The members as the option of that name takes them."""
    return [_member(member) for member in config.members]


def _member(member: Member) -> dict[str, Any]:
    fields = {name: getattr(member, name) for name in FIELDS}
    if member.joining:
        # Its vote and priority are not its own yet; whoever takes this list as the wanted one finishes what was begun.
        del fields["votes"], fields["priority"]
    return {"host": member.host, **fields, "tags": unmarked(member.tags)}


def lags(status: dict[str, Any]) -> dict[str, float]:
    """Seconds that each member with data is behind the primary, or behind the newest where there is none."""
    dated = [one for one in status["members"] if "optimeDate" in one and one.get("health") == 1]
    newest = [one["optimeDate"] for one in dated if one["state"] == PRIMARY] or [one["optimeDate"] for one in dated]
    return {
        normalise(one["name"]): max(0.0, (max(newest) - one["optimeDate"]).total_seconds())
        for one in dated
        if one["optimeDate"].year > 1970
    }


def status_of(config: Config, status: dict[str, Any], versions: dict[str, str]) -> list[dict[str, Any]]:
    """How each member does, as the member that was asked sees it."""
    known = {normalise(one["name"]): one for one in status["members"]}
    behind = lags(status)
    shown = []
    for member in config.members:
        one = known.get(member.name, {})
        shown.append(
            {
                "host": member.host,
                "id": member.id,
                "state": one.get("stateStr", "UNKNOWN"),
                "healthy": one.get("health") == 1,
                "lag": behind.get(member.name),
                "uptime": one.get("uptime"),
                "version": versions.get(member.name, ""),
                "joining": member.joining,
                "message": one.get("lastHeartbeatMessage") or one.get("infoMessage") or "",
            }
        )
    return shown


def read_set(client: Commands, seed: str) -> dict[str, Any]:
    """Everything about the set of this member, from its primary, or from itself where there is none."""
    hello = client.command(seed, "hello", login=False)
    primary = normalise(hello["primary"]) if hello.get("primary") else ""
    source = primary if primary and hello["primary"] != hello["me"] else seed
    config = Config.of(client.command(source, "replSetGetConfig")["config"])
    status = client.command(source, "replSetGetStatus")
    defaults = client.command(source, "getDefaultRWConcern")
    explicit = defaults.get("defaultWriteConcernSource", "global") == "global"
    concern = defaults.get("defaultWriteConcern") if explicit else None
    alive = [normalise(one["name"]) for one in status["members"] if one.get("health") == 1]
    with ThreadPoolExecutor(max(1, len(alive))) as pool:
        versions = dict(zip(alive, pool.map(lambda address: _version(client, address), alive)))
    return {
        "replica_set": config.name,
        "set_id": str(config.identity or ""),
        "config_version": config.version,
        "primary": primary,
        "members": members_of(config),
        "settings": {key: value for key, value in config.settings.items() if key in SETTINGS},
        "default_write_concern": complete_write_concern(concern) if concern else None,
        "status": status_of(config, status, versions),
    }


def _version(client: Commands, address: str) -> str:
    """Of the program; empty where this host cannot ask."""
    try:
        return str(client.command(address, "buildInfo", login=False)["version"])
    except ScaleoutError:
        return ""
