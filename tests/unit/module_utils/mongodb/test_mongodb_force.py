"""What is forced when a majority is lost, and what is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.force import Left, forced, may_roll_back
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.model import (
    Config,
    Member,
    Wanted,
    WantedMember,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.wanted import lost_of, parse_wanted

NAMES = [f"db{number}:27017" for number in range(5)]
LOST = frozenset(NAMES[:3])


def left(**more: Any) -> Left:
    members = tuple(Member(number, name, priority=number % 2 + 1) for number, name in enumerate(NAMES))
    return replace(
        Left(
            Config("rs0", 7, members),
            frozenset(NAMES[3:]),
            dict.fromkeys(NAMES[:3], "Connection refused"),
            {"db3:27017": (2, 10), "db4:27017": (2, 11)},
            {"db4:27017": "noon", "db1:27017": "one"},
        ),
        **more,
    )


def wish(*members: tuple[str, dict[str, Any]]) -> Wanted:
    return Wanted("rs0", tuple(WantedMember(name, given) for name, given in members))


def test_the_newest_takes_it() -> None:
    step, config, newest = forced(left(), wish((NAMES[3], {}), ("new:27017", {})), LOST)
    assert newest == step.through == "db4:27017"
    assert [member.id for member in config.members] == [3, 4]
    assert config.version == 8
    said = may_roll_back(left(), newest, LOST)
    assert "on db4:27017, of noon" in said
    assert "db1:27017 had writes of one" in said


def test_a_later_term_is_newer() -> None:
    optimes: dict[str, tuple[Any, ...]] = {"db3:27017": (3, 1), "db4:27017": (2, 11)}
    assert forced(left(optimes=optimes), wish(), LOST)[2] == "db3:27017"


def test_what_is_listed_makes_a_primary_possible() -> None:
    members = tuple(
        Member(number, name, *((0, 0) if number > 2 else (1, 1)), hidden=number > 2)
        for number, name in enumerate(NAMES)
    )
    passive = left(config=Config("rs0", 7, members))
    with pytest.raises(ScaleoutError, match="none of them could become primary"):
        forced(passive, wish(), LOST)
    only_the_older = wish((NAMES[3], {"votes": 1, "priority": 1, "hidden": False}))
    with pytest.raises(ScaleoutError, match="db4:27017 has the newest data that is left and could not become primary"):
        forced(passive, only_the_older, LOST)
    _step, config, newest = forced(passive, wish((NAMES[4], {"votes": 1, "priority": 3, "hidden": False})), LOST)
    assert [(member.votes, member.priority) for member in config.members] == [(0, 0), (1, 3)]
    assert newest == "db4:27017"


@pytest.mark.parametrize(
    ("found", "lost", "expected"),
    [
        (left(), {*LOST, "db9:27017"}, "lost_members: db9:27017 is no member"),
        (left(), set(NAMES[:2]), "db2:27017 does not answer either and is not in lost_members"),
        (left(alive=frozenset(NAMES[2:]), silent={}), set(NAMES[:2]), "a majority of the voting members answers"),
        (left(optimes={}), LOST, "no secondary is left"),
    ],
)
def test_refused(found: Left, lost: set[str], expected: str) -> None:
    with pytest.raises(ScaleoutError) as caught:
        forced(found, wish(), frozenset(lost))
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("force", "lost", "expected"),
    [
        (False, ["db2"], "they are for force only"),
        (True, [], "none is named"),
        (True, ["DB1:27017"], "db1:27017 is listed too"),
    ],
)
def test_options_refused(force: bool, lost: list[str], expected: str) -> None:
    with pytest.raises(ScaleoutError, match=expected):
        lost_of(parse_wanted("rs0", ["db1"], None, None), force, lost)
