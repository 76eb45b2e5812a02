"""Ports of this machine that nothing listens on."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator

# Below the kernel's own range for outgoing connections, which may take a port between its choice and its use.
FIRST, LAST = 15_000, 32_000
WORKERS = 8


def candidates() -> Iterator[int]:
    """The ports of this worker's share, from a random one on, again and again."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
    share = (LAST - FIRST) // WORKERS
    offset = random.randrange(share)
    while True:
        yield FIRST + worker * share + offset
        offset = (offset + 1) % share


_candidates = candidates()


def free_port() -> int:
    """A port that was free a moment ago, never the same for two callers of one test run."""
    for port in _candidates:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
            return port
    raise AssertionError("unreachable: the candidates have no end")
