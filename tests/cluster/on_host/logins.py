# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a database host: the server's error code for each login, 0 where it let it in."""

from __future__ import annotations

import json
import sys
from typing import Any

import pymongo
from pymongo.errors import OperationFailure


def code(login: dict[str, Any]) -> int:
    client: Any = pymongo.MongoClient(**login, directConnection=True, serverSelectionTimeoutMS=5000)
    try:
        client.admin.command("connectionStatus")
    except OperationFailure as error:
        return int(error.code or -1)
    return 0


json.dump([code(login) for login in json.load(sys.stdin)], sys.stdout)
