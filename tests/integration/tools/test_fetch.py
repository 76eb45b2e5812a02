# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests and the demo download comes once, whole, and runs. Needs the Python package index."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.full import LONG

TOP = Path(__file__).resolve().parents[3]
PIP = """
import os
import sys
from pathlib import Path

Path(os.environ["PIP_CALLS"]).open("a").write(" ".join(sys.argv[1:]) + "\\n")
os.execv({python!r}, [{python!r}, *sys.argv[1:]])
"""


def start(tool: str, cache: Path, folder: Path) -> subprocess.Popen[str]:
    """Run the tool with an interpreter that notes every call of pip."""
    python = folder / "python"
    python.write_text(f"#!{sys.executable}\n" + PIP.format(python=sys.executable))
    python.chmod(0o755)
    code = f"import runpy, sys; sys.executable = {str(python)!r}; runpy.run_path({tool!r}, run_name='__main__')"
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=TOP / "tools",
        env={**os.environ, "SCALEOUT_CACHE": str(cache), "PIP_CALLS": str(folder / "calls")},
        stdout=subprocess.PIPE,
        text=True,
    )


def result(process: subprocess.Popen[str]) -> Path:
    printed = process.communicate(timeout=300)[0]
    assert process.returncode == 0
    return Path(printed.strip())


def version(found: Path, folder: Path) -> str:
    if found.name.endswith(".tar.gz"):
        subprocess.run(["tar", "-xzf", str(found), "-C", str(folder)], check=True)
        found = next(folder.glob("node-*/bin/node"))
    done = subprocess.run([str(found), "--version"], check=True, capture_output=True, text=True)
    return done.stdout.splitlines()[0]


@pytest.mark.parametrize(
    ("tool", "says"),
    [
        pytest.param("fetch_mongod.py", "db version v6.0.5", id="mongod"),
        pytest.param("fetch_node.py", "v22.20.0", id="node", marks=LONG),
    ],
)
def test_downloads_once(tool: str, says: str, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    together = [start(tool, cache, tmp_path) for _turn in range(2)]
    found = {result(process) for process in together}
    calls = (tmp_path / "calls").read_text().splitlines()
    assert len(found) == 1
    assert len(calls) == 1, "two at the same time downloaded twice"
    assert " download " in calls[0]
    assert version(next(iter(found)), tmp_path) == says
    left = {path.name for path in next(iter(found)).parent.iterdir()}
    assert left == {next(iter(found)).name, ".lock"}, "a temporary folder stayed"
    assert result(start(tool, cache, tmp_path)) in found
    assert len((tmp_path / "calls").read_text().splitlines()) == 1, "a second run downloaded again"


def test_a_failed_download_leaves_nothing_half_done(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    code = f"import runpy, sys; sys.executable = {str(python)!r}; runpy.run_path('fetch_node.py', run_name='__main__')"
    environment = {**os.environ, "SCALEOUT_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=TOP / "tools", env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "CalledProcessError" in done.stderr
    assert [path.name for path in (tmp_path / "cache" / "node").iterdir()] == [".lock"]
