# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(folder: Path, seconds: float, busy: Exception) -> Iterator[None]:
    """One process at a time works in the folder, in which no file is made for it. Others are waited for so long."""
    descriptor = os.open(folder, os.O_RDONLY)
    deadline = time.monotonic() + seconds
    try:
        while not locked(descriptor):
            if time.monotonic() > deadline:
                raise busy
            time.sleep(0.2)
        yield
    finally:
        os.close(descriptor)


def locked(descriptor: int) -> bool:
    """Whether this process has the lock now; it ends with the descriptor, so also with the process."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
