# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# Copies the files of a running member while it is locked.

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.client import Login
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb_backup.model import (
    SUFFIX,
    expired,
    left_over,
    only_journal_changed,
    waiting_writers,
)

CHUNK = 1 << 20
# What a process leaves behind for itself; the journal's files for later, which it makes and renames under the lock too.
NOT_DATA = (
    "mongod.lock",
    "WiredTiger.lock",
    "diagnostic.data",
    "_tmp",
    "journal/WiredTigerPreplog.*",
    "journal/WiredTigerTmplog.*",
)


def connect(host: str, port: int, login: Login) -> Any:
    """One connection, which waits as long as a flush takes."""
    import pymongo

    options = {**login.options, **login.tls}
    return pymongo.MongoClient(
        host, port, directConnection=True, maxPoolSize=1, serverSelectionTimeoutMS=5000, **options
    )


class Lock:
    """The member's lock, held by a process of its own: it unlocks as soon as this one is gone, however it went."""

    def __init__(self, host: str, port: int, login: Login) -> None:
        self.place = (host, port, login)
        self.position: dict[str, Any] = {}

    def __enter__(self) -> Lock:
        self.alive, alive_writer = os.pipe()
        answer, answer_writer = os.pipe()
        self.process = os.fork()
        if self.process == 0:
            # In the child: never back into the module's code.
            code = 1
            try:
                os.setsid()
                os.close(alive_writer)
                os.close(answer)
                code = self._hold(self.alive, answer_writer)
            finally:
                os._exit(code)
        os.close(self.alive)
        os.close(answer_writer)
        self.alive = alive_writer
        with os.fdopen(answer) as stream:
            said = json.loads(stream.read() or "{}")
        if "position" not in said:
            os.close(self.alive)
            os.waitpid(self.process, 0)
            raise ScaleoutError(
                f"the member could not be locked: {said.get('error', 'no answer')}", f"{self.place[0]}:{self.place[1]}"
            )
        self.position = said["position"]
        return self

    def _hold(self, alive: int, answer: int) -> int:
        try:
            client = connect(*self.place)
            if client.admin.command("currentOp").get("fsyncLock"):
                raise ScaleoutError("somebody else holds the lock; db.fsyncUnlock() takes it away")
            client.admin.command("fsync", 1, lock=True)
        except Exception as error:
            os.write(answer, json.dumps({"error": str(error)}).encode())
            return 1
        # Whatever happens from here on, the module's death during the flush too, the lock is taken away.
        try:
            hello = client.admin.command("hello")
            last = hello.get("lastWrite", {}).get("opTime", {}).get("ts")
            position = {"seconds": last.time, "increment": last.inc} if last else {}
            os.write(answer, json.dumps({"position": position}).encode())
            os.close(answer)
            os.read(alive, 1)
        finally:
            client.admin.command("fsyncUnlock")
        return 0

    def __exit__(self, *_details: object) -> None:
        os.close(self.alive)
        status = os.waitpid(self.process, 0)[1]
        if status:
            raise ScaleoutError(
                "the member could not be unlocked", f"{self.place[0]}:{self.place[1]}", "restart its mongod"
            )


def facts(host: str, port: int, login: Login) -> dict[str, Any]:
    """What has to be known to use the backup."""
    with connect(host, port, login) as client:
        hello = client.admin.command("hello")
        if not hello.get("setName"):
            raise ScaleoutError("it is in no replica set", f"{host}:{port}", "back up a member")
        if hello.get("arbiterOnly"):
            raise ScaleoutError("it is an arbiter, without data", f"{host}:{port}", "back up a member with data")
        compatibility = client.admin.command("getParameter", 1, featureCompatibilityVersion=1)
        return {
            "replica_set": hello["setName"],
            "member": hello["me"],
            "members": sorted([*hello.get("hosts", []), *hello.get("passives", []), *hello.get("arbiters", [])]),
            "version": client.admin.command("buildInfo")["version"],
            "feature_compatibility_version": compatibility["featureCompatibilityVersion"]["version"],
        }


def lock_warning(host: str, port: int, login: Login) -> str:
    """Who will wait while the member is locked; empty where nobody does."""
    with connect(host, port, login) as client:
        config = client.admin.command("replSetGetConfig")["config"]
        return waiting_writers(config, client.admin.command("replSetGetStatus"), client.admin.command("hello")["me"])


def pack(data: Path, target: Path) -> str:
    """Write the archive; its checksum."""
    excluded = [f"--exclude=./{name}" for name in NOT_DATA]
    digest = hashlib.sha256()
    tar_command = ["tar", "-C", str(data), "--numeric-owner", *excluded, "-cf", "-", "."]
    with tempfile.TemporaryFile() as errors:
        own: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": errors, "env": {**os.environ, "LC_ALL": "C"}}
        with target.open("wb") as stream, subprocess.Popen(tar_command, **own) as tar:
            with subprocess.Popen(["zstd", "-q", "-T0"], stdin=tar.stdout, **own) as zstd:
                packed: Any = zstd.stdout
                for chunk in iter(lambda: packed.read(CHUNK), b""):
                    digest.update(chunk)
                    stream.write(chunk)
            stream.flush()
            os.fsync(stream.fileno())
        errors.seek(0)
        said = errors.read().decode(errors="replace").strip()
    # With 1 tar tells that files changed meanwhile, the archive is whole.
    if zstd.returncode or tar.returncode not in (0, 1) or not only_journal_changed(said):
        ended = f"tar ended with {tar.returncode}, zstd with {zstd.returncode}: {said[-500:]}"
        raise ScaleoutError(ended, str(data), "see its disk, and that of the archive")
    return digest.hexdigest()


def back_up(host: str, port: int, login: Login, data: Path, folder: Path) -> dict[str, Any]:
    """Lock, copy, unlock; what the archive holds. The manifest comes last: an archive without one is not whole."""
    known = facts(host, port, login)
    name = f"{known['replica_set']}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}{SUFFIX}"
    partial = folder / f"{name}.partial"
    try:
        with Lock(host, port, login) as lock:
            checksum = pack(data, partial)
        manifest = {**known, "archive": name, "sha256": checksum, "size": partial.stat().st_size, "last": lock.position}
        (folder / f"{name}.json.partial").write_text(json.dumps(manifest, indent=2) + "\n")
        partial.rename(folder / name)
        (folder / f"{name}.json.partial").rename(folder / f"{name}.json")
    finally:
        partial.unlink(missing_ok=True)
    return manifest


def clean(folder: Path, replica_set: str, keep: int, check: bool) -> list[str]:
    """Remove what an interrupted run left, and all but the newest archives; the names of these. Only alone there."""
    whole = [path.name[: -len(".json")] for path in folder.glob(f"*{SUFFIX}.json")]
    old = expired(whole, replica_set, keep)
    if not check:
        left = left_over([path.name for path in folder.glob("*.partial")], replica_set)
        for name in [*left, *old, *(f"{name}.json" for name in old)]:
            (folder / name).unlink(missing_ok=True)
    return old
