# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs as root on any host: the state that playbooks/site.yml made, as one flat mapping.

What differs by nature is left out.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import subprocess
import sys
from typing import Any

# Made anew on every host: its keys, and passwords that a role makes for itself there; and the digests of an app's
# configuration, which has the name of the release in it.
OWN = re.compile(
    r"/etc/(ssh/ssh_host_.*|machine-id|shadow-?|ld\.so\.cache|(passwd|group|gshadow)-|.*admin.*|webapp/\w+/\w+\.digest)$"
)
RELEASE = re.compile(r"\d{8}T\d{6}Z")
# The digest of such a password, among the users of Redis.
OWN_DIGEST = re.compile(r"(?<=^user scaleout-admin on #)[0-9a-f]{64}", re.MULTILINE)
TREES = {"/etc": 99, "/opt/webapp": 4, "/srv/shared": 4, "/usr/local": 3, "/tmp": 1, "/var/tmp": 1}


def plain(text: str) -> str:
    """Without the names of releases, which are moments, and without what a role makes for itself."""
    return OWN_DIGEST.sub("OWN", RELEASE.sub("RELEASE", text))


def output(*command: str) -> str:
    return subprocess.run(command, stdout=subprocess.PIPE, check=False, text=True).stdout


def content(path: str) -> str:
    if os.path.islink(path):
        return plain(os.readlink(path))
    if not os.path.isfile(path) or not path.startswith("/etc/"):
        return ""
    with open(path, "rb") as file:
        return hashlib.sha256(
            plain(file.read().decode("utf-8", "surrogateescape")).encode("utf-8", "replace")
        ).hexdigest()


def files(top: str, depth: int) -> dict[str, str]:
    found = {}
    for folder, folders, names in os.walk(top):
        paths = [os.path.join(folder, name) for name in [*folders, *names]]
        if folder.count("/") - top.count("/") >= depth - 1:
            folders.clear()
        for path in paths:
            if not OWN.match(path) and "/systemd-private-" not in path:
                status = os.lstat(path)
                found[plain(path)] = f"{status.st_mode:o} {status.st_uid}:{status.st_gid} {content(path)}"
    return found


def units() -> dict[str, str]:
    found = {}
    for line in output(
        "systemctl", "list-units", "--all", "--plain", "--no-legend", "--type=service,timer"
    ).splitlines():
        name, load, active, sub = line.split()[:4]
        if active != "inactive":
            found["unit " + plain(name)] = f"{load} {active} {sub}"
    for line in output("systemctl", "list-unit-files", "--no-legend", "--state=enabled").splitlines():
        found["at boot " + line.split()[0]] = "enabled"
    # What systemd and SSH start for a moment.
    return {
        name: value
        for name, value in found.items()
        if not re.search(r"systemd-|user@|user-|session|apt-|run-|scaleout-cron-.*service", name)
    }


def mongodb(ask: dict[str, str]) -> dict[str, object]:
    import pymongo

    client: Any = pymongo.MongoClient(
        ask["address"],
        directConnection=True,
        username="admin",
        password=ask["password"],
        readPreference="secondaryPreferred",
        serverSelectionTimeoutMS=5000,
    )
    config = client.admin.command("replSetGetConfig")["config"]
    settings = {key: value for key, value in config["settings"].items() if key != "replicaSetId"}
    users = client.admin["system.users"].find({}, {"user": 1, "db": 1, "roles": 1, "_id": 0})
    return {
        "members": config["members"],
        "settings": settings,
        "users": sorted(users, key=lambda user: (user["db"], user["user"])),
        "databases": sorted(client.list_database_names()),
    }


ask = json.load(sys.stdin)
state: dict[str, object] = {**units()}
for top, depth in TREES.items():
    state.update(files(top, depth))
for folder in glob.glob("/opt/webapp/*/*/"):
    state["entries in " + folder] = len(os.listdir(folder))
state["packages"] = output("dpkg-query", "--show")
state["firewall"] = (
    output("nft", "--stateless", "list", "table", "inet", "scaleout") if os.path.exists("/usr/sbin/nft") else ""
)
if os.path.exists("/etc/mongod.conf"):
    state.update({"mongodb " + key: value for key, value in mongodb(ask).items()})
json.dump(state, sys.stdout, default=str)
