# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is built from a clone that was worked in holds nothing that was made there."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
BUILT = {"FILES.json", "MANIFEST.json"}
WORKPLACE = Path("inventories/demo/group_vars/all")


def made(pattern: str) -> Path:
    """A file that this line of .gitignore is for, where tools and people leave such a one."""
    if not pattern.startswith("/"):
        return WORKPLACE / pattern.rstrip("/") / "x" if pattern.endswith("/") else WORKPLACE / pattern
    path = Path(pattern.strip("/").replace("*", "0.1.0"))
    return path / "x" if pattern.endswith("/") else path


def test_only_what_git_knows_is_packed(tmp_path: Path) -> None:
    clone, built = tmp_path / "clone", tmp_path / "built"
    listed = subprocess.run(["git", "ls-files"], cwd=TOP, check=True, capture_output=True, text=True).stdout
    tracked = {name for name in listed.splitlines() if (TOP / name).is_file()}
    for name in tracked:
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(TOP / name, clone / name)
    lines = [line for line in (TOP / ".gitignore").read_text().splitlines() if line and not line.startswith("#")]
    for file in map(made, lines):
        (clone / file).parent.mkdir(parents=True, exist_ok=True)
        (clone / file).write_text("made here\n")
    assert (clone / WORKPLACE / "secrets.yml").exists()

    command = ["ansible-galaxy", "collection", "build", str(clone), "--output-path", str(built)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        names = {member.name for member in packed.getmembers() if not member.isdir()}
    assert names - tracked == BUILT
    assert {name for name in names if name.startswith(("molecule/", ".ci/", ".config/"))} == set()
    assert {"playbooks/site.yml", "plugins/modules/plan.py", "profiles/apostrophe.yml"} <= names
