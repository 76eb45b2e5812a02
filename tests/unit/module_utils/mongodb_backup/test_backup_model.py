# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which version may follow which, what may be restored where, which archives go."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.model import (
    LoginRefusedError,
    Seen,
    ServerError,
    UnreachableError,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb_backup.compatibility import (
    Found,
    check_settable,
    check_upgrade,
    set_version,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb_backup.model import (
    Version,
    check_restorable,
    expired,
    left_over,
    only_journal_changed,
    parse_version,
    upgrade_problem,
    waiting_writers,
)


@pytest.mark.parametrize(
    "text", ["6.0.5", "db version v6.0.5\nBuild Info: {}", "6.0.5-1", "mongodb-linux-debian12-6.0.5.tgz"]
)
def test_versions_are_found(text: str) -> None:
    assert parse_version(text) == Version(6, 0, 5)


def test_text_without_a_version_is_refused() -> None:
    with pytest.raises(ScaleoutError, match="no version of MongoDB"):
        parse_version("7.0")


@pytest.mark.parametrize(
    ("running", "compatibility", "target"),
    [
        ("6.0.5", "6.0", "6.0.5"),
        ("6.0.5", "5.0", "6.0.24"),
        ("5.0.4", "5.0", "6.0.5"),
        ("7.0.14", "7.0", "8.0.1"),
        ("8.2.1", "8.2", "8.2.2"),
    ],
)
def test_upgrades_that_are_possible(running: str, compatibility: str, target: str) -> None:
    assert upgrade_problem(parse_version(running), compatibility, parse_version(target)) is None


@pytest.mark.parametrize(
    ("running", "compatibility", "target", "said"),
    [
        ("6.0.5", "6.0", "6.0.4", "older"),
        ("6.0.5", "5.0", "5.0.9", "older"),
        ("5.0.4", "5.0", "7.0.1", "skips"),
        ("6.0.5", "5.0", "7.0.1", "feature compatibility version is 5.0"),
        ("8.2.1", "8.2", "9.0.0", "skips"),
    ],
)
def test_upgrades_that_are_refused(running: str, compatibility: str, target: str, said: str) -> None:
    problem = upgrade_problem(parse_version(running), compatibility, parse_version(target))
    assert problem is not None
    assert said in problem[0]


@pytest.mark.parametrize("program", ["6.0.5", "7.0.1"])
def test_data_is_read_by_its_version_and_the_next(program: str) -> None:
    check_restorable({"feature_compatibility_version": "6.0"}, parse_version(program))


@pytest.mark.parametrize("program", ["5.0.4", "8.0.0"])
def test_data_is_not_read_by_others(program: str) -> None:
    with pytest.raises(ScaleoutError, match=r"Install a mongod 6\.0 or 7\.0"):
        check_restorable({"feature_compatibility_version": "6.0"}, parse_version(program))


def test_the_newest_archives_of_the_set_stay() -> None:
    names = [f"rs0-2026010{day}T000000Z.tar.zst" for day in (3, 1, 2)]
    others = ["rs0-other-20250101T000000Z.tar.zst", "rs0-mine.tar.zst"]
    assert expired(names + others, "rs0", 2) == ["rs0-20260101T000000Z.tar.zst"]
    assert expired(names + others, "rs0", 3) == []


def test_only_its_own_partial_files_are_left_over() -> None:
    own = [f"rs0-20260101T000000Z.tar.zst{ending}" for ending in (".json.partial", ".partial")]
    others = ["rs0-north-20260101T000000Z.tar.zst.partial", "rs0-notes.partial", "rs0-20260101T000000Z.tar.zst.json"]
    assert left_over([*others, *own], "rs0") == own


def test_the_version_is_set_when_all_run_it() -> None:
    found = Found("a", "5.0", "", {"a": Version(6, 0, 5), "b": Version(5, 0, 4)})
    with pytest.raises(ScaleoutError, match=r"not all members run 6.0: b runs 5.0.4"):
        check_settable(found, "6.0")
    check_settable(Found("a", "5.0", "", {"a": Version(6, 0, 5)}), "6.0")


class Primary:
    """Fails at first."""

    def __init__(self, failure: ScaleoutError) -> None:
        self.failures = [failure]

    def command(self, address: str, name: str, value: Any = 1, login: bool = True, **more: Any) -> dict[str, Any]:
        if login and self.failures:
            raise self.failures.pop()
        return {"primary": address} if name == "hello" else {}

    def look(self, address: str) -> Seen:
        return Seen(address, "member")


@pytest.mark.parametrize(
    ("failure", "passes"),
    [
        (ServerError("not primary", "a", 10107), True),
        (ServerError("another one is at it", "a", 117), True),
        (UnreachableError("connection closed", "a"), True),
        (ServerError("not authorized", "a", 13), False),
        (LoginRefusedError("the login was refused", "a"), False),
    ],
)
def test_only_what_passes_is_asked_again(monkeypatch: pytest.MonkeyPatch, failure: ScaleoutError, passes: bool) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    found = Found("a", "5.0", "", {"a": Version(6, 0, 5)})
    with nullcontext() if passes else pytest.raises(ScaleoutError, match=failure.what):
        set_version(Primary(failure), "a", found, "6.0", 60)


def test_a_change_under_way_comes_first() -> None:
    found = Found("a", "5.0", "6.0", {"a": Version(6, 0, 5)})
    with pytest.raises(ScaleoutError, match=r"to 6.0 has not come to its end"):
        check_upgrade(found, "7.0.14")
    # The playbook that finishes it is run with the version that runs.
    check_upgrade(found, "6.0.5")
    check_upgrade(found, "6.0.24")


JOURNAL = "tar: ./journal/WiredTigerLog.0000000003: file changed as we read it"


@pytest.mark.parametrize(
    ("said", "is_whole"),
    [
        ("", True),
        (JOURNAL, True),
        (f"{JOURNAL}\ntar: .: file changed as we read it", True),
        ("tar: ./journal/WiredTigerPreplog.0000000002: File removed before we read it", True),
        ("tar: ./collection-7-123.wt: file changed as we read it", False),
        (f"{JOURNAL}\ntar: ./WiredTiger.turtle: file changed as we read it", False),
        ("tar: ./journal/WiredTigerLog.0000000003: Cannot open: Permission denied", False),
    ],
)
def test_only_the_journal_changes_under_the_lock(said: str, is_whole: bool) -> None:
    assert only_journal_changed(said) == is_whole


def one(name: str, **more: Any) -> dict[str, Any]:
    return {"host": name, **more}


ARBITER = {"arbiterOnly": True}
SPARE = {"votes": 0, "hidden": True}


@pytest.mark.parametrize(
    ("members", "unwell", "locked", "expected"),
    [
        ([one("a"), one("b"), one("c")], [], "c", ""),
        ([one("a"), one("b"), one("c")], [], "a", "it is the primary: all writers wait"),
        ([one("a"), one("b"), one("c")], ["b"], "c", "needs 2 voting members with data, and a is left"),
        ([one("a"), one("b")], [], "b", "needs 2 voting members with data, and a is left"),
        ([one("a"), one("b"), one("c", **ARBITER)], [], "b", "needs 2 voting members with data, and a is left"),
        ([one("a"), one("b"), one("c", **SPARE)], [], "c", ""),
        ([one("a"), one("b", **ARBITER), one("c", **SPARE)], [], "c", ""),
        ([one("a"), one("b"), one("c"), one("d", **ARBITER)], [], "b", "needs 3 voting members with data, and a, c is"),
    ],
)
def test_whose_writes_wait(members: list[dict[str, Any]], unwell: list[str], locked: str, expected: str) -> None:
    states = [
        {"name": member["host"], "health": 1, "state": 3 if member["host"] in unwell else 2 if number else 1}
        for number, member in enumerate(members)
    ]
    said = waiting_writers({"members": members}, {"members": states}, locked)
    assert expected in said
    assert bool(said) is bool(expected)


def test_who_copies_from_the_locked_one_waits_with_it() -> None:
    members = [one(name) for name in "abcde"]
    states = [{"name": name, "health": 1, "state": 1 if name == "a" else 2, "syncSourceHost": "a"} for name in "abcde"]
    assert waiting_writers({"members": members}, {"members": states}, "b") == ""
    states[2]["syncSourceHost"] = "b"
    assert waiting_writers({"members": members}, {"members": states}, "b") == ""
    states[3]["syncSourceHost"] = "c"
    assert "and a, e is left, since c, d copies from it" in waiting_writers(
        {"members": members}, {"members": states}, "b"
    )
