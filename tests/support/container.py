# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A test host past SSH, as the container that it is."""

from __future__ import annotations

import subprocess


def sh(container: str, command: str, timeout: float = 60) -> str:
    """What the command prints, whether it succeeds or not."""
    return done(container, command, subprocess.PIPE, timeout).stdout.strip()


def done(container: str, command: str, errors: int, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """How the command ended; `errors` is where its errors go, as of subprocess."""
    return subprocess.run(
        ["docker", "exec", container, "sh", "-c", command],
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        timeout=timeout,
        check=False,
    )
