# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.

from __future__ import annotations

from dataclasses import dataclass, field


class NginxConfigError(Exception):
    """What is wrong, in words, and where."""

    def __init__(self, message: str, stage: str, file: str | None = None, line: int | None = None) -> None:
        super().__init__(message)
        self.stage = stage
        self.file = file
        self.line = line


@dataclass(frozen=True)
class Desired:
    """The wanted configuration, placeholders filled in; `files` are relative to `folder`."""

    main: str
    files: dict[str, str]
    tree: str
    generation: str

    @property
    def folder(self) -> str:
        return f"{self.tree}/{self.generation}"


@dataclass(frozen=True)
class Disk:
    """What lies on disk: the main file, the generations beside it, and the main file of the last one known to run."""

    main: str | None
    generations: dict[str, dict[str, str]] = field(default_factory=dict)
    rollback: str | None = None


@dataclass(frozen=True)
class Running:
    """The master process and the generation that it answers with; None where there is none."""

    pid: int | None
    generation: str | None


@dataclass(frozen=True)
class Change:
    """One file that differs; None where it does not exist."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Plan:
    changes: list[Change]
    write: bool
    reload: bool
    previous: str | None
    stale: list[str]
    clean: bool

    @property
    def changed(self) -> bool:
        return self.write or self.reload or self.clean
