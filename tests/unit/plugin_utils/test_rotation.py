# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which secrets a rotation changes, and that nobody is ever told what nobody else takes."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.scaleout.webapp.plugins.plugin_utils._references import resolve_secrets
from ansible_collections.scaleout.webapp.plugins.plugin_utils._rotation import (
    KINDS,
    PHASES,
    cache_users,
    choose,
    database_users,
    journal_name,
    phases,
    values,
)
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 11, 21, tzinfo=timezone.utc)
SECRETS = {
    "mongodb_admin_password": "mongodb_admin",
    "mongodb_keyfile": "mongodb_keyfile",
    "www_mongodb_password": "mongodb_user",
    "www_redis_password": "redis_user",
    "www_session_secret": "app",
    "www_s3_secret": "app",
    "www_file_key": "app",
}
PLANNED = [
    {
        "name": name,
        "kind": kind,
        "used_by": "www",
        "generate": name != "www_s3_secret",
        "rotate": name != "www_file_key",
        "notice": "everybody is logged out" if name == "www_session_secret" else "",
    }
    for name, kind in SECRETS.items()
]
MADE = sorted(set(SECRETS) - {"www_s3_secret", "www_file_key"})
DATABASE = [{"name": "www", "database": "www", "roles": ["readWrite"], "password": "${secrets.www_mongodb_password}"}]
CACHE = [{"name": "www", "password": "${secrets.www_redis_password}"}]


def state(*states: str, changed_at: str | None = None, problem: str = "") -> dict[str, Any]:
    holders = {f"h{number}": {"state": one} for number, one in enumerate(states)}
    return {"holders": holders, "changed_at": changed_at, "problem": problem}


def chosen(
    wanted: str = "",
    older_than: str = "",
    begun: str = "",
    journal_somewhere: bool = False,
    given_: str = "",
    unchanged: str = "",
    report: dict[str, dict[str, Any]] | None = None,
) -> dict[str, Any]:
    empty = {journal_name(name, part): state("absent", "absent") for name in SECRETS for part in ("old", "new")}
    journal = {journal_name(name, part): state("agrees", "absent") for name in begun.split() for part in ("old", "new")}
    return choose(
        PLANNED,
        {**{name: state("agrees", "agrees") for name in SECRETS}, **(report or {})},
        {**empty, **journal},
        unchanged.split(),
        given_.split(),
        wanted.split(),
        older_than,
        journal_somewhere,
        NOW,
    )


def test_by_name_kind_or_all() -> None:
    assert chosen("www_session_secret")["names"] == ["www_session_secret"]
    assert chosen("app")["names"] == ["www_session_secret"]
    assert chosen("mongodb_user redis_user")["names"] == ["www_mongodb_password", "www_redis_password"]
    everything = chosen("all")
    assert everything["names"] == MADE
    assert everything["problems"] == []
    assert everything["left"] == [
        "www_s3_secret: its value is not made here: write the new one into webapp_secrets",
        "www_file_key: what it was used for does not survive a change (www)",
    ]


def test_what_visitors_notice_is_said() -> None:
    assert chosen("www_session_secret")["notices"] == [
        "www_session_secret (www): the instances of its app restart, one after the other; everybody is logged out"
    ]


def test_by_age() -> None:
    old, young = state("agrees", changed_at="2026-08-01T00:00:00Z"), state("agrees", changed_at="2026-11-01T00:00:00Z")
    report = {**dict.fromkeys(MADE, young), "mongodb_keyfile": old, "www_redis_password": state("agrees")}
    assert chosen("", "90", report=report)["names"] == ["mongodb_keyfile", "www_redis_password"]
    assert chosen("redis_user", "90", report=report)["names"] == ["www_redis_password"]
    assert chosen("www_session_secret", "90", report=report)["names"] == ["www_session_secret"]
    assert chosen("", "0", report=report)["names"] == MADE


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({}, "nothing is wanted: name secrets or kinds in webapp_rotate"),
        ({"older_than": "a month"}, "webapp_rotate_older_than is 'a month': give a number of days"),
        ({"wanted": "www_sesion_secret"}, "there is no secret www_sesion_secret. Did you mean www_session_secret?"),
        ({"wanted": "www_file_key"}, "www_file_key: what it was used for does not survive a change"),
        ({"wanted": "www_s3_secret"}, "www_s3_secret: its value is not made here"),
        (
            {"wanted": "www_s3_secret", "given_": "www_s3_secret", "unchanged": "www_s3_secret"},
            "www_s3_secret: webapp_secrets has the value of now",
        ),
        (
            {"wanted": "app", "report": {"www_session_secret": state("agrees", "absent")}},
            "www_session_secret: h1 has no value",
        ),
        (
            {"wanted": "app", "report": {"mongodb_keyfile": state("differs", problem="its holders disagree")}},
            "holders disagree",
        ),
    ],
)
def test_what_speaks_against_it(about: dict[str, Any], words: str) -> None:
    (problem,) = chosen(**about)["problems"]
    assert words in problem


