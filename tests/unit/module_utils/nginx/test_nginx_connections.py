from __future__ import annotations

import os
import socket
from pathlib import Path

from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.connections import (
    counts,
    endpoints_of,
    remote_ends,
    sockets_of,
)

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
LINE = "   0: 0100007F:8000 {} {} 00000000:00000000 00:00000000 00000000     0        0 {} 1 0 20\n"


def test_addresses_in_the_order_of_the_machine() -> None:
    table = HEAD + LINE.format("1505000A:0BB8", "01", "7") + LINE.format("1505000A:0BB8", "0A", "8")
    assert remote_ends(table) == {"7": "10.0.5.21:3000"}
    assert remote_ends(HEAD + LINE.format("0A000515:0BB8", "01", "7"), little_endian=False) == {"7": "10.0.5.21:3000"}
    six = "B80D0120000000000000000001000000:0BB8"
    assert remote_ends(HEAD + LINE.format(six, "01", "7")) == {"7": "[2001:db8::1]:3000"}
    mapped = "0000000000000000FFFF00001505000A:0BB8"
    assert remote_ends(HEAD + LINE.format(mapped, "01", "7")) == {"7": "10.0.5.21:3000"}


def test_real_connections_of_this_process_only() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        wanted = {"a": endpoints_of("127.0.0.1", port), "b": endpoints_of("127.0.0.1", 1)}
        tables = [Path("/proc/net/tcp")]
        with socket.create_connection(("127.0.0.1", port)), socket.create_connection(("localhost", port)):
            texts = [table.read_text() for table in tables]
            assert counts(wanted, sockets_of([os.getpid()]), texts) == {"a": 2, "b": 0}
            assert counts(wanted, sockets_of([1 << 22]), texts) == {"a": 0, "b": 0}


def test_names_are_resolved() -> None:
    assert "127.0.0.1:80" in endpoints_of("localhost", 80)
    assert endpoints_of("[::0001]", 80) == {"[::1]:80"}
