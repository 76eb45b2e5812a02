"""The planner against a small model of the server's rules."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.model import (
    JOINING,
    Config,
    Live,
    Member,
    Step,
    Wanted,
    WantedMember,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.plan import (
    founder_of,
    initial,
    make_plan,
    warnings,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EXAMPLES = 10_000 if os.environ.get("SCALEOUT_FULL") == "1" else 300


class Server:
    """What a primary accepts, and the members that have the data."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.ids = {member.id: member.name for member in live.config.members}
        self.synced = {member.name for member in live.config.members if not member.joining}

    def run(self, step: Step) -> None:
        if step.joins:
            # The runner waits before it sends the step.
            self.synced.add(step.joins)
        if step.config is None:
            self.live = replace(self.live, write_concern=step.write_concern)
            return
        old, new = self.live.config, Config.of(step.config.document())
        assert new == step.config, "the document loses nothing"
        assert new.version == old.version + 1
        assert len(new.members) <= 50
        assert new.voters <= 7
        assert (
            len({member.id for member in new.members})
            == len({member.name for member in new.members})
            == len(new.members)
        )
        for member in new.members:
            assert self.ids.setdefault(member.id, member.name) == member.name, "an _id was used again"
            assert member.priority == 0 or (member.votes == 1 and not member.hidden and not member.arbiter_only)
            assert not (member.arbiter_only and member.votes == 0)
            assert not member.votes or member.arbiter_only or member.name in self.synced, "a vote without the data"
        before = {member.id for member in old.members if member.votes}
        after = {member.id for member in new.members if member.votes}
        assert len(before ^ after) <= 1, "two votes at once"
        assert any(member.electable for member in new.members if member.name == self.live.primary)
        if new.implicit_majority != old.implicit_majority:
            assert self.live.write_concern is not None, "the server refuses to change its own default"
        # Any majority of the old and any of the new share a member, so what was acknowledged stays.
        assert len(before) // 2 + 1 + len(after) // 2 + 1 > len(before | after)
        self.live = replace(self.live, config=new)


@st.composite
def given_of(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["plain", "plain", "plain", "arbiter", "hidden", "silent", "weighted"]))
    if kind == "arbiter":
        return {"arbiter_only": True}
    if kind == "hidden":
        return {"hidden": True, "priority": 0, "secondary_delay_secs": draw(st.sampled_from([0, 60]))}
    if kind == "silent":
        return {"votes": 0, "priority": 0}
    if kind == "weighted":
        return {
            "priority": draw(st.sampled_from([0, 0.5, 1, 2])),
            "votes": 1,
            "tags": {"zone": draw(st.sampled_from("ab"))},
        }
    return {}


@st.composite
def stories(draw: st.DrawFn) -> tuple[Live, Wanted]:
    """A live set, perhaps left half-way by an earlier run, and a wish for the same members and more."""
    members = []
    number = -1
    for index in range(draw(st.integers(1, 7))):
        number += draw(st.integers(1, 3))
        fields = draw(given_of()) if index else {}
        fields = {"priority": 0, **fields} if fields.get("arbiter_only") else fields
        if index and not fields.get("arbiter_only") and draw(st.integers(0, 4)) == 0:
            fields = {"votes": 0, "priority": 0, "tags": {JOINING: "1"}}
        members.append(Member(number, f"Db{index}:27017", **fields))
    numeric = {"electionTimeoutMillis": draw(st.sampled_from([2000, 10000]))}
    concern = draw(st.sampled_from([None, {"w": 1, "wtimeout": 0}, {"w": "majority", "wtimeout": 0}]))
    config = Config("rs0", draw(st.integers(1, 99)), tuple(members), {**numeric, "chainingAllowed": True}, {"term": 3})
    wanted = []
    for member in members:
        fields = draw(given_of())
        if member.arbiter_only != fields.get("arbiter_only", False):
            fields = {}
        wanted.append(WantedMember(member.name, fields))
    wanted += [WantedMember(f"new{index}:27017", draw(given_of())) for index in range(draw(st.integers(0, 5)))]
    order = draw(st.permutations(wanted))
    wish = Wanted(
        "rs0",
        tuple(order),
        draw(st.sampled_from([{}, {"electionTimeoutMillis": 2000}])),
        draw(st.sampled_from([None, {"w": "majority", "wtimeout": 0}])),
    )
    return Live(config, members[0].name, concern), wish


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stories())
def test_every_step_is_legal_and_the_end_is_as_wanted(story: tuple[Live, Wanted]) -> None:
    live, wanted = story
    try:
        steps = make_plan(live, wanted)
    except ScaleoutError:
        return
    server = Server(live)
    for number, step in enumerate(steps):
        rest = make_plan(server.live, wanted)
        assert [one.what for one in rest] == [one.what for one in steps[number:]], "a run that died goes on as planned"
        server.run(step)
    assert make_plan(server.live, wanted) == []
    end = server.live.config
    assert {member.name for member in end.members} == {member.name for member in wanted.members}
    assert not any(member.joining for member in end.members)
    for wish in wanted.members:
        member, before = end.find(wish.name), live.config.find(wish.name)
        assert member is not None
        for key, value in wish.given.items():
            assert getattr(member, key) == value
        if before is None and not wish.given:
            assert (member.priority, member.votes) == (1, 1)
        if before is not None and not wish.given and not before.joining:
            assert member == before, "what is not given stays"
    assert end.settings == {**live.config.settings, **wanted.settings}
    if wanted.write_concern:
        assert server.live.write_concern == wanted.write_concern


