# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leases in a Redis that writes what it is told to a file. Best effort: it may forget the last second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import redis

from cron_guard.records import UNSETTLED, Record, Store, StoreDown, StoreRefused, load

T = TypeVar("T")
INDEX = """
if ARGV[4] == '1' then redis.call('ZADD', KEYS[3], 0, ARGV[3]) else redis.call('ZREM', KEYS[3], ARGV[3]) end
return 1
"""
# What is there already was written by an attempt before only if it is the same to the letter.
CREATE = f"""
local there = redis.call('HGET', KEYS[1], 'data')
if there then return there == ARGV[2] and 1 or 0 end
redis.call('HSET', KEYS[1], 'revision', ARGV[1], 'data', ARGV[2])
redis.call('ZADD', KEYS[2], 0, ARGV[3])
{INDEX}"""
SWAP = f"""
local there = redis.call('HMGET', KEYS[1], 'revision', 'data')
if there[2] == ARGV[2] then return 1 end
if there[1] ~= tostring(ARGV[1] - 1) then return 0 end
redis.call('HSET', KEYS[1], 'revision', ARGV[1], 'data', ARGV[2])
{INDEX}"""


class RedisStore(Store):
    """A hash for each fire, and for each job a sorted set of its fires and one of those not over, in one slot."""

    def __init__(self, url: str, timeout: float) -> None:
        self.client: Any = redis.Redis.from_url(
            url, socket_timeout=timeout, socket_connect_timeout=timeout, decode_responses=True
        )

    def check(self) -> float:
        try:
            persistence, memory = self.client.info("persistence"), self.client.info("memory")
        except redis.exceptions.NoPermissionError:
            raise StoreRefused(
                "this user may not ask Redis whether it keeps what it is told: give it the rule +info"
            ) from None
        except redis.exceptions.RedisError as error:
            raise StoreDown(str(error)) from None
        if not persistence.get("aof_enabled"):
            raise StoreRefused(
                "this Redis has no append-only file, so a restart would forget who runs what: set appendonly yes"
            )
        policy = memory.get("maxmemory_policy", "noeviction")
        if policy != "noeviction":
            raise StoreRefused(
                f"this Redis throws keys away when its memory is full ({policy}): set maxmemory-policy noeviction"
            )
        seconds, microseconds = _asked(self.client.time)
        return float(seconds) + float(microseconds) / 1e6

    def create(self, record: Record) -> bool:
        return self._run(CREATE, record)

    def swap(self, record: Record) -> bool:
        return self._run(SWAP, record)

    def _run(self, script: str, record: Record) -> bool:
        keys = [_key(record.job, record.fire), _index(record.job), _unsettled(record.job)]
        unsettled = int(record.state in UNSETTLED)
        arguments = [record.revision, record.dump(), record.fire, unsettled]
        return bool(_asked(lambda: self.client.eval(script, len(keys), *keys, *arguments)))

    def get(self, job: str, fire: str) -> Record | None:
        text = _asked(lambda: self.client.hget(_key(job, fire), "data"))
        return load(text) if text else None

    def unsettled(self, job: str, before: str) -> list[Record]:
        return self._all(job, _asked(lambda: self.client.zrangebylex(_unsettled(job), "-", f"({before}")))

    def last(self, job: str, count: int) -> list[Record]:
        return self._all(job, _asked(lambda: self.client.zrange(_index(job), -count, -1)))

    def _all(self, job: str, fires: list[str]) -> list[Record]:
        return [record for record in (self.get(job, fire) for fire in fires) if record]

    def forget(self, job: str, before: str) -> None:
        def drop() -> None:
            for fire in self.client.zrangebylex(_index(job), "-", f"({before}"):
                self.client.delete(_key(job, fire))
                self.client.zrem(_index(job), fire)
                self.client.zrem(_unsettled(job), fire)

        _asked(drop)

    def close(self) -> None:
        self.client.close()


def _index(job: str) -> str:
    return f"scaleout-cron:{{{job}}}"


def _unsettled(job: str) -> str:
    return f"{_index(job)}:unsettled"


def _key(job: str, fire: str) -> str:
    return f"{_index(job)}:{fire}"


def _asked(question: Callable[[], T]) -> T:
    try:
        return question()
    except redis.exceptions.RedisError as error:
        raise StoreDown(str(error)) from None
