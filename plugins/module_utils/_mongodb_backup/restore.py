# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# Makes of an archive a folder that a new replica set can start with.

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pwd
import shutil
import subprocess
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb_backup.backup import CHUNK
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb_backup.model import (
    check_restorable,
    parse_version,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb_backup.turns import locked

USER_NOT_FOUND = 11
# In a folder that was made here and is not in use yet.
MARKER = "scaleout-restore.json"
# What the backup holds beyond its last checkpoint is in its oplog; the shutdown then writes all of it.
RECOVER = {"recoverFromOplogAsStandalone": True, "takeUnstableCheckpointOnShutdown": True}
# Nothing may change the data by itself.
QUIET = {"ttlMonitorEnabled": False, "disableLogicalSessionCacheRefresh": True}


def read_manifest(archive: Path) -> dict[str, Any]:
    """What the archive says it holds."""
    path = Path(f"{archive}.json")
    try:
        manifest = json.loads(path.read_text())
        return {**manifest, "sha256": str(manifest["sha256"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ScaleoutError(
            f"it cannot be read ({error}); an archive without one is not whole", str(path), "name another archive"
        ) from error


def check_archive(archive: Path, manifest: dict[str, Any], program: str) -> None:
    """Refuse what is damaged, or of another version."""
    shown = subprocess.run([program, "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout
    check_restorable(manifest, parse_version(shown))
    digest = hashlib.sha256()
    with archive.open("rb") as stream:
        for chunk in iter(lambda: stream.read(CHUNK), b""):
            digest.update(chunk)
    if digest.hexdigest() != manifest["sha256"]:
        raise ScaleoutError(
            f"its checksum is {digest.hexdigest()}, its manifest says {manifest['sha256']}",
            str(archive),
            "it is damaged: name another archive",
        )


def check_target(target: Path) -> None:
    """Refuse a folder with something in it that was not made here, and one that is in use."""
    if not target.exists():
        return
    if any(target.iterdir()) and not (target / MARKER).is_file():
        raise ScaleoutError(
            f"it is not empty, and no earlier run has made it (there is no {MARKER} in it)",
            str(target),
            "name a folder that is not there yet, or empty it yourself",
        )
    lock = target / "mongod.lock"
    if lock.exists():
        with lock.open() as stream:
            if not locked(stream.fileno()):
                raise ScaleoutError("a mongod runs with it", str(target), "stop that one first")


def unpack(archive: Path, target: Path, user: str) -> None:
    """Fill the folder with the files of the archive, and nothing else."""
    target.mkdir(mode=0o750, exist_ok=True)
    (target / MARKER).write_text(json.dumps({"archive": archive.name}) + "\n")
    # The mark stays all the time: who is interrupted here may go on.
    for old in target.iterdir():
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        elif old.name != MARKER:
            old.unlink()
    with subprocess.Popen(["zstd", "-q", "-d", "-c", str(archive)], stdout=subprocess.PIPE) as zstd:
        done = subprocess.run(["tar", "-C", str(target), "-xf", "-"], stdin=zstd.stdout, check=False)
    if done.returncode or zstd.returncode:
        raise ScaleoutError(
            f"tar ended with {done.returncode}, zstd with {zstd.returncode}", str(target), "see its disk"
        )
    owner = pwd.getpwnam(user)
    for folder, _folders, files in os.walk(target):
        for name in (folder, *(os.path.join(folder, file) for file in files)):
            os.chown(name, owner.pw_uid, owner.pw_gid)


@contextlib.contextmanager
def standalone(program: str, data: Path, storage: dict[str, Any], user: str, **parameters: bool) -> Iterator[Any]:
    """The data served to nobody else: over a socket in a folder that is closed to others."""
    import pymongo

    owner = pwd.getpwnam(user)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        socket = folder / "mongod.sock"
        configuration = {
            "storage": {**storage, "dbPath": str(data)},
            "net": {"bindIp": str(socket), "unixDomainSocket": {"enabled": True, "pathPrefix": name}},
            "systemLog": {"destination": "file", "path": str(folder / "log")},
            "setParameter": {**QUIET, **parameters},
        }
        (folder / "mongod.json").write_text(json.dumps(configuration))
        command = [program, "--config", str(folder / "mongod.json")]
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, user=user, group=user, extra_groups=[], cwd="/", start_new_session=True
        )
        try:
            while not socket.exists():
                if process.poll() is not None:
                    raise ScaleoutError(f"mongod does not start with it: {_last(folder / 'log')}", str(data))
                time.sleep(0.2)
            client: Any = pymongo.MongoClient(f"mongodb://{urllib.parse.quote(str(socket), safe='')}")
            yield client
            client.close()
        finally:
            process.terminate()
            process.wait()
        if process.returncode:
            raise ScaleoutError(f"mongod ended with {process.returncode}: {_last(folder / 'log')}", str(data))


def _last(log: Path) -> str:
    """The last words of a log."""
    return log.read_text()[-600:] if log.exists() else "it wrote no log"


def prepare(program: str, data: Path, storage: dict[str, Any], user: str, admin: tuple[str, str]) -> None:
    """Bring the data up to the end of its oplog, take its old set away, and let the administrator of today in."""
    with standalone(program, data, storage, user, **RECOVER) as client:
        client.admin.command("ping")
    with standalone(program, data, storage, user) as client:
        client.drop_database("local")
        _let_in(client, *admin)


def _let_in(client: Any, name: str, password: str) -> None:
    from pymongo.errors import OperationFailure

    login = {"pwd": password, "roles": [{"role": "root", "db": "admin"}]}
    try:
        client.admin.command("updateUser", name, **login)
    except OperationFailure as error:
        if error.code != USER_NOT_FOUND:
            raise
        client.admin.command("createUser", name, **login)
