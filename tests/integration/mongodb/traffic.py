"""An application on a replica set while it is changed: one writer with `w: majority`, one reader, and what they saw."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pymongo
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from tests.integration.mongodb.mongods import QUICK, Mongod
from tests.support.full import FULL

BEAT_SECONDS = 0.1
# Time is counted in beats of a thread beside the writer: a machine that is slow is slow for both.
BEATS_OF_ELECTION = round(QUICK["electionTimeoutMillis"] / 1000 / BEAT_SECONDS)
# What docs/mongodb.md promises, in election timeouts: a primary that hands over is missed for less than one; one that
# dies has to be missed for one first.
# In the gate other sets are elected beside this one, and a candidate may have to ask again for its votes.
HANDED_OVER, DIES = (1, 2) if FULL else (3, 4)
# The driver looks for the new primary only twice a second.
BEATS_OF_DRIVER = round(0.5 / BEAT_SECONDS)


class Traffic:
    """Runs until it is stopped."""

    def __init__(self, servers: list[Mongod], login: dict[str, Any]) -> None:
        user = {"username": login["login_user"], "password": login["login_password"]} if login else {}
        addresses = [server.address for server in servers]
        self.client: Any = pymongo.MongoClient(
            addresses, replicaSet=servers[0].replica_set, w="majority", serverSelectionTimeoutMS=20_000, **user
        )
        self.numbers = self.client["traffic"]["numbers"]
        self.acknowledged: list[int] = []
        self.unseen: list[int] = []
        self.reads = 0
        self.read_errors: list[str] = []
        self.write_errors: list[str] = []
        self.beats_without_write = 0
        self.longest_pause = 0
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=work) for work in (self._write, self._read, self._beat)]

    def start(self) -> None:
        self.numbers.insert_one({"_id": -1})
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        # One write more, so that a pause at the end counts too.
        count = len(self.acknowledged)
        deadline = time.monotonic() + 60
        while len(self.acknowledged) <= count and time.monotonic() < deadline:
            time.sleep(BEAT_SECONDS)
        self.stopped.set()
        for thread in self.threads:
            thread.join()

    def _write(self) -> None:
        number = 0
        while not self.stopped.wait(0.02):
            try:
                self.numbers.insert_one({"_id": number})
            except PyMongoError as error:
                self.write_errors.append(str(error))
            else:
                self.acknowledged.append(number)
                self.beats_without_write = 0
            # What was not acknowledged may be there all the same.
            number += 1

    def _read(self) -> None:
        """On the primary, whatever was acknowledged before has to be there."""
        while not self.stopped.wait(0.05):
            number = self.acknowledged[-1] if self.acknowledged else -1
            try:
                found = self.numbers.find_one({"_id": number})
            except PyMongoError as error:
                self.read_errors.append(str(error))
                continue
            self.reads += 1
            if found is None:
                self.unseen.append(number)

    def _beat(self) -> None:
        while not self.stopped.wait(BEAT_SECONDS):
            self.beats_without_write += 1
            self.longest_pause = max(self.longest_pause, self.beats_without_write)

    def lost(self) -> list[int]:
        majority = self.numbers.with_options(read_concern=ReadConcern("majority"))
        found = {document["_id"] for document in majority.find()}
        return [number for number in self.acknowledged if number not in found]

    def figures(self) -> dict[str, Any]:
        return {
            "acknowledged": len(self.acknowledged),
            "write errors": len(self.write_errors),
            "reads": self.reads,
            "read errors": len(self.read_errors),
            "longest pause in elections": round(self.longest_pause / BEATS_OF_ELECTION, 2),
        }


@contextmanager
def traffic_on(servers: list[Mongod], login: dict[str, Any], elections: float) -> Iterator[Traffic]:
    """Fails where an acknowledged write is lost, a read or write fails (the driver tries each a second time), or writes
    stop longer than so many election timeouts.
    """
    traffic = Traffic(servers, login)
    try:
        traffic.start()
        try:
            yield traffic
        finally:
            traffic.stop()
        assert traffic.acknowledged, traffic.write_errors
        assert traffic.reads > 0
        assert not traffic.lost()
        assert not traffic.unseen
        assert not traffic.read_errors
        assert not traffic.write_errors
        assert traffic.longest_pause <= elections * BEATS_OF_ELECTION + BEATS_OF_DRIVER, traffic.figures()
    finally:
        traffic.client.close()
