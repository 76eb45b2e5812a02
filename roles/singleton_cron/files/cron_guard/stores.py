# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens the store that a URL names."""

from __future__ import annotations

import re

from cron_guard.records import Store, StoreRefused

LIBRARIES = {
    "mongodb": "python3-pymongo",
    "mongodb+srv": "python3-pymongo",
    "redis": "python3-redis",
    "rediss": "python3-redis",
    "unix": "python3-redis",
    "mysql": "python3-pymysql",
    "mariadb": "python3-pymysql",
    "postgresql": "python3-psycopg2",
    "postgres": "python3-psycopg2",
}
# What stands for itself in every part of a URL. None has an @ but the user's, as others would be of a password.
PLAIN = r"[\w.~!$&'()*+;=-]|%[0-9A-Fa-f]{2}"
HOST = rf"(?:\[[0-9A-Fa-f:.]+\]|(?:{PLAIN})*)(?::\d+)?"
FORM = re.compile(
    rf"([a-z+]+)://(?:(?:{PLAIN}|[,:])*@)?{HOST}(?:,{HOST})*(?:/(?:{PLAIN}|[,:/])*)?(?:\?(?:{PLAIN}|[,:/?])*)?",
    flags=re.ASCII,
)
UNUSABLE = (
    "the URL of the store (singleton_cron_store_url) cannot be used: it has to be like "
    "mysql://USER:PASSWORD@HOST:PORT/DATABASE, with the special characters of user and password written as %XX"
)


def open_store(url: str, timeout: float) -> Store:
    """Imports the library of this store alone. The URL, which may hold a password, is in no message."""
    form = FORM.fullmatch(url)
    if not form:
        raise StoreRefused(UNUSABLE)
    scheme = form[1]
    if scheme.startswith("memcache"):
        raise StoreRefused(
            "Memcached forgets everything on a restart, and when its memory is full: two hosts would start the same job"
        )
    if scheme not in LIBRARIES:
        raise StoreRefused(f"no store is called {scheme}://, but mongodb://, mysql://, postgresql:// or redis://")
    try:
        if scheme.startswith("mongodb"):
            from cron_guard.mongodb_store import MongoStore

            return MongoStore(url, timeout)
        if LIBRARIES[scheme] == "python3-redis":
            from cron_guard.redis_store import RedisStore

            return RedisStore(url, timeout)
        from cron_guard.sql_store import MariaStore, PostgresStore

        return MariaStore(url, timeout) if LIBRARIES[scheme] == "python3-pymysql" else PostgresStore(url, timeout)
    except ImportError as error:
        raise StoreRefused(f"{error.name} is not installed: install {LIBRARIES[scheme]}") from None
    except StoreRefused:
        raise
    except Exception:
        # A library shows the piece that it does not understand.
        raise StoreRefused(UNUSABLE) from None
