# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packs a source on the controller. Private to this collection."""

from __future__ import annotations

import os
import tarfile
from fnmatch import fnmatch
from pathlib import Path
from typing import Callable

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError

TOP = "source"
Run = Callable[[list], str]  # Python 3.8 evaluates this line: no list[str] here.


def pack_folder(folder: Path, exclude: list[str], target: Path) -> None:
    """Links are packed as links."""
    if not folder.is_dir():
        raise ScaleoutError("there is no such folder on the controller", str(folder), "correct app_source.path")

    def wanted(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        name = os.path.basename(entry.name)
        if entry.name != TOP and any(fnmatch(name, pattern) for pattern in exclude):
            return None
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        return entry

    with tarfile.open(str(target), "w:gz", compresslevel=1) as archive:
        archive.add(str(folder), TOP, filter=wanted)


def pack_git(url: str, version: str, folder: Path, target: Path, run: Run) -> str:
    """A branch is that of the repository, not one of the same name elsewhere. Returns the commit."""
    clone = str(folder / "clone.git")
    run(["git", "clone", "--quiet", "--mirror", "--", url, clone])
    git = ["git", f"--git-dir={clone}"]
    revision = run([*git, "rev-parse", "--verify", "--end-of-options", f"{version}^{{commit}}"]).strip()
    run([*git, "archive", "--format=tar.gz", f"--prefix={TOP}/", f"--output={target}", revision])
    return revision
