# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leases in MongoDB, acknowledged by the majority of the replica set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import timezone
from typing import Any, TypeVar

import pymongo
from pymongo.errors import DuplicateKeyError, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from cron_guard.records import UNSETTLED, Record, Store, StoreDown, StoreRefused

COLLECTION = "scaleout_cron_runs"
FORBIDDEN = 13
T = TypeVar("T")


class MongoStore(Store):
    """Insert decides who is first; every later change names the revision that it replaces."""

    def __init__(self, url: str, timeout: float) -> None:
        milliseconds = int(timeout * 1000)
        self.client: Any = pymongo.MongoClient(
            url,
            serverSelectionTimeoutMS=milliseconds,
            connectTimeoutMS=milliseconds,
            socketTimeoutMS=2 * milliseconds,
            retryWrites=False,
            appname="scaleout-cron-guard",
        )
        database = self.client.get_default_database()
        self.runs_of_all = database.get_collection(
            COLLECTION,
            read_preference=ReadPreference.PRIMARY,
            read_concern=ReadConcern("majority"),
            write_concern=WriteConcern("majority", wtimeout=2 * milliseconds, j=True),
        )

    def check(self) -> float:
        hello = _asked(lambda: self.client.admin.command("isMaster"))
        if not hello.get("setName"):
            raise StoreRefused("this mongod is no member of a replica set: no majority can vouch for a lease")
        try:
            engine = self.client.admin.command("serverStatus")["storageEngine"]
            if not engine.get("persistent", True):
                raise StoreRefused(f"its storage engine {engine.get('name')} forgets everything on a restart")
        except OperationFailure as error:
            # Only an administrator may look.
            if error.code != FORBIDDEN:
                raise StoreDown(str(error)) from None
        except PyMongoError as error:
            raise StoreDown(str(error)) from None
        # PyMongo gives UTC without saying so.
        return float(hello["localTime"].replace(tzinfo=timezone.utc).timestamp())

    def make(self) -> None:
        _asked(lambda: self.runs_of_all.create_index([("job", 1), ("state", 1), ("fire", 1)]))

    def create(self, record: Record) -> bool:
        document = {"_id": record.key, **asdict(record), "tries": 1}
        try:
            _asked(lambda: self.runs_of_all.insert_one(dict(document)))
            return True
        except DuplicateKeyError:
            return self._mine(record)

    def swap(self, record: Record) -> bool:
        before = {"_id": record.key, "revision": record.revision - 1}
        done = _asked(lambda: self.runs_of_all.update_one(before, {"$set": asdict(record), "$inc": {"tries": 1}}))
        return bool(done.matched_count) or self._mine(record)

    def _mine(self, record: Record) -> bool:
        """Whether an attempt before was this writer's. A write again, as only that waits for the majority."""
        same = {"_id": record.key, "revision": record.revision, "writer": record.writer, "state": record.state}
        return bool(_asked(lambda: self.runs_of_all.update_one(same, {"$inc": {"tries": 1}})).matched_count)

    def get(self, job: str, fire: str) -> Record | None:
        found = _asked(lambda: self.runs_of_all.find_one({"_id": f"{job}/{fire}"}))
        return _record(found) if found else None

    def unsettled(self, job: str, before: str) -> list[Record]:
        wanted = {"job": job, "state": {"$in": UNSETTLED}, "fire": {"$lt": before}}
        return [_record(found) for found in _asked(lambda: list(self.runs_of_all.find(wanted, sort=[("fire", 1)])))]

    def last(self, job: str, count: int) -> list[Record]:
        found = _asked(lambda: list(self.runs_of_all.find(_before(job, ":"), sort=[("_id", -1)], limit=count)))
        return [_record(document) for document in reversed(found)]

    def forget(self, job: str, before: str) -> None:
        _asked(lambda: self.runs_of_all.delete_many(_before(job, before)))

    def close(self) -> None:
        self.client.close()


def _before(job: str, fire: str) -> dict[str, Any]:
    """By digits: a colon comes after all of them."""
    return {"_id": {"$gte": f"{job}/0", "$lt": f"{job}/{fire}"}}


def _record(document: dict[str, Any]) -> Record:
    return Record(**{name: value for name, value in document.items() if name not in ("_id", "tries")})


def _asked(question: Callable[[], T]) -> T:
    try:
        return question()
    except DuplicateKeyError:
        raise
    except PyMongoError as error:
        raise StoreDown(str(error)) from None
