# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host holds of an app's releases, and what is to be done about it. Private to this collection."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MARKER = ".scaleout-release.json"
"""The last file of a release: a folder without it was never finished."""

LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# What a release is called that nobody named.
STAMP = re.compile(r"\d{8}T\d{6}Z")


@dataclass(frozen=True)
class Seen:
    """One host. Labels stand with the UTC stamp of when their release was made."""

    current: str | None = None
    releases: dict[str, str] = field(default_factory=dict)
    artifacts: dict[str, str] = field(default_factory=dict)
    checksums: dict[str, str] = field(default_factory=dict)
    partial: dict[str, list[str]] = field(default_factory=dict)
    unfinished: list[str] = field(default_factory=list)
    steps: dict[str, list[str]] = field(default_factory=dict)
    verified: list[str] = field(default_factory=list)
    libc: str = ""


@dataclass(frozen=True)
class Wanted:
    """What the caller asks for. `seen` holds every host of the app; None stands for one that did not answer.

    `previous` asks for the release before the running one. `before` is what ran when an interrupted run began.
    """

    seen: dict[str, Seen | None]
    play_hosts: list[str]
    stamp: str
    pinned: str = ""
    new: bool = False
    previous: bool = False
    before: str = ""
    source: bool = False
    steps: list[str] = field(default_factory=list)
    keep: int = 5


@dataclass(frozen=True)
class Decision:
    """Which release, and who does what to have it on every host of the play."""

    label: str
    made: str
    running: str
    build_host: str | None
    pack_host: str | None
    holder: str | None
    checksum: str | None
    receivers: list[str]
    steps: list[str]
    step_host: str | None
    unseen: list[str]
    surplus: dict[str, list[str]]
    distrusted: list[str]
    why: str


@dataclass(frozen=True)
class Served:
    """A release whose static folders the balancers serve, and who has its artefact."""

    label: str
    holder: str | None
    checksum: str | None
