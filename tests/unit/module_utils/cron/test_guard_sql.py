# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What guards make of the errors of servers of SQL, in any language."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cron_guard.records import Record, StoreDown
from cron_guard.sql_store import SqlStore

MINE = Record("test/job", "2026-11-21T03:17:00Z", "taken", "token", "app", "app:1")


class PostgresError(Exception):
    pgcode = "23505"


class Server:
    """A connection and its cursor: it has one record, refuses to insert another one, and changes none."""

    rowcount = 0

    def __init__(self, refusal: Exception, there: Record) -> None:
        self.refusal = refusal
        self.there = there

    def cursor(self) -> Server:
        return self

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def execute(self, query: str, _values: object) -> None:
        if query.startswith("INSERT"):
            raise self.refusal

    def fetchall(self) -> list[Any]:
        return [(self.there.dump(),)]

    def close(self) -> None:
        pass


def created(refusal: Exception, writer: str = "app:1") -> bool:
    store = SqlStore("mysql://db/cron", 5)
    store.connection = Server(refusal, replace(MINE, writer=writer))
    return store.create(MINE)


@pytest.mark.parametrize(
    "refusal",
    [
        PostgresError("doppelter Schlüsselwert verletzt Unique-Constraint »scaleout_cron_runs_pkey«"),
        Exception(1062, "Doppelter Eintrag 'test/job-2026-11-21T03:17:00Z' für Schlüssel 'PRIMARY'"),
    ],
)
def test_a_record_that_is_there_is_known_in_any_language(refusal: Exception) -> None:
    assert created(refusal)
    assert not created(refusal, "app2:7")


def test_another_error_is_a_store_that_is_down() -> None:
    with pytest.raises(StoreDown, match="duplicate"):
        created(Exception(1206, "no duplicate, but too many locks"))


def test_an_outcome_is_not_taken_for_the_renewal_before_it_whose_answer_was_lost() -> None:
    renewed = replace(MINE, state="running", revision=2)
    store = SqlStore("mysql://db/cron", 5)
    store.connection = Server(Exception(), renewed)
    assert store.swap(renewed)
    assert not store.swap(replace(renewed, state="finished", exit_code=0))
