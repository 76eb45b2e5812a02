# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads and makes releases on a host. Private to this collection."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import time
from pathlib import Path
from typing import Any, Callable

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._release.model import MARKER, Seen

ARTIFACT = ".tar.zst"
GROUP_READS = 0o050
ALL_READ = 0o055
REMOVALS = 10
Run = Callable[[list], str]  # Python 3.8 evaluates this line: no list[str] here.


def read_host(root: str) -> Seen:
    """What this host holds below the app's root; an absent root holds nothing."""
    top = Path(root)
    releases, partial, unfinished = {}, {}, []
    for folder in _children(top / "releases"):
        marker = read_json(folder / MARKER)
        if not marker:
            unfinished.append(folder.name)
        elif "partial" in marker:
            partial[folder.name] = list(marker["partial"])
        else:
            releases[folder.name] = str(marker.get("made", ""))
    artifacts, checksums = {}, {}
    for note in _children(top / "artifacts"):
        found = read_json(note) if note.suffix == ".json" else None
        label = note.name[: -len(".json")]
        if found and note.with_name(label + ARTIFACT).is_file():
            artifacts[label] = str(found["made"])
            checksums[label] = str(found["sha256"])
    current = top / "current"
    return Seen(
        current=os.path.basename(os.readlink(str(current))) if current.is_symlink() else None,
        releases=releases,
        artifacts=artifacts,
        checksums=checksums,
        partial=partial,
        unfinished=unfinished,
        steps={note.name: note.read_text().split() for note in _children(top / "steps")},
        verified=[note.name for note in _children(top / "verified")],
        libc=(os.confstr("CS_GNU_LIBC_VERSION") or "").rpartition(" ")[2],
    )


def _children(folder: Path) -> list[Path]:
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in found if not path.name.startswith(".")]


def read_json(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def write(path: Path, text: str) -> None:
    """In one move, and on the disk before anything later is."""
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.chmod(0o644)
    temporary.replace(path)


def remove(path: Path) -> None:
    """A file, a link or a whole folder. What a killed run started may still write to the folder for a moment."""
    if path.is_symlink() or not path.is_dir():
        path.unlink()
        return
    for _attempt in range(REMOVALS):
        shutil.rmtree(str(path), ignore_errors=True)
        if not path.exists():
            return
        time.sleep(1)
    raise OSError(f"{path} cannot be removed, something writes to it: see `lsof +D {path}`")


def own(tree: Path, uid: int, gid: int, readable: int = 0) -> None:
    """Give a whole tree to one owner; links are not followed. Who is in `readable` may then read what the owner may."""
    for parent, folders, files in os.walk(str(tree)):
        for name in [".", *folders, *files]:
            path = os.path.join(parent, name)
            state = os.lstat(path)
            if (state.st_uid, state.st_gid) != (uid, gid):
                os.lchown(path, uid, gid)
            mode = stat.S_IMODE(state.st_mode)
            wider = mode | ((mode >> 3 | mode >> 6) & readable)
            if wider != mode and not stat.S_ISLNK(state.st_mode):
                os.chmod(path, wider)


def unpack(archive: Path, target: Path, run: Run, only: list[str], finished: bool, uid: int, gid: int) -> None:
    """Unpack beside the target, then move it there. A single top folder is left out."""
    stage = target.with_name(f".{target.name}.unpack")
    if stage.exists():
        remove(stage)
    stage.mkdir(parents=True)
    argv = ["tar", "--extract", "--file", str(archive), "--directory", str(stage), "--no-same-owner"]
    run([*argv, *(_members(archive, run, [*only, MARKER]) if only else [])])
    inner = list(stage.iterdir())
    single = len(inner) == 1 and inner[0].is_dir() and not inner[0].is_symlink()
    tree = inner[0] if single else stage
    if only:
        write(tree / MARKER, json.dumps({**(read_json(tree / MARKER) or {}), "partial": only}) + "\n")
    elif not finished and (tree / MARKER).exists():
        (tree / MARKER).unlink()
    tree.chmod(0o755)
    own(tree, uid, gid, ALL_READ if only else GROUP_READS)
    if target.exists():
        shutil.rmtree(str(target))
    tree.replace(target)
    shutil.rmtree(str(stage), ignore_errors=True)


def _members(archive: Path, run: Run, wanted: list[str]) -> list[str]:
    """Those of the names that the archive has: an older release may lack a folder that newer ones have."""
    there = {line.rstrip("/") for line in run(["tar", "--list", "--file", str(archive)]).splitlines()}
    return [f"./{name}" for name in wanted if f"./{name}" in there]


def finish(release: Path, made: str, gid: int) -> None:
    """Take a built release from its builder and mark it as complete."""
    if not (release / MARKER).exists():
        own(release, 0, gid, GROUP_READS)
        write(release / MARKER, json.dumps({"label": release.name, "made": made}) + "\n")


def pack(release: Path, folder: Path, run: Run) -> str:
    """Make the artefact of a complete release; the note with its SHA-256 comes last. Returns that."""
    marker = read_json(release / MARKER)
    if marker is None:
        raise ScaleoutError("is no complete release", str(release))
    artifact, note = folder / f"{release.name}{ARTIFACT}", folder / f"{release.name}.json"
    stage = artifact.with_name(f".{artifact.name}.new")
    options = ["--zstd", "--sort=name", "--owner=0", "--group=0", "--numeric-owner"]
    run(["tar", "--create", *options, "--file", str(stage), "--directory", str(release), "."])
    checksum = sha256(stage)
    if note.exists():
        note.unlink()
    stage.chmod(0o600)
    stage.replace(artifact)
    write(note, json.dumps({"made": marker["made"], "sha256": checksum}) + "\n")
    return checksum


class Links:
    """What is to be linked and made writable within one release. Says what differs; changes it when told to."""

    def __init__(self, release: Path, uid: int, gid: int, dry: bool) -> None:
        self.release = release
        self.uid = uid
        self.gid = gid
        self.dry = dry
        self.changes: list[str] = []

    def folder(self, path: Path) -> None:
        """A folder of the app's user; one that is there keeps its owner and mode."""
        if path.is_dir():
            return
        self.changes.append(f"{path} made")
        if not self.dry:
            path.mkdir(parents=True, exist_ok=True)
            os.chown(str(path), self.uid, self.gid)

    def link(self, path: str, target: str) -> None:
        place = self.release / path
        if place.is_symlink() and os.readlink(str(place)) == target:
            return
        self.changes.append(f"{place} -> {target}")
        if self.dry:
            return
        self._parents(place.parent)
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(str(place))
        temporary = place.with_name(f".{place.name}.link")
        if temporary.is_symlink():
            temporary.unlink()
        temporary.symlink_to(target)
        temporary.replace(place)

    def _parents(self, folder: Path) -> None:
        """Missing folders belong to whom the release belongs: to the app's user while it is built, then to root."""
        if folder.is_dir():
            return
        self._parents(folder.parent)
        folder.mkdir()
        owner = self.release.stat()
        os.chown(str(folder), owner.st_uid, owner.st_gid)

    def writable(self, path: str) -> None:
        place = self.release / path
        state = place.stat() if place.is_dir() else None
        if state and (state.st_uid, state.st_gid) == (self.uid, self.gid):
            return
        self.changes.append(f"{place} made writable")
        if not self.dry:
            place.mkdir(parents=True, exist_ok=True)
            own(place, self.uid, self.gid)
