"""What the other tests read in the logs of servers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.mongodb.changes import assert_one_vote_at_a_time
from tests.integration.mongodb.mongods import Mongod, configs_over_time


def server_that_used(folder: Path, configs: list[tuple[int, int, int, int]]) -> Mongod:
    """One whose log tells so: second, version, term, and how many vote."""
    folder.mkdir()
    lines = []
    for second, version, term, voters in configs:
        members = [{"_id": number, "host": f"db{number}", "votes": int(number < voters)} for number in range(3)]
        attr = {"config": {"version": version, "term": term, "members": members}}
        at = {"$date": f"2026-01-01T00:00:{second:02}.000+00:00"}
        lines.append(json.dumps({"t": at, "msg": "New replica set config in use", "attr": attr}, separators=(",", ":")))
    (folder / "log").write_text("\n".join(lines))
    return Mongod("", folder)


def test_two_terms_may_share_a_version(tmp_path: Path) -> None:
    first = server_that_used(tmp_path / "a", [(1, 1, 1, 3), (2, 2, 1, 2), (5, 2, 2, 1)])
    other = server_that_used(tmp_path / "b", [(1, 1, 1, 3), (4, 1, 2, 3), (6, 2, 2, 1)])
    configs = configs_over_time([first, other])
    assert [(config["version"], config["term"]) for config in configs] == [(1, 1), (2, 1), (1, 2), (2, 2)]
    # From three voters to one: what the version alone would hide behind the other term's two.
    with pytest.raises(AssertionError):
        assert_one_vote_at_a_time([first, other])


def test_a_forced_configuration_has_no_term(tmp_path: Path) -> None:
    server = server_that_used(tmp_path / "a", [(1, 9, 3, 3), (2, 70_000, -1, 2), (3, 70_000, 4, 2), (4, 70_001, 4, 1)])
    assert [config["version"] for config in configs_over_time([server])] == [9, 70_000, 70_000, 70_001]
    assert_one_vote_at_a_time([server])
