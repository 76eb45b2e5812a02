# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# One at a time in a folder: a run whose connection was cut goes on until it ends by itself.

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError


@contextlib.contextmanager
def alone(folder: Path, what: str, seconds: float) -> Iterator[None]:
    """Nobody else who asks for it is at work there meanwhile; it is waited for so long."""
    opened = os.open(folder, os.O_RDONLY)
    deadline = time.monotonic() + seconds
    try:
        while not locked(opened):
            if time.monotonic() > deadline:
                raise ScaleoutError(f"another {what} is at work there", str(folder), "wait until it ends")
            time.sleep(1)
        yield
    finally:
        os.close(opened)


def locked(opened: int) -> bool:
    """Whether it is locked for this process now."""
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
