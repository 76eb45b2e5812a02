# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on any host: connects to each target, says the lines and reports the answers; null where nobody lets it in."""

from __future__ import annotations

import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def talk(address: str, port: int, lines: list[str]) -> Any:
    try:
        with socket.create_connection((address, port), 3) as connection, connection.makefile(
            "rw", newline="\r\n"
        ) as peer:
            answers = []
            for line in lines:
                peer.write(line + "\n")
                peer.flush()
                answers.append(peer.readline().strip())
            return answers
    except OSError:
        return None


with ThreadPoolExecutor(32) as pool:
    json.dump(list(pool.map(lambda target: talk(*target), json.load(sys.stdin))), sys.stdout)
