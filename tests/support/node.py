"""Node.js and npm packages for tests, kept in $SCALEOUT_CACHE."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

from tools.fetch_node import TOP, node_archive
from tools.wheels import cached, once

# npm of the package brings its own list of CAs; this machine may trust more.
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


def node() -> Path:
    """The program node, npm beside it."""
    # Before the folder's turn: both are behind the same lock.
    archive = node_archive()

    def unpack(folder: Path) -> Path:
        with tarfile.open(archive) as packed:
            packed.extractall(folder)
        return folder / TOP

    return once(cached(f"node/{TOP}"), unpack) / "bin" / "node"


def installed(project: Path) -> Path:
    """A copy of the project with the packages of its lock file."""

    def install(folder: Path) -> Path:
        copy = shutil.copytree(project, folder / "project")
        command = ["npm", "ci", "--no-audit", "--no-fund", "--cache", str(folder / "npm")]
        path = f"{node().parent}:{os.environ['PATH']}"
        environment = {"NODE_EXTRA_CA_CERTS": CERTIFICATES, **os.environ, "PATH": path}
        subprocess.run(command, cwd=copy, env=environment, check=True, timeout=300)
        return copy

    contents = b"".join(path.read_bytes() for path in sorted(project.iterdir()) if path.is_file())
    return once(cached(f"npm/{project.name}-{hashlib.sha256(contents).hexdigest()[:16]}"), install)
