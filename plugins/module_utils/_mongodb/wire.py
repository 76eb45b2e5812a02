# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# One question and one answer (OP_MSG of MongoDB's wire protocol); the driver has three connections and two threads.

from __future__ import annotations

import socket
import struct
from typing import Any

HEADER_BYTES = 16
OP_MSG = 2013
MAX_BYTES = 48_000_000


def ask(address: tuple[str, int], command: dict[str, Any], connect: float, answer: float) -> dict[str, Any]:
    """Send one command with its `$db`; wait so many seconds to connect, and to be answered.

    What the server says, an error of its own too. OSError where nothing comes.
    """
    import bson

    body = struct.pack("<iB", 0, 0) + bson.encode(command)
    with socket.create_connection(address, connect) as connection:
        connection.settimeout(answer)
        connection.sendall(struct.pack("<4i", HEADER_BYTES + len(body), 1, 0, OP_MSG) + body)
        with connection.makefile("rb") as stream:
            header = stream.read(HEADER_BYTES)
            size, *_numbers, kind = struct.unpack("<4i", header) if len(header) == HEADER_BYTES else (0, 0)
            size = size if kind == OP_MSG else 0
            found = stream.read(size - HEADER_BYTES) if HEADER_BYTES < size <= MAX_BYTES else b""
    if not found or len(found) < size - HEADER_BYTES:
        raise ConnectionError("it closed the connection, or does not speak as MongoDB does")
    # Before the document stand its flags and its kind.
    document: dict[str, Any] = bson.decode(found[5:])
    return document