def test_a_value_that_is_given_anew_is_taken() -> None:
    assert chosen("www_s3_secret", given_="www_s3_secret")["names"] == ["www_s3_secret"]


def test_an_interrupted_rotation_goes_on_whatever_is_wanted() -> None:
    """Its holders disagree where it was at its end."""
    mixed = state("differs", problem="its holders disagree")
    resumed = chosen("", begun="www_session_secret", report={"www_session_secret": mixed})
    assert resumed["names"] == resumed["resumed"] == ["www_session_secret"]
    assert resumed["problems"] == []
    both = chosen("redis_user", begun="www_session_secret")
    assert both["names"] == ["www_redis_password", "www_session_secret"]


def test_a_journal_of_what_is_no_more_is_only_to_be_removed() -> None:
    nothing = chosen(journal_somewhere=True)
    assert (nothing["names"], nothing["problems"]) == ([], [])


def test_each_kind_has_the_phases_it_needs() -> None:
    assert phases(["app"]) == ["switch"]
    assert phases(["mongodb_keyfile"]) == phases(["mongodb_admin"]) == ["both", "drop"]
    assert phases(["redis_user"]) == ["both", "switch", "drop"]
    assert phases(["mongodb_user", "app"]) == list(PHASES)
    assert phases([]) == []


class Stores:
    """What MongoDB and Redis take, and what the app tells them."""

    def __init__(self, names: list[str]) -> None:
        self.rotation = {name: {"kind": SECRETS[name], "old": f"old-{name}", "new": f"new-{name}"} for name in names}
        self.now = {name: f"old-{name}" for name in SECRETS}
        self.logins = {"www": "old-www_mongodb_password"}
        self.cache = {"old-www_redis_password"}
        self.app = {"user": "www", "mongodb": "old-www_mongodb_password", "redis": "old-www_redis_password"}

    def do(self, phase: str) -> None:
        known = values(self.now, self.rotation, DATABASE, phase)
        if phase in ("switch", "back"):
            self.app = {
                "user": known["www_mongodb_password.user"],
                "mongodb": known["www_mongodb_password"],
                "redis": known["www_redis_password"],
            }
        else:
            for user in resolve_secrets(database_users(DATABASE, list(self.rotation), phase), known):
                if user.get("state") == "absent":
                    self.logins.pop(user["name"], None)
                elif "password" in user:
                    self.logins[user["name"]] = user["password"]
                assert user["name"] in self.logins or user.get("state") == "absent"
            (user,) = resolve_secrets(cache_users(CACHE, list(self.rotation), phase), known)
            self.cache = {user["password"], user.get("password_before", user["password"])}

    def serves(self) -> bool:
        return self.logins.get(self.app["user"]) == self.app["mongodb"] and self.app["redis"] in self.cache


@given(
    st.lists(st.sampled_from(list(SECRETS)), unique=True),
    st.lists(st.integers(0, len(PHASES)), max_size=4),
)
def test_the_app_can_log_in_all_the_time_wherever_runs_die(names: list[str], kills: list[int]) -> None:
    stores = Stores(names)
    needed = phases([SECRETS[name] for name in names])
    for done in [*kills, len(needed)]:
        for phase in needed[:done]:
            stores.do(phase)
            assert stores.serves(), phase
    new = {name: f"{'new' if name in names else 'old'}-{name}" for name in SECRETS}
    assert stores.logins == {"www": new["www_mongodb_password"]}
    assert stores.cache == {new["www_redis_password"]}
    assert stores.app == {"user": "www", "mongodb": new["www_mongodb_password"], "redis": new["www_redis_password"]}


@pytest.mark.parametrize("old", ["abc\ndef\n", "- zzz\n- abcdef"])
def test_members_know_both_keys_until_the_last_phase(old: str) -> None:
    rotation = {"mongodb_keyfile": {"kind": "mongodb_keyfile", "old": old, "new": "ghi"}}
    told = {phase: values({}, rotation, [], phase)["mongodb_keyfile"] for phase in PHASES}
    assert told == {**dict.fromkeys(PHASES, "- abcdef\n- ghi"), "drop": "ghi"}


def test_the_kinds_of_the_plan_are_known() -> None:
    assert set(SECRETS.values()) == set(KINDS)
