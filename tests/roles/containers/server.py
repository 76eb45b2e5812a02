# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands for Steedos in an image: answers on port 80 as one process, and tells what it was given without its values.

After SIGUSR1 it does not listen to SIGTERM any more.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import struct
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

HELLO = b"\x10hello\x00\x01\x00\x00\x00\x02$db\x00\x06\x00\x00\x00admin\x00\x00"


def reaches_primary() -> bool:
    """Whether the member that MONGO_URL names first says that it is the primary."""
    member = urlsplit(os.environ["MONGO_URL"].replace(",", "/"))
    document = struct.pack("<i", len(HELLO) + 4) + HELLO
    message = struct.pack("<iiiiiB", 21 + len(document), 1, 0, 2013, 0, 0) + document
    try:
        with socket.create_connection((member.hostname or "", member.port or 27017), timeout=2) as connection:
            connection.sendall(message)
            return b"isWritablePrimary\x00\x01" in connection.recv(65536)
    except OSError:
        return False


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/api/health_check":
            self.answer(200, b"ok")
        elif self.path == "/":
            told = {name: hashlib.sha256(value.encode()).hexdigest() for name, value in os.environ.items()}
            found = {"container": socket.gethostname(), "image": os.environ["IMAGE"], "environment": told}
            self.answer(200, json.dumps({**found, "primary": reaches_primary()}).encode())
        else:
            self.answer(404, b"")

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


signal.signal(signal.SIGUSR1, lambda *_: signal.signal(signal.SIGTERM, signal.SIG_IGN))
ThreadingHTTPServer(("", 80), Handler).serve_forever()
