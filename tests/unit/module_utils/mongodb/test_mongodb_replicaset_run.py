"""The state machine against a set that exists only here: elections, lost answers and others who change it too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.model import (
    Config,
    Seen,
    ServerError,
    UnreachableError,
    Wanted,
    WantedMember,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.replicaset import converge
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.session import Session

NOW = datetime(2026, 1, 1)
LONG_AGO = datetime(2025, 1, 1)
NAMES = ["db0:27017", "db1:27017", "db2:27017"]


class Fake:
    """All members at once. `mishaps` happen to the next commands of that name, before or after they work."""

    def __init__(self, config: dict[str, Any] | None = None, states: dict[str, str] | None = None) -> None:
        self.config = config
        self.states = states or {}
        self.mishaps: dict[str, list[Callable[[], None]]] = {}
        self.late: dict[str, list[Exception]] = {}
        self.calls: list[tuple[str, str, bool]] = []
        self.time = 0.0
        # What of a member's status is not as in good times.
        self.status: dict[str, dict[str, Any]] = {}
        self.primary = True

    def clock(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def look(self, address: str) -> Seen:
        name = NAMES[0] if address.startswith("127.") else address
        hosts = [member["host"] for member in self.config["members"]] if self.config else []
        state = self.states.get(name, "member" if name in hosts else "uninitialised")
        if state != "member":
            return Seen(address, state, cause="Connection refused" if state == "silent" else "", process=name)
        primary = hosts[0] if self.primary else ""
        return Seen(address, state, set_name="rs0", primary=primary, names=frozenset(hosts), ready=True, process=name)

    def command(self, address: str, name: str, value: Any = 1, login: bool = True, **_more: Any) -> dict[str, Any]:
        self.calls.append((address, name, login))
        if self.mishaps.get(name):
            self.mishaps[name].pop(0)()
        answer = self.answer(name, value, login)
        if self.late.get(name):
            raise self.late[name].pop(0)
        return answer

    def answer(self, name: str, value: Any, login: bool) -> dict[str, Any]:
        if name == "replSetInitiate":
            self.config = {**value, "settings": {**value.get("settings", {}), "replicaSetId": 1}}
            return {}
        assert self.config
        if name == "replSetGetConfig":
            return {"config": self.config}
        if name == "replSetReconfig":
            if value["version"] <= self.config["version"]:
                raise ServerError("version is not newer", NAMES[0], 103)
            self.config = value
        if name == "replSetGetStatus":
            states = [
                {"name": member["host"], "health": 1, "state": 2 if number else 1, "optimeDate": NOW}
                | self.status.get(member["host"], {})
                for number, member in enumerate(self.config["members"])
            ]
            return {"members": states}
        return {"defaultWriteConcernSource": "implicit"}

    def fails(self, code: int) -> Callable[[], None]:
        def fail() -> None:
            raise ServerError("mishap", NAMES[0], code)

        return fail

    def bump(self) -> None:
        assert self.config
        self.config = {**self.config, "version": self.config["version"] + 1}


def one_member() -> dict[str, Any]:
    return {"_id": "rs0", "version": 1, "members": [{"_id": 0, "host": NAMES[0]}], "settings": {"replicaSetId": 1}}


def members(count: int) -> dict[str, Any]:
    return {**one_member(), "members": [{"_id": number, "host": name} for number, name in enumerate(NAMES[:count])]}


def run(
    fake: Fake,
    count: int = 3,
    has_login: bool = False,
    check: bool = False,
    settings: dict[str, Any] | None = None,
    given: dict[str, dict[str, Any]] | None = None,
) -> list[str]:
    listed = tuple(WantedMember(name, (given or {}).get(name, {})) for name in NAMES[:count])
    wanted = Wanted("rs0", listed, settings or {})
    session = Session(wanted, fake, "127.0.0.1:27017", has_login, check, clock=fake.clock, sleep=fake.sleep)
    return [step.what for step in converge(session).steps]


GROWN = [
    "add db1:27017 without vote and priority",
    "give db1:27017 its vote",
    "change db1:27017: priority 0 -> 1",
]


def test_passing_errors_are_waited_out() -> None:
    fake = Fake(one_member())
    # An election, a change of the server's own, and a configuration that is not committed yet.
    fake.mishaps["replSetReconfig"] = [fake.fails(10107), fake.bump, fake.fails(308)]
    assert run(fake, 2) == GROWN
    assert run(fake, 2) == []


@pytest.mark.parametrize("error", [UnreachableError("lost", NAMES[0]), ServerError("interrupted", NAMES[0], 11602)])
def test_a_lost_answer_counts_once(error: Exception) -> None:
    fake = Fake(one_member())
    fake.late["replSetReconfig"] = [error, error, error]
    assert run(fake, 2) == GROWN


def test_a_real_refusal_fails_with_the_step() -> None:
    fake = Fake(one_member())
    fake.mishaps["replSetReconfig"] = [fake.fails(103)]
    with pytest.raises(ScaleoutError, match="add db1:27017 without vote and priority: mishap"):
        run(fake, 2)
    assert fake.time == 0


def test_an_initiated_set_is_waited_for() -> None:
    fake = Fake()

    def somebody_was_faster() -> None:
        fake.answer("replSetInitiate", {**one_member(), "members": [{"_id": 0, "host": NAMES[0]}]}, False)
        raise ServerError("already initialized", NAMES[0], 23)

    fake.mishaps["replSetInitiate"] = [fake.fails(13), somebody_was_faster]
    assert run(fake, 1) == []


def test_initiation_goes_over_loopback_to_the_first_electable() -> None:
    fake = Fake()
    assert run(fake) == ["initiate rs0 with 3 members through db0:27017"]
    assert [call for call in fake.calls if call[1] == "replSetInitiate"] == [
        ("127.0.0.1:27017", "replSetInitiate", False)
    ]


def test_nobody_initiates() -> None:
    fake = Fake()
    fake.mishaps["replSetInitiate"] = [fake.fails(13)] * 2000
    with pytest.raises(ScaleoutError, match=r"not initiated within 300 s; .*on the host of db0:27017"):
        run(fake)


@pytest.mark.parametrize(
    ("config", "states", "expected"),
    [
        (None, {"db1:27017": "silent", "db2:27017": "silent"}, r"db1:27017 \(Connection refused\), db2:27017"),
        (one_member(), {"db1:27017": "silent"}, r"no answer from db1:27017 \(Connection refused\)"),
        (None, {"db1:27017": "standalone"}, "db1:27017: it runs without a replica set"),
        (None, {"db2:27017": "removed"}, "db2:27017 was removed from a replica set"),
    ],
)
def test_refused_before_any_change(config: dict[str, Any] | None, states: dict[str, str], expected: str) -> None:
    fake = Fake(config, states)
    with pytest.raises(ScaleoutError, match=expected):
        run(fake)
    assert not [call for call in fake.calls if call[1].startswith(("replSetI", "replSetR"))]
    assert fake.time == 0


def test_an_identity_that_cannot_be_read_is_refused() -> None:
    fake = Fake(one_member(), {"db1:27017": "removed"})
    reads = 0

    def refuse_the_second() -> None:
        nonlocal reads
        reads += 1
        if reads == 2:
            raise ServerError("not authorized", "db1:27017", 13)

    fake.mishaps["replSetGetConfig"] = [refuse_the_second] * 9
    with pytest.raises(ScaleoutError, match="db1:27017: it is in some replica set rs0, and which one cannot be read"):
        run(fake, 2, has_login=True)


def test_check_changes_nothing() -> None:
    fake = Fake(one_member(), {"db1:27017": "silent"})
    before = Config.of(one_member())
    assert run(fake, 2, check=True) == GROWN
    assert fake.config
    assert Config.of(fake.config) == before


@pytest.mark.parametrize(
    "lack", [{"state": 5, "stateStr": "STARTUP2"}, {"state": 3, "stateStr": "RECOVERING"}, {"optimeDate": LONG_AGO}]
)
def test_no_vote_is_taken_while_those_that_are_left_lack_the_data(lack: dict[str, Any]) -> None:
    fake = Fake(members(3))
    fake.status["db1:27017"] = lack
    with pytest.raises(
        ScaleoutError, match="remove db2:27017: 2 of the voters that are left need the data first"
    ) as told:
        run(fake, 2)
    assert "db1:27017 is" in str(told.value)
    assert not [call for call in fake.calls if call[1] == "replSetReconfig"]
    fake = Fake(members(3))
    fake.status["db1:27017"] = lack
    fake.mishaps["replSetGetStatus"] = [lambda: None] * 4 + [fake.status.clear]
    assert run(fake, 2) == ["remove db2:27017"]


def test_a_member_that_is_late_on_purpose_gets_its_vote() -> None:
    delayed = members(2)
    delayed["members"][1].update(votes=0, priority=0, secondaryDelaySecs=3600)
    fake = Fake(delayed)
    fake.status["db1:27017"] = {"optimeDate": NOW - timedelta(hours=1)}
    assert run(fake, 2, given={"db1:27017": {"votes": 1}}) == ["give db1:27017 its vote"]
    assert fake.time == 0

    fake = Fake(delayed)
    fake.status["db1:27017"] = {"optimeDate": NOW - timedelta(hours=1)}
    # Once it is not to be late any more it catches up.
    fake.mishaps["replSetGetStatus"] = [lambda: None] * 3 + [fake.status.clear]
    assert run(fake, 2, given={"db1:27017": {"votes": 1, "secondary_delay_secs": 0}}) == [
        "change db1:27017: secondary_delay_secs 3600 -> 0",
        "give db1:27017 its vote",
    ]
    assert 0 < fake.time < 5


def test_a_keeper_that_dies_meanwhile_is_named() -> None:
    fake = Fake(members(3))

    def die() -> None:
        fake.status["db1:27017"] = {"health": 0, "state": 8}
        fake.states["db1:27017"] = "silent"

    fake.mishaps["replSetGetStatus"] = [lambda: None, die]
    with pytest.raises(UnreachableError, match=r"no answer from db1:27017 \(Connection refused\)"):
        run(fake, 2)
    assert fake.time < 5


def test_what_the_server_does_not_keep_has_an_end() -> None:
    fake = Fake(one_member())

    def forget() -> None:
        assert fake.config
        fake.config["settings"].pop("heartbeatTimeoutSecs", None)

    fake.mishaps["replSetGetConfig"] = [forget] * 999
    with pytest.raises(
        ScaleoutError, match="done 5 times, and the set still differs: set heartbeatTimeoutSecs None -> 12"
    ):
        run(fake, 1, settings={"heartbeatTimeoutSecs": 12})


def test_the_time_of_the_task_is_over() -> None:
    fake = Fake(one_member())

    def last() -> None:
        fake.time = 1000

    fake.mishaps["replSetReconfig"] = [last]
    with pytest.raises(
        ScaleoutError, match="not at its end after 300 s, left to do: give db1:27017 its vote; change db1"
    ):
        run(fake, 2)


def test_a_majority_that_is_lost_is_told_at_once() -> None:
    fake = Fake(members(3))
    fake.primary = False
    fake.states = {"db1:27017": "silent", "db2:27017": "silent"}
    with pytest.raises(UnreachableError, match=r"no majority .* no answer from db1:27017 \(Conn.*, db2:27017 \(Conn"):
        run(fake, 1)
    assert fake.time == 0


def test_a_majority_that_is_lost_meanwhile_is_told_at_once() -> None:
    """Also while the dead primary is still named by those that are left."""
    fake = Fake(members(3))
    assert fake.config
    fake.config["members"].reverse()

    def die() -> None:
        fake.states = {"db1:27017": "silent", "db2:27017": "silent"}
        raise UnreachableError("Connection refused", "db2:27017")

    fake.mishaps["replSetReconfig"] = [die]
    with pytest.raises(UnreachableError, match=r"no majority .* no answer from db1:27017 \(Conn.*, db2:27017 \(Conn"):
        run(fake, 1)
    assert fake.time < 5


def test_force_comes_too_late_where_another_call_was_faster() -> None:
    fake = Fake(members(3), {"db1:27017": "silent", "db2:27017": "silent"})
    fake.primary = False
    fake.status["db0:27017"] = {"self": True, "state": 2, "optime": {"t": 1, "ts": 1}}

    def another_call_forces() -> None:
        fake.config = {**one_member(), "version": 70_000}

    # While this one asks who has the newest data.
    fake.mishaps["replSetGetStatus"] = [another_call_forces]
    fake.mishaps["replSetGetConfig"] = [lambda: None] * 2 + [lambda: setattr(fake, "primary", True)]
    wanted = Wanted("rs0", (WantedMember(NAMES[0]),))
    lost = frozenset(NAMES[1:])
    session = Session(wanted, fake, "127.0.0.1:27017", True, lost=lost, clock=fake.clock, sleep=fake.sleep)
    outcome = converge(session)
    assert outcome.steps == []
    assert outcome.warnings == []
    assert not [call for call in fake.calls if call[1] in ("replSetReconfig", "replSetFreeze")]


def test_listed_members_without_a_majority_are_told_of_force() -> None:
    fake = Fake(members(3), {"db1:27017": "silent", "db2:27017": "silent"})
    with pytest.raises(UnreachableError, match="if they are lost for good see force"):
        run(fake)
