from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.model import normalise, plain_number
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.users import make_change, parse_users
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.wanted import parse_wanted


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("db1", "db1:27017"),
        (" DB1.Example.COM:27018 ", "db1.example.com:27018"),
        ("db1:0027018", None),
        ("10.0.0.1:1", "10.0.0.1:1"),
        ("::1", "[::1]:27017"),
        ("[0:0:0:0:0:0:0:1]:27018", "[::1]:27018"),
        ("[FE80::0a]", "[fe80::a]:27017"),
        ("[::1", None),
        ("[::1]27017", None),
        ("1:2:3", None),
        ("", None),
        (":27017", None),
        ("db1:", None),
        ("db1:70000", None),
        ("db1:0", None),
        ("db1:x", None),
        ("mongodb://db1", None),
        ("db1,db2", None),
    ],
)
def test_names(given: str, name: str | None) -> None:
    if name is None:
        with pytest.raises(ScaleoutError, match="is no address of a member"):
            normalise(given)
    else:
        assert normalise(given) == name
        assert normalise(name) == name


def test_numbers() -> None:
    assert {repr(plain_number(one)) for one in ("1", 1, 1.0, "1.0")} == {"1"}
    assert plain_number("majority") == "majority"
    assert plain_number({"a": {"b": "True"}, "c": "1.5"}) == {"a": {"b": True}, "c": 1.5}


def test_only_what_is_given() -> None:
    wanted = parse_wanted(
        "rs0",
        [
            "DB1",
            {"host": "db2", "priority": "2.0", "votes": 1.0, "hidden": "no", "tags": {"zone": 1}, "horizons": None},
            {"host": "db3", "horizons": {"outside": "DB3.example.org"}},
        ],
        {"electionTimeoutMillis": "2000"},
        {"w": "1"},
    )
    assert [(member.name, member.given) for member in wanted.members] == [
        ("db1:27017", {}),
        ("db2:27017", {"priority": 2, "votes": 1, "hidden": False, "tags": {"zone": "1"}}),
        ("db3:27017", {"horizons": {"outside": "db3.example.org:27017"}}),
    ]
    assert wanted.settings == {"electionTimeoutMillis": 2000}
    assert wanted.write_concern == {"w": 1, "wtimeout": 0}


@pytest.mark.parametrize(
    ("members", "more", "expected"),
    [
        ([], {}, "members: the list is empty"),
        (["db1", "DB1:27017"], {}, "db1:27017 is listed twice"),
        ([5], {}, "5 is no member"),
        ([{"host": "db1", "prio": 1}], {}, "db1:27017 has the unknown key prio. Known are host, priority"),
        ([{"host": "db1", "votes": 2}], {}, "votes must be a whole number of at least 0 and at most 1, not 2"),
        ([{"host": "db1", "priority": "high"}], {}, "priority must be a number"),
        ([{"host": "db1", "priority": True}], {}, "priority must be a number"),
        ([{"host": "db1", "hidden": "perhaps"}], {}, "hidden must be true or false"),
        ([{"host": "db1", "tags": "zone"}], {}, "tags must be a dictionary"),
        (["db1"], {"settings": {"electionTimeoutMilis": 1}}, "electionTimeoutMilis is no setting"),
        (["db1"], {"settings": {"replicaSetId": 1}}, "replicaSetId is no setting"),
        (["db1"], {"write_concern": {"j": True}}, "default_write_concern: w is missing"),
        (["db1"], {"write_concern": {"w": 1, "x": 1}}, "unknown key x"),
        # What the server would store as another value.
        (["db1"], {"settings": {"heartbeatTimeoutSecs": 10.5}}, "must be a whole number of at least 1 and at most"),
        (["db1"], {"settings": {"electionTimeoutMillis": "soon"}}, "must be a whole number of at least 1 and at most"),
        (["db1"], {"settings": {"electionTimeoutMillis": 2**31}}, "at most 2147483647, not 2147483648"),
        (["db1"], {"settings": {"catchUpTimeoutMillis": -2}}, "must be a whole number of at least -1"),
        (["db1"], {"settings": {"chainingAllowed": 1}}, "chainingAllowed must be true or false, not 1"),
        (["db1"], {"settings": {"getLastErrorModes": "zone"}}, "getLastErrorModes must be a dictionary"),
        (
            [{"host": "db1", "secondary_delay_secs": 0.5}],
            {},
            "must be a whole number of at least 0 and at most 31622400",
        ),
        (["db1"], {"write_concern": {"w": 1.5}}, "w must be a whole number of at least 1 and at most 50, not 1.5"),
        (["db1"], {"write_concern": {"w": True}}, "w must be a whole number"),
        (["db1"], {"write_concern": {"w": 1, "j": "perhaps"}}, "j must be true or false"),
        (["db1"], {"write_concern": {"w": 1, "wtimeout": 0.5}}, "wtimeout must be a whole number"),
    ],
)
def test_refused(members: list[Any], more: dict[str, Any], expected: str) -> None:
    with pytest.raises(ScaleoutError, match=re.escape(expected)):
        parse_wanted("rs0", members, more.get("settings"), more.get("write_concern"))


def user(**more: Any) -> Any:
    raw = {"name": "www", "database": "www", "password": None, "roles": None, "state": "present", **more}
    return parse_users([raw])[0]


@pytest.mark.parametrize(
    ("wanted", "live", "fits", "command", "arguments"),
    [
        ({"password": "p"}, None, False, "createUser", {"pwd": "p", "roles": []}),
        ({"password": "p"}, ["read"], True, None, None),
        ({"password": "p"}, ["read"], False, "updateUser", {"pwd": "p"}),
        ({"roles": ["read", {"role": "read", "db": "www"}]}, ["read"], False, None, None),
        ({"roles": []}, ["read"], False, "updateUser", {"roles": []}),
        ({"state": "absent"}, ["read"], False, "dropUser", {}),
        ({"state": "absent"}, None, False, None, None),
    ],
)
def test_users(
    wanted: dict[str, Any], live: list[str] | None, fits: bool, command: str | None, arguments: dict[str, Any] | None
) -> None:
    found = None if live is None else {"roles": [{"role": role, "db": "www"} for role in live]}
    change = make_change(user(**wanted), found, fits)
    assert (change.command, change.arguments) == (command, arguments) if change else command is None
    assert "pwd" not in repr(change)


def test_users_refused() -> None:
    raw = {"name": "www", "database": "www", "password": None, "roles": None, "state": "present"}
    with pytest.raises(ScaleoutError, match="www@www is listed twice"):
        parse_users([raw, raw])
    with pytest.raises(ScaleoutError, match="is no role"):
        user(roles=[{"name": "read"}])
    with pytest.raises(ScaleoutError, match="has no password"):
        make_change(user(), None, False)