def set_of(*members: Member) -> Live:
    return Live(Config("rs0", 1, members), members[0].name)


def wish(*members: Any) -> Wanted:
    return Wanted("rs0", tuple(WantedMember(name, given) for name, given in members))


def test_seven_votes_change_hands() -> None:
    live = set_of(*(Member(number, f"db{number}:27017") for number in range(7)))
    kept: list[Any] = [(f"db{number}:27017", {}) for number in range(6)]
    steps = make_plan(live, wish(*kept, ("db6:27017", {"votes": 0, "priority": 0}), ("db7:27017", {})))
    assert [step.what for step in steps] == [
        "add db7:27017 without vote and priority",
        "change db6:27017: priority 1 -> 0",
        "take the vote of db6:27017",
        "give db7:27017 its vote",
        "change db7:27017: priority 0 -> 1",
    ]


def test_ids_go_on_above_the_highest() -> None:
    steps = make_plan(set_of(Member(7, "db0:27017")), wish(("db0:27017", {}), ("db1:27017", {}), ("db2:27017", {})))
    config = steps[-1].config
    assert config
    assert [member.id for member in config.members] == [7, 8, 9]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (wish(("db0:27017", {})), "db1:27017 is a member and is not listed"),
        (wish(("db0:27017", {"priority": 0}), ("db1:27017", {})), "db0:27017: it is the primary"),
        (wish(("db0:27017", {}), ("db1:27017", {"arbiter_only": True})), "db1:27017: arbiter_only is false"),
        (wish(("db0:27017", {}), ("db1:27017", {"build_indexes": False})), "db1:27017: build_indexes is true"),
        (wish(("db0:27017", {}), ("db1:27017", {"hidden": True})), "db1:27017: hidden needs priority 0, not 1"),
        (wish(("db0:27017", {}), ("db1:27017", {"votes": 0})), "db1:27017: votes: 0 needs priority 0"),
        (
            wish(("db0:27017", {}), ("db1:27017", {}), ("db2:27017", {"build_indexes": False, "votes": 1})),
            "db2:27017: build_indexes: false needs votes 0",
        ),
        (
            wish(("db0:27017", {}), ("db1:27017", {}), ("db2:27017", {"arbiter_only": True, "votes": 0})),
            "db2:27017: an arbiter has to vote",
        ),
        (wish(*((f"db{number}:27017", {}) for number in range(8))), "8 members would vote, 7 are possible"),
        (wish(*((f"db{number}:27017", {}) for number in range(51))), "51 members are listed, 50 are possible"),
    ],
)
def test_refused(wanted: Wanted, expected: str) -> None:
    with pytest.raises(ScaleoutError) as caught:
        make_plan(set_of(Member(0, "db0:27017"), Member(1, "db1:27017")), wanted)
    assert expected in str(caught.value)


def test_initial() -> None:
    wanted = wish(("db0:27017", {"arbiter_only": True}), ("db1:27017", {"hidden": True}), ("db2:27017", {}))
    config = initial(wanted)
    assert founder_of(config) == "db2:27017"
    assert [(member.id, member.priority, member.votes) for member in config.members] == [
        (0, 0, 1),
        (1, 0, 1),
        (2, 1, 1),
    ]
    with pytest.raises(ScaleoutError, match="none of them could become primary"):
        initial(wish(("db0:27017", {"priority": 0})))


def test_even_voters() -> None:
    assert "2 members vote" in warnings(initial(wish(("db0:27017", {}), ("db1:27017", {}))))[0]
    assert not warnings(initial(wish(("db0:27017", {}), ("db1:27017", {}), ("db2:27017", {}))))
