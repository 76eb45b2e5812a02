# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a database host: what one member says of its set, and what it lets whom do."""

from __future__ import annotations

import json
import sys
from typing import Any

import pymongo
from pymongo.errors import OperationFailure


def refusal(client: Any, database: str, collection: str) -> int:
    """The server's error code, 0 where it let us in."""
    try:
        client[database][collection].find_one()
    except OperationFailure as error:
        return int(error.code or -1)
    return 0


ask = json.load(sys.stdin)
here = {
    "host": ask["address"],
    "port": ask["port"],
    "directConnection": True,
    "serverSelectionTimeoutMS": 5000,
    "readPreference": "secondaryPreferred",
}
anyone = pymongo.MongoClient(**here)
hello = anyone.admin.command("hello")
login = {"username": ask["user"], "authSource": ask["database"]}
user = pymongo.MongoClient(**here, **login, password=ask["password"])
impostor = pymongo.MongoClient(**here, **login, password=ask["password"] + "x")
json.dump(
    {
        "set": hello.get("setName"),
        "members": sorted(hello.get("hosts", [])),
        "primary": bool(hello.get("isWritablePrimary")),
        "secondary": bool(hello.get("secondary")),
        "anyone": refusal(anyone, ask["database"], "aposDocs"),
        "impostor": refusal(impostor, ask["database"], "aposDocs"),
        "user": refusal(user, ask["database"], "aposDocs"),
        "user_elsewhere": refusal(user, "admin", "system.users"),
    },
    sys.stdout,
)
