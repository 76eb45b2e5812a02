"""Prints what ./test ran and one closing line: every test counts, and every check that is no test suite."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path


def suite_counts(report: Path) -> tuple[int, int]:
    """Passed and failed tests of one JUnit report."""
    passed = failed = 0
    for suite in ET.parse(report).getroot().iter("testsuite"):
        bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        failed += bad
        passed += int(suite.get("tests", 0)) - bad - int(suite.get("skipped", 0))
    return passed, failed


def main(folder: Path) -> int:
    passed = failed = 0
    for report in sorted((folder / "sessions").glob("*.json")):
        for session in json.loads(report.read_text())["sessions"]:
            suite = folder / f"{session['name']}.xml"
            good = session["result"] == "success"
            one, other = suite_counts(suite) if suite.exists() else (int(good), 0)
            if not good and not other:
                other = 1
            passed, failed = passed + one, failed + other
            print(f"{session['name']:14} {session['result']:8} {one} passed, {other} failed")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
