# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leases in a Redis that writes what it is told to a file. Best effort: it may forget the last second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import redis

from cron_guard.records import Record, Store, StoreDown, StoreRefused, load

T = TypeVar("T")
CREATE = """
local there = redis.call('HMGET', KEYS[1], 'revision', 'writer')
if there[1] then return (there[1] == ARGV[1] and there[2] == ARGV[2]) and 1 or 0 end
redis.call('HSET', KEYS[1], 'revision', ARGV[1], 'writer', ARGV[2], 'data', ARGV[3])
redis.call('ZADD', KEYS[2], 0, ARGV[4])
return 1
"""
SWAP = """
local there = redis.call('HMGET', KEYS[1], 'revision', 'writer')
if there[1] == ARGV[1] and there[2] == ARGV[2] then return 1 end
if there[1] ~= ARGV[4] then return 0 end
redis.call('HSET', KEYS[1], 'revision', ARGV[1], 'writer', ARGV[2], 'data', ARGV[3])
return 1
"""


class RedisStore(Store):
    """A hash for each fire, and a sorted set of the fires of each job, in one slot."""

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
        keys = [_key(record.job, record.fire), _index(record.job)]
        return self._run(CREATE, keys, record, record.fire)

    def swap(self, record: Record) -> bool:
        return self._run(SWAP, [_key(record.job, record.fire)], record, str(record.revision - 1))

    def _run(self, script: str, keys: list[str], record: Record, last: str) -> bool:
        arguments = [str(record.revision), record.writer, record.dump(), last]
        return bool(_asked(lambda: self.client.eval(script, len(keys), *keys, *arguments)))

    def get(self, job: str, fire: str) -> Record | None:
        text = _asked(lambda: self.client.hget(_key(job, fire), "data"))
        return load(text) if text else None

    def runs(self, job: str) -> list[Record]:
        fires = _asked(lambda: self.client.zrangebylex(_index(job), "-", "+"))
        return [record for record in (self.get(job, fire) for fire in fires) if record]

    def forget(self, job: str, before: str) -> None:
        def drop() -> None:
            for fire in self.client.zrangebylex(_index(job), "-", f"({before}"):
                self.client.delete(_key(job, fire))
                self.client.zrem(_index(job), fire)

        _asked(drop)

    def close(self) -> None:
        self.client.close()


def _index(job: str) -> str:
    return f"scaleout-cron:{{{job}}}"


def _key(job: str, fire: str) -> str:
    return f"{_index(job)}:{fire}"


def _asked(question: Callable[[], T]) -> T:
    try:
        return question()
    except redis.exceptions.RedisError as error:
        raise StoreDown(str(error)) from None
