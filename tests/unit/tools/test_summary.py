# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The closing line of ./test never calls good what nobody saw pass."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools.summary import main

NOXFILE = """
import nox

nox.options.default_venv_backend = "none"


@nox.session
def fine(session):
    pass


@nox.session
def fails(session):
    session.run("false", external=True)


@nox.session
def crashes(session):
    raise RuntimeError("boom")


@nox.session
def skips(session):
    session.skip("not today")


@nox.session
def suite(session):
    session.run("pytest", "test_it.py", "-p", "no:cacheprovider", f"--junitxml={session.posargs[0]}/suite.xml")


@nox.session
def dies(session):
    session.run("sh", "-c", "kill -9 $$", external=True)
"""
# The text of a suite to be counted: its skipped test is what the summary has to see.
SUITE = """
import pytest


def test_good():
    pass


@pytest.mark.skip
def test_skipped():
    pass


@pytest.mark.parametrize("number", [1, 2])
def test_bad(number):
    assert number == 3
"""


class Runs:
    """Real runs of nox, reported as ./test has them reported."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "sessions").mkdir()
        (folder / "noxfile.py").write_text(NOXFILE)
        (folder / "test_it.py").write_text(SUITE)

    def run(self, name: str) -> None:
        nox = [str(Path(sys.executable).parent / "nox"), "--report", f"sessions/{name}.json", "-s", name]
        subprocess.run([*nox, "--", str(self.folder)], cwd=self.folder, capture_output=True, check=False)


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def test_counts_suites_and_checks(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    runs.run("fine")
    runs.run("suite")
    assert main(runs.folder, ["fine", "suite"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["fine", "success"]
    assert lines[-1] == "2 passed, 2 failed, 1 skipped"
    assert main(runs.folder, ["fine"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed"


@pytest.mark.parametrize("name", ["fails", "crashes", "dies", "skips", "unknown"])
def test_what_did_not_succeed_has_failed(name: str, runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    runs.run("fine")
    runs.run(name)
    assert main(runs.folder, ["fine", name]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 1 failed"


def test_half_a_report_has_failed(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    runs.run("fine")
    (runs.folder / "fine.xml").write_text('<testsuites><testsuite tests="3" ')
    assert main(runs.folder, ["fine"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "0 passed, 1 failed"
    (runs.folder / "sessions" / "fine.json").write_text('{"sessions": [')
    assert main(runs.folder, ["fine"]) == 1


def test_all_green_but_a_session_that_failed(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    runs.run("fails")
    (runs.folder / "fails.xml").write_text('<testsuites><testsuite tests="3" failures="0" errors="0"/></testsuites>')
    assert main(runs.folder, ["fails"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "3 passed, 1 failed"


def test_nothing_run_is_not_good(tmp_path: Path) -> None:
    assert main(tmp_path, []) == 1
