# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands as transient systemd units. Private to this collection."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

LINE = re.compile(r'^([A-Za-z_][A-Za-z0-9_]*)="(.*)"$', re.MULTILINE)
URI_PASSWORD = re.compile(r"(://[^/@:\s]*:)[^/@\s]+@")
# Shorter values are words such as "production" rather than secrets, and would make the output unreadable.
MASKED_FROM = 8
NEVER_MASKED = {"HOME", "PATH"}
SANDBOX = ("NoNewPrivileges=yes", "PrivateTmp=yes", "PrivateDevices=yes", "ProtectSystem=strict", "ProtectHome=yes")


def environment_of(unit: str) -> Path:
    """Where systemd reads the environment."""
    return Path("/run") / unit / "environment"


def argv_of(step: dict[str, Any]) -> list[str]:
    """The call of systemd-run, which waits and ends as the command does."""
    properties = [
        "Type=exec",
        f"User={step['user']}",
        f"Group={step['group']}",
        f"WorkingDirectory={step['chdir']}",
        # systemd removes this directory when the command has ended, whoever waits for it then.
        f"RuntimeDirectory={step['unit']}",
        "RuntimeDirectoryMode=0700",
        f"EnvironmentFile={environment_of(step['unit'])}",
        f"StandardOutput=truncate:{step['log']}",
        f"StandardError=append:{step['log']}",
        f"RuntimeMaxSec={step['timeout']}",
        "UMask=0022",
        *SANDBOX,
        *(f'ReadWritePaths="{path}"' for path in step["writable"]),
    ]
    argv = ["systemd-run", "--quiet", "--wait", "--collect", f"--unit={step['unit']}"]
    argv += [f"--property={item}" for item in properties]
    return [*argv, "--", "/usr/bin/env", *(word.replace("$", "$$") for word in step["command"])]


def read_environment(text: str) -> dict[str, str]:
    """Back from what `environment_text` made."""
    return {name: re.sub(r"\\(.)", r"\1", value) for name, value in LINE.findall(text)}


def masked(text: str, environment: dict[str, str]) -> str:
    """The same text with the names of variables for their values."""
    values = {value: name for name, value in environment.items() if name not in NEVER_MASKED}
    for value in sorted(values, key=len, reverse=True):
        if len(value) >= MASKED_FROM:
            text = text.replace(value, f"${values[value]}")
    return URI_PASSWORD.sub(r"\1***@", text)
