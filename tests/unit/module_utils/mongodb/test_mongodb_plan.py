"""The planner against a small model of the server's rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.model import (
    GIVEN_IDS,
    JOINING,
    Config,
    Live,
    Member,
    Step,
    Wanted,
    WantedMember,
    unmarked,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.plan import (
    founder_of,
    initial,
    make_plan,
    warnings,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.targets import FIXED
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.full import EXAMPLES


class Server:
    """What a primary accepts, and the members that have the data."""

    def __init__(self, live: Live, recovering: frozenset[str] = frozenset()) -> None:
        self.live = live
        # Of those that left before, only the runner may know: their numbers are taken too.
        self.ids = dict.fromkeys(live.given, "somebody else")
        self.ids.update((member.id, self.process(member.name)) for member in live.config.members)
        empty = {name for name, state in live.states.items() if state == "uninitialised"}
        # Who answers need not have the data.
        without = {member.name for member in live.config.members if member.joining} | empty | recovering
        self.synced = {member.name for member in live.config.members} - without

    def process(self, name: str) -> str:
        return self.live.renamed.get(name, name)

    def alive(self, member: Member) -> bool:
        return self.live.states.get(member.name) != "silent"

    def able(self) -> list[Member]:
        """Who can be elected in the place of the primary, once it has copied what it lost."""
        others = [member for member in self.live.config.members if member.name != self.live.primary]
        return [member for member in others if member.electable and self.alive(member)]

    def run(self, step: Step, elect: int) -> None:
        if step.joins:
            # The runner waits before it sends the step.
            assert self.live.config.find(step.joins), "nobody waits for a stranger"
            self.synced.add(step.joins)
        self.wait_for_copies(step)
        if step.renames and self.process(step.renames) in self.synced:
            self.synced.add(step.renames)
        if step.config:
            self.check(self.live.config, Config.of(step.config.document()), step)
        if step.successor:
            able = self.able()
            assert step.successor in [member.name for member in able], "nobody steps down without a successor"
            step = replace(step, successor=able[elect % len(able)].name)
        self.live = self.live.after(step)

    def wait_for_copies(self, step: Step) -> None:
        """Before the step is sent the runner waits until so many have caught up; no longer than it was told."""
        having = [name for name in step.keepers if name in self.synced]
        alive = {member.name for member in self.live.config.members if self.alive(member)}
        late = [name for name in step.keepers if name not in self.synced and name in alive]
        missing = max(0, step.copies - len(having))
        assert missing <= len(late), "it waits for ever"
        self.synced.update(late[:missing])

    def check(self, old: Config, new: Config, step: Step) -> None:
        assert new == step.config, "the document loses nothing"
        assert new.version == old.version + 1
        assert len(new.members) <= 50
        assert new.voters <= 7
        names = {member.name for member in new.members}
        assert new.arbiters <= max(1, old.arbiters), "the server takes one arbiter"
        assert len({member.id for member in new.members}) == len(names) == len(new.members)
        assert len({tuple(member.horizons) for member in new.members}) == 1, "the server wants the same names"
        for member in new.members:
            process = self.process(member.name)
            assert self.ids.setdefault(member.id, process) == process, "an _id was used again"
            assert member.priority == 0 or (member.votes == 1 and not member.hidden and not member.arbiter_only)
            assert not (member.arbiter_only and member.votes == 0)
            before = old.by_id(member.id)
            assert before is None or before.arbiter_only == member.arbiter_only
            assert before is None or before.build_indexes == member.build_indexes
            if member.votes and not (before and before.votes):
                assert member.arbiter_only or member.name in self.synced, "a vote without the data"
                assert before is None or before.secondary_delay_secs <= member.secondary_delay_secs, "a vote too late"
        was = {member.id for member in old.members if member.votes}
        votes = {member.id for member in new.members if member.votes}
        assert len(was ^ votes) <= 1, "two votes at once"
        leader = old.find(self.live.primary)
        assert leader
        stays = new.by_id(leader.id)
        assert stays, "the primary was removed"
        assert stays.electable, "the primary was made unelectable"
        awake = [member for member in new.members if member.votes and self.alive(member)]
        assert len(awake) > new.voters // 2, "the majority was lost"
        if new.implicit_majority != old.implicit_majority:
            assert self.live.write_concern is not None, "the server refuses to change its own default"
        if was - votes:
            copies = [member for member in awake if not member.arbiter_only and member.name in self.synced]
            data = [member for member in awake if not member.arbiter_only]
            assert len(copies) >= min(len(awake) // 2 + 1, len(data)), "too few of those that are left have the data"
        # Any majority of the old and any of the new share a member, so what was acknowledged stays.
        assert len(was) // 2 + 1 + len(votes) // 2 + 1 > len(was | votes)


@st.composite
def given_of(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["plain", "plain", "plain", "arbiter", "hidden", "silent", "unindexed", "weighted"]))
    if kind == "arbiter":
        return {"arbiter_only": True, "priority": 0, "votes": 1}
    if kind == "hidden":
        return {"hidden": True, "priority": 0, "secondary_delay_secs": draw(st.sampled_from([0, 60]))}
    if kind == "silent":
        return {"votes": 0, "priority": 0, "secondary_delay_secs": draw(st.sampled_from([0, 60]))}
    if kind == "unindexed":
        return {"build_indexes": False, "votes": 0, "priority": 0}
    if kind == "weighted":
        return {
            "priority": draw(st.sampled_from([0, 0.5, 1, 2])),
            "votes": 1,
            "tags": {"zone": draw(st.sampled_from("ab"))},
            **draw(st.sampled_from([{}, {"secondary_delay_secs": 0}])),
        }
    return {}


@st.composite
def live_sets(draw: st.DrawFn) -> Live:
    """A live set, perhaps left half-way by an earlier run, with a majority awake."""
    members: list[Member] = []
    number = -1
    for index in range(draw(st.integers(1, 8))):
        number += draw(st.integers(1, 3))
        fields = draw(given_of()) if index else {}
        if index and not fields.get("arbiter_only") and draw(st.integers(0, 4)) == 0:
            fields = {"votes": 0, "priority": 0, "tags": {JOINING: "1"}}
        if sum(member.votes for member in members) == 7:
            fields = {"votes": 0, "priority": 0}
        members.append(Member(number, f"Db{index}:27017", **fields))
    numeric = {"electionTimeoutMillis": draw(st.sampled_from([2000, 10000]))}
    concern = draw(st.sampled_from([None, {"w": 1, "wtimeout": 0}, {"w": "majority", "wtimeout": 0}]))
    config = Config("rs0", draw(st.integers(1, 99)), tuple(members), {**numeric, "chainingAllowed": True}, {"term": 3})
    spare = config.voters - config.voters // 2 - 1
    states = {member.name: "member" for member in members}
    for member in members[1:]:
        state = draw(st.sampled_from(["member"] * 4 + ["silent", "uninitialised"]))
        if state == "member" or (member.votes and not spare):
            continue
        states[member.name] = state
        spare -= member.votes
    return Live(config, members[0].name, concern, states, {}, frozenset(range(number + draw(st.integers(1, 3)))))


# From which place outside the members are seen, before and after; None where none is given.
VIEWS = [("", None), ("", None), ("", "a"), ("a", None), ("a", "a"), ("a", "b"), ("a", "")]


def with_horizons(
    live: Live, wanted: list[WantedMember], before: str, after: str | None
) -> tuple[Live, list[WantedMember]]:
    def seen(view: str, name: str) -> dict[str, str]:
        return {view: f"{view}-{name}"} if view else {}

    members = tuple(replace(member, horizons=seen(before, member.name)) for member in live.config.members)
    settled = {member.name for member in members if not member.joining and live.states[member.name] == "member"}
    # Who has to join has none that could stay.
    if after is None and before and not {wish.name for wish in wanted} <= settled:
        after = before
    if after is not None:
        wanted = [replace(wish, given={**wish.given, "horizons": seen(after, wish.name)}) for wish in wanted]
    return replace(live, config=replace(live.config, members=members)), wanted


@st.composite
def stories(draw: st.DrawFn) -> tuple[Live, Wanted]:
    """A live set and a wish: members stay, change, get another name or another kind, leave and come."""
    live = draw(live_sets())
    wanted = []
    renamed = {}
    for member in live.config.members:
        state = live.states[member.name]
        fate = draw(st.sampled_from(["stays"] * 4 + ["leaves", "renamed"]))
        if fate == "leaves" or state == "silent":
            continue
        fields = draw(given_of())
        if state == "member" and any(fields.get(key, getattr(member, key)) != getattr(member, key) for key in FIXED):
            fields = {}
        name = member.name
        if fate == "renamed" and state == "member":
            name = f"moved-{member.name}"
            renamed[name] = member.name
        wanted.append(WantedMember(name, fields))
    wanted += [WantedMember(f"new{index}:27017", draw(given_of())) for index in range(draw(st.integers(0, 5)))]
    live, wanted = with_horizons(live, wanted, *draw(st.sampled_from(VIEWS)))
    order = draw(st.permutations(wanted))
    wish = Wanted(
        "rs0",
        tuple(order),
        draw(st.sampled_from([{}, {"electionTimeoutMillis": 2000}])),
        draw(st.sampled_from([None, {"w": "majority", "wtimeout": 0}, {"w": 2, "wtimeout": 0}])),
    )
    return replace(live, renamed=renamed), wish


# What no plan can lead to; anything else that is refused is a fault of the planner.
IMPOSSIBLE = (
    "none of them could become primary",
    "members would vote, 7 are possible",
    "as long as 7 members vote",
    "is never reached",
    "needs priority 0, not",
    "needs votes 0",
    "an arbiter has to vote",
    "arbiters are listed, and the server takes one",
    "leave in a run of its own",
)


def planned(live: Live, wanted: Wanted) -> list[str] | None:
    """The steps, or None where the wish is impossible."""
    try:
        return [step.what for step in make_plan(live, wanted)]
    except ScaleoutError as error:
        if any(text in str(error) for text in IMPOSSIBLE):
            return None
        raise


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stories(), st.lists(st.integers(0, 9), min_size=5, max_size=5), st.sets(st.integers(1, 7)))
def test_every_step_is_legal_and_the_end_is_as_wanted(
    story: tuple[Live, Wanted], elections: list[int], behind: set[int]
) -> None:
    live, wanted = story
    foretold = planned(live, wanted)
    if foretold is None:
        return
    recovering = frozenset(member.name for number, member in enumerate(live.config.members) if number in behind)
    server = Server(live, recovering)
    while steps := make_plan(server.live, wanted):
        guessed = steps[0].successor
        assert [step.what for step in steps] == foretold, "a run that died goes on as planned"
        server.run(steps[0], elections.pop() if guessed else 0)
        foretold = foretold[1:]
        if guessed and server.live.primary != guessed:
            foretold = [step.what for step in make_plan(server.live, wanted)]
    end = server.live.config
    assert {member.name for member in end.members} == {member.name for member in wanted.members}
    assert not any(member.joining for member in end.members)
    for wish in wanted.members:
        member, before = end.find(wish.name), live.config.find(wish.name)
        assert member is not None
        for key, value in wish.given.items():
            assert (unmarked(member.tags) if key == "tags" else getattr(member, key)) == value
        if before is None and not wish.given and wish.name not in live.renamed:
            assert (member.priority, member.votes) == (1, 1)
        if before is not None and not wish.given and not before.joining:
            assert replace(member, tags=unmarked(member.tags)) == before, "what is not given stays"
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


def test_a_late_member_is_in_time_before_it_votes() -> None:
    live = set_of(Member(0, "db0:27017"), Member(1, "db1:27017", priority=0, votes=0, secondary_delay_secs=3600))
    assert whats(live, wish(("db0:27017", {}), ("db1:27017", {"votes": 1}))) == ["give db1:27017 its vote"]
    in_time = {"votes": 1, "priority": 1, "secondary_delay_secs": 0}
    assert whats(live, wish(("db0:27017", {}), ("db1:27017", in_time))) == [
        "change db1:27017: secondary_delay_secs 3600 -> 0",
        "give db1:27017 its vote",
        "change db1:27017: priority 0 -> 1",
    ]


def test_ids_go_on_above_all_that_were_ever_given() -> None:
    steps = make_plan(set_of(Member(7, "db0:27017")), wish(("db0:27017", {}), ("db1:27017", {}), ("db2:27017", {})))
    config = steps[-1].config
    assert config
    assert [member.id for member in config.members] == [7, 51, 52]


def test_no_id_comes_again_in_a_later_run() -> None:
    """Nothing but the configuration is known to the next run."""
    config = initial(wish(("db0:27017", {}), ("db1:27017", {})))
    owners = {member.id: member.name for member in config.members}
    for number in range(30):
        for names in (("db0:27017", f"new{number}:27017"), ("db0:27017",)):
            live = Live(config, "db0:27017")
            config = [step.config for step in make_plan(live, wish(*((name, {}) for name in names)))][-1] or config
            for member in config.members:
                assert owners.setdefault(member.id, member.name) == member.name
    assert len(owners) == 32


def whats(live: Live, wanted: Wanted) -> list[str]:
    return [step.what for step in make_plan(live, wanted)]


def test_the_primary_leaves_last() -> None:
    live = set_of(*(Member(number, f"db{number}:27017") for number in range(3)))
    assert whats(live, wish(("db2:27017", {}))) == [
        "remove db1:27017",
        "step down db0:27017",
        "remove db0:27017",
    ]


def test_nobody_leaves_before_others_can_take_over() -> None:
    live = set_of(Member(0, "db0:27017"), Member(1, "db1:27017"), Member(2, "db2:27017", priority=0))
    steps = whats(live, wish(("db1:27017", {"priority": 0}), ("db2:27017", {"priority": 2})))
    assert steps == [
        "change db2:27017: priority 0 -> 2",
        "change db1:27017: priority 1 -> 0",
        "step down db0:27017",
        "remove db0:27017",
    ]


def test_the_dead_leave_first() -> None:
    live = replace(
        set_of(*(Member(number, f"db{number}:27017") for number in range(3))), states={"db1:27017": "silent"}
    )
    steps = whats(live, wish(("db0:27017", {}), ("new:27017", {})))
    assert steps[:2] == ["remove db1:27017", "add new:27017 without vote and priority"]
    assert steps[-1] == "remove db2:27017"


def test_the_primary_is_renamed_last() -> None:
    live = replace(
        set_of(Member(0, "a.example:27017"), Member(1, "b.example:27017")),
        renamed={"x.example:27017": "a.example:27017", "y.example:27017": "b.example:27017"},
    )
    steps = make_plan(live, wish(("x.example:27017", {}), ("y.example:27017", {"priority": 2})))
    assert [step.what for step in steps] == [
        "rename b.example:27017 to y.example:27017",
        "rename a.example:27017 to x.example:27017",
        "change y.example:27017: priority 1 -> 2",
    ]
    config = steps[-1].config
    assert config
    assert [(member.id, member.host) for member in config.members] == [(0, "x.example:27017"), (1, "y.example:27017")]


def test_a_short_name_is_the_same_only_by_its_process() -> None:
    live = set_of(Member(0, "db0:27017"), Member(1, "db1.example.com:27017"))
    short = wish(("db0:27017", {}), ("db1:27017", {}))
    assert not whats(replace(live, renamed={"db1:27017": "db1.example.com:27017"}), short)
    assert whats(live, short)[0] == "add db1:27017 without vote and priority"
    full = wish(("db0.example.com:27017", {}), ("db1.example.com:27017", {}))
    renamed = replace(live, renamed={"db0.example.com:27017": "db0:27017"})
    assert whats(renamed, full) == ["rename db0:27017 to db0.example.com:27017"]


def test_a_member_without_data_begins_anew() -> None:
    live = replace(
        set_of(*(Member(number, f"db{number}:27017") for number in range(3))), states={"db2:27017": "uninitialised"}
    )
    wanted = wish(("db0:27017", {}), ("db1:27017", {}), ("db2:27017", {"arbiter_only": True}))
    steps = make_plan(live, wanted)
    assert [step.what for step in steps] == [
        "set the default write concern w: majority, wtimeout: 0",
        "remove db2:27017",
        "add the arbiter db2:27017",
    ]
    config = steps[-1].config
    assert config
    assert config.members[-1].id > 50
    used = replace(set_of(Member(0, "db0:27017"), Member(1, "db1:27017")), states={"db2:27017": "removed"})
    with pytest.raises(ScaleoutError, match="db2:27017: arbiter_only is for a member without data"):
        make_plan(used, wanted)


def test_an_arbiter_leaves_before_another_one_comes() -> None:
    data = [Member(0, "db0:27017"), Member(1, "db1:27017")]
    old = Member(2, "old:27017", arbiter_only=True, priority=0)
    kept: list[Any] = [("db0:27017", {}), ("db1:27017", {})]
    assert whats(set_of(*data, old), wish(*kept, ("new:27017", {"arbiter_only": True})))[1:] == [
        "remove old:27017",
        "add the arbiter new:27017",
    ]
    # Where more were allowed they stay so many.
    more = set_of(*data, old, replace(old, id=3, host="older:27017"))
    assert not whats(more, wish(*kept, ("old:27017", {}), ("older:27017", {})))
    with pytest.raises(ScaleoutError, match="2 arbiters are listed"):
        initial(wish(*kept, *((f"new{number}:27017", {"arbiter_only": True}) for number in range(2))))


def test_what_others_remember_is_no_new_id() -> None:
    noted = sum(1 << number for number in range(254) if number != 207)
    live = set_of(Member(0, "db0:27017", tags={GIVEN_IDS: f"{noted:x}@1"}))
    live = replace(live, given=frozenset([254]))
    steps = make_plan(live, wish(("db0:27017", {}), ("db1:27017", {}), ("db2:27017", {})))
    config = steps[-1].config
    assert config
    # After the highest possible one those that nobody ever had.
    assert [member.id for member in config.members] == [0, 255, 207]
    with pytest.raises(ScaleoutError, match=r"every _id up to 255, the server's highest, was given .*_ids of a member"):
        make_plan(live, wish(*((f"db{number}:27017", {}) for number in range(4))))
    # The way out that is told.
    again = Live(Config("rs0", 9999, (Member(255, "db0:27017", tags={GIVEN_IDS: "0@0"}),)), "db0:27017")
    config = make_plan(again, wish(("db0:27017", {}), ("db1:27017", {}), ("db2:27017", {})))[-1].config
    assert config
    assert [member.id for member in config.members] == [255, 0, 1]


@settings(max_examples=EXAMPLES // 10, deadline=None)
@given(st.lists(st.sampled_from(["come and go", "by hand", "force"]), max_size=40), st.integers(1, 300))
def test_no_id_goes_to_another_host_whatever_passes(fates: list[str], version: int) -> None:
    """Until all are given; nothing but the configuration is known to the next run."""
    config = Config("rs0", version, (Member(0, "db0:27017"), Member(1, "db1:27017")))
    owners = {0: "db0:27017", 1: "db1:27017"}
    kept: list[Any] = [("db0:27017", {}), ("db1:27017", {})]
    for number, fate in enumerate(fates):
        if fate == "force":
            # The server adds some ten thousand to the version.
            config = replace(config, version=config.version + 54_321)
            continue
        for names in ([*kept, (f"new{number}:27017", {})], kept):
            try:
                steps = make_plan(Live(config, "db0:27017"), wish(*names))
            except ScaleoutError:
                # Nothing else can be refused here.
                assert config.given == frozenset(range(256))
                return
            for step in steps:
                config = step.config or config
                for member in config.members:
                    assert owners.setdefault(member.id, member.name) == member.name
            if fate == "by hand":
                # As rs.add() and rs.remove() do it.
                owners.setdefault(max(member.id for member in config.members) + 1, "by hand")
                config = replace(config, version=config.version + 2)


def test_a_write_concern_waits_for_the_members_it_asks_for() -> None:
    live = set_of(Member(0, "db0:27017"))
    two = replace(wish(("db0:27017", {}), ("db1:27017", {})), write_concern={"w": 2, "wtimeout": 0})
    assert whats(live, two)[-1] == "set the default write concern w: 2, wtimeout: 0"
    back = replace(wish(("db0:27017", {})), write_concern={"w": 1, "wtimeout": 0})
    grown = replace(set_of(Member(0, "db0:27017"), Member(1, "db1:27017")), write_concern={"w": 2, "wtimeout": 0})
    assert whats(grown, back) == ["set the default write concern w: 1, wtimeout: 0", "remove db1:27017"]


def outside(number: int, name: str = "outside") -> dict[str, Any]:
    return {"horizons": {name: f"db{number}.example.org:27017"}}


def test_horizons_change_at_once() -> None:
    live = set_of(Member(0, "db0:27017", **outside(0)), Member(1, "db1:27017", **outside(1)))
    kept = wish(("db0:27017", {}), ("db1:27017", {}))
    assert not whats(live, kept)
    # The newcomer has them from the beginning.
    grown = wish(("db0:27017", {}), ("db1:27017", {}), ("db2:27017", outside(2)))
    assert [what for what in whats(live, grown) if "horizons" in what] == []
    added = make_plan(live, grown)[0].config
    assert added
    assert added.members[2].horizons == outside(2)["horizons"]
    (step,) = make_plan(live, wish(("db0:27017", {"horizons": {}}), ("db1:27017", {"horizons": {}})))
    assert step.config
    assert [member.horizons for member in step.config.members] == [{}, {}]
    # Set where others come and go: when it is done.
    bare = set_of(Member(0, "db0:27017"), Member(1, "db1:27017"))
    swapped = whats(bare, wish(("db0:27017", outside(0)), ("db2:27017", outside(2))))
    assert [number for number, what in enumerate(swapped) if "horizons" in what] == [len(swapped) - 1]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ([(0, outside(0)), (1, {})], "db1:27017 has no horizon outside, and others have"),
        ([(0, outside(0)), (1, outside(1, "inside"))], "db0:27017 has no horizon inside, and others have"),
        ([(0, outside(0)), (1, outside(0))], "db0.example.org:27017 is given twice"),
    ],
)
def test_horizons_that_the_server_refuses(wanted: list[tuple[int, dict[str, Any]]], expected: str) -> None:
    asked = wish(*((f"db{number}:27017", given) for number, given in wanted))
    for live in (set_of(Member(0, "db0:27017")), set_of(Member(0, "db0:27017"), Member(1, "db1:27017"))):
        with pytest.raises(ScaleoutError, match=expected):
            make_plan(live, asked)
    with pytest.raises(ScaleoutError, match=expected):
        initial(asked)


def test_horizons_that_one_that_leaves_has_still() -> None:
    live = set_of(Member(0, "db0:27017", **outside(0)), Member(1, "db1:27017", **outside(1)))
    with pytest.raises(ScaleoutError, match=r"db1.example.org:27017 is given twice.* as long as db1:27017 is there"):
        make_plan(live, wish(("db0:27017", {}), ("db2:27017", outside(1))))


def test_a_full_set_with_one_electable_member_is_told() -> None:
    members = [Member(0, "db0:27017"), *(Member(number, f"db{number}:27017", priority=0) for number in range(1, 7))]
    kept: list[Any] = [(f"db{number}:27017", {}) for number in range(1, 7)]
    with pytest.raises(ScaleoutError, match="db0:27017: it is the primary and shall leave, and as long as 7 members"):
        make_plan(set_of(*members), wish(*kept, ("db7:27017", {})))


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
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
        (
            wish(("db0:27017", {}), ("db2:27017", {"arbiter_only": True}), ("db3:27017", {"arbiter_only": True})),
            "2 arbiters are listed, and the server takes one (unless all run with allowMultipleArbiters)",
        ),
        (
            replace(wish(("db0:27017", {}), ("db1:27017", {})), write_concern={"w": 3, "wtimeout": 0}),
            "w: 3 is never reached, 2 of the members have data",
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
