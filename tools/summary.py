"""Prints what ./test ran and one closing line: every test counts, and every check that is no test suite.

    summary.py FOLDER NAME...

Of each NAME it reads FOLDER/sessions/NAME.json, by nox, and FOLDER/NAME.xml, by pytest, where the session is a suite.
A session that nox could not even report, or whose suite ended without a whole report, counts as failed.
"""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Counts:
    """Tests of one session, or of all."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        more = {"failed": self.failed, "skipped": self.skipped}
        return ", ".join([f"{self.passed} passed", *(f"{count} {name}" for name, count in more.items() if count)])


def suite_counts(report: Path) -> Counts:
    """What one JUnit report holds; half a report is a failure."""
    total = Counts()
    try:
        suites = list(ET.parse(report).getroot().iter("testsuite"))
    except ET.ParseError:
        return Counts(failed=1)
    for suite in suites:
        bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped = int(suite.get("skipped", 0))
        total += Counts(int(suite.get("tests", 0)) - bad - skipped, bad, skipped)
    return total


def session_counts(folder: Path, name: str) -> tuple[str, Counts]:
    """How a session ended, in a word, and its tests."""
    try:
        [session] = json.loads((folder / "sessions" / f"{name}.json").read_text())["sessions"]
    except (OSError, ValueError):
        return "no report", Counts(failed=1)
    good = session["result"] == "success"
    suite = folder / f"{name}.xml"
    counts = suite_counts(suite) if suite.exists() else Counts(passed=int(good))
    if not good and not counts.failed:
        counts += Counts(failed=1)
    return f"{session['result']} in {session['duration']:.0f} s", counts


def main(folder: Path, names: list[str]) -> int:
    total = Counts()
    for name in names:
        ended, counts = session_counts(folder, name)
        total += counts
        print(f"{name:20} {ended:20} {counts}")
    print(total)
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
