# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One tree with the static folders of all kept releases, for nginx. Private to this collection."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path


def wanted_tree(releases: list[Path], folders: list[str], owner: int) -> dict[str, Path | None]:
    """The paths to be served, parents first, each with the file of the first release that has it; a folder has None.

    What belongs to somebody else than `owner` is left out: the app may write there, and is asked for it.
    """
    found: dict[str, Path | None] = {}
    for release in releases:
        for folder in folders:
            if (release / folder).is_dir():
                parts = folder.split("/")
                found.update({"/".join(parts[: at + 1]): None for at in range(len(parts))})
                _collect(release / folder, f"{folder}/", found, owner)
    return found


def _collect(folder: Path, prefix: str, found: dict[str, Path | None], owner: int | None) -> None:
    for entry in sorted(os.scandir(str(folder)), key=lambda entry: entry.name):
        path = prefix + entry.name
        state = entry.stat(follow_symlinks=False)
        if owner is not None and state.st_uid != owner:
            continue
        if stat.S_ISDIR(state.st_mode):
            if found.setdefault(path, None) is None:
                _collect(Path(entry.path), f"{path}/", found, owner)
        elif stat.S_ISREG(state.st_mode) or stat.S_ISLNK(state.st_mode):
            found.setdefault(path, Path(entry.path))


class StaticTree:
    """The tree on this host. Says what differs, and changes it when told to.

    There is no moment in which a file that was served and is wanted is missing.
    """

    def __init__(self, place: Path, wanted: dict[str, Path | None]) -> None:
        live: dict[str, Path | None] = {}
        if place.is_dir():
            _collect(place, "", live, None)
        self.place = place
        self.wanted = wanted
        self.added = [path for path, source in wanted.items() if not _same(place / path, source)]
        self.removed = [path for path in reversed(list(live)) if path not in wanted]

    def apply(self) -> None:
        if self.added:
            _folder(self.place)
        for path in self.added:
            source = self.wanted[path]
            if source is None:
                _folder(self.place / path)
            else:
                _link(source, self.place / path)
        for path in self.removed:
            _remove(self.place / path)


def _same(place: Path, source: Path | None) -> bool:
    if source is None:
        return place.is_dir() and not place.is_symlink()
    try:
        return os.path.samestat(os.lstat(str(place)), os.lstat(str(source)))
    except (FileNotFoundError, NotADirectoryError):
        return False


def _folder(place: Path) -> None:
    if not place.is_dir() or place.is_symlink():
        _remove(place)
        place.mkdir()
    place.chmod(0o755)


def _link(source: Path, place: Path) -> None:
    """Readable for nginx: in its release the same file is shielded by the folder `releases`."""
    mode = source.lstat().st_mode
    if stat.S_ISREG(mode):
        source.chmod(stat.S_IMODE(mode) | 0o444)
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(str(place))
    temporary = place.with_name(f".{place.name}.new")
    _remove(temporary)
    os.link(str(source), str(temporary), follow_symlinks=False)
    temporary.replace(place)


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(str(place))
    elif os.path.lexists(str(place)):
        place.unlink()
