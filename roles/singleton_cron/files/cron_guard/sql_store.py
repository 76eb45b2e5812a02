# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leases in MariaDB (alone or Galera) or PostgreSQL."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from operator import attrgetter
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from cron_guard.records import UNSETTLED, Record, Store, StoreDown, StoreRefused, load

TABLE = "scaleout_cron_runs"
COLUMNS = (
    "job VARCHAR(160) NOT NULL, fire CHAR(20) NOT NULL, revision INT NOT NULL, writer VARCHAR(160) NOT NULL, "
    "state VARCHAR(10) NOT NULL, data TEXT NOT NULL, PRIMARY KEY (job, fire)"
)
INDEX = f"{TABLE}_unsettled"
# The texts of a server are in its language.
DUPLICATE_IN_POSTGRES, DUPLICATE_IN_MARIADB = "23505", 1062


class SqlStore(Store):
    """One row for each fire; its primary key decides who is first, the revision about every change after that."""

    def __init__(self, url: str, timeout: float) -> None:
        self.url = urlsplit(url)
        self.options = {name: values[-1] for name, values in parse_qs(self.url.query).items()}
        self.timeout = max(1, int(timeout))
        self.connection: Any = None
        if not self.url.path.strip("/"):
            raise StoreRefused("the URL of the store names no database")

    # What differs between the two

    # Where the table is made, which may be elsewhere too.
    schema = ""

    def connect(self) -> Any:
        raise NotImplementedError

    def make_table(self) -> str:
        raise NotImplementedError

    def see_that_it_stays(self) -> None:
        """Raises StoreRefused. A table that is not there yet will be a good one."""
        raise NotImplementedError

    def clock(self) -> str:
        raise NotImplementedError

    # The same for both

    def check(self) -> float:
        self.see_that_it_stays()
        return float(self._ask(self.clock(), [])[0][0])

    def make(self) -> None:
        here = f"table_schema = {self.schema} AND table_name = %s"
        if not self._ask(f"SELECT 1 FROM information_schema.tables WHERE {here}", [TABLE]):
            self._do(self.make_table(), [])

    def create(self, record: Record) -> bool:
        values = [record.job, record.fire, record.revision, record.writer, record.state, record.dump()]
        query = f"INSERT INTO {TABLE} (job, fire, revision, writer, state, data) VALUES (%s, %s, %s, %s, %s, %s)"
        try:
            self._do(query, values)
            return True
        except _Duplicate:
            return self._mine(record)

    def swap(self, record: Record) -> bool:
        values = [record.revision, record.writer, record.state, record.dump()]
        changed = self._do(
            f"UPDATE {TABLE} SET revision = %s, writer = %s, state = %s, data = %s "
            "WHERE job = %s AND fire = %s AND revision = %s",
            [*values, record.job, record.fire, record.revision - 1],
        )
        return bool(changed) or self._mine(record)

    def _mine(self, record: Record) -> bool:
        """Whether an attempt before wrote this very record, and not another one of this writer and revision."""
        return self.get(record.job, record.fire) == record

    def get(self, job: str, fire: str) -> Record | None:
        rows = self._ask(f"SELECT data FROM {TABLE} WHERE job = %s AND fire = %s", [job, fire])
        return load(rows[0][0]) if rows else None

    def unsettled(self, job: str, before: str) -> list[Record]:
        states = ", ".join(["%s"] * len(UNSETTLED))
        query = f"SELECT data FROM {TABLE} WHERE job = %s AND state IN ({states}) AND fire < %s"
        # Told to sort, MariaDB would rather read all in their order than the few by their state.
        return sorted((load(row[0]) for row in self._ask(query, [job, *UNSETTLED, before])), key=attrgetter("fire"))

    def last(self, job: str, count: int) -> list[Record]:
        query = f"SELECT data FROM {TABLE} WHERE job = %s ORDER BY fire DESC LIMIT %s"
        return [load(row[0]) for row in reversed(self._ask(query, [job, count]))]

    def forget(self, job: str, before: str) -> None:
        self._do(f"DELETE FROM {TABLE} WHERE job = %s AND fire < %s", [job, before])

    def close(self) -> None:
        if self.connection:
            with contextlib.suppress(Exception):
                self.connection.close()
            self.connection = None

    def _ask(self, query: str, values: Sequence[Any]) -> list[Any]:
        return list(self._execute(query, values, fetch=True))

    def _do(self, query: str, values: Sequence[Any]) -> int:
        return int(self._execute(query, values, fetch=False))

    def _execute(self, query: str, values: Sequence[Any], fetch: bool) -> Any:
        try:
            if self.connection is None:
                self.connection = self.connect()
            with self.connection.cursor() as cursor:
                cursor.execute(query, values)
                return cursor.fetchall() if fetch else cursor.rowcount
        except Exception as error:
            if getattr(error, "pgcode", None) == DUPLICATE_IN_POSTGRES or DUPLICATE_IN_MARIADB in error.args[:1]:
                raise _Duplicate from None
            self.close()
            raise StoreDown(f"{type(error).__name__}: {error}") from None


class _Duplicate(StoreDown):
    """The key is there already; or so is the table, which two guards make at once, and have to ask for again."""


class MariaStore(SqlStore):
    schema = "DATABASE()"

    def __init__(self, url: str, timeout: float) -> None:
        super().__init__(url, timeout)
        import pymysql

        self.library: Any = pymysql
        self.port = self.url.port or 3306

    def connect(self) -> Any:
        tls = {"ca": self.options["ssl_ca"]} if "ssl_ca" in self.options else None
        connection = self.library.connect(
            host=self.url.hostname or "127.0.0.1",
            port=self.port,
            user=unquote(self.url.username or ""),
            password=unquote(self.url.password or ""),
            database=self.url.path.strip("/"),
            unix_socket=self.options.get("unix_socket"),
            ssl=tls,
            connect_timeout=self.timeout,
            read_timeout=2 * self.timeout,
            write_timeout=2 * self.timeout,
            autocommit=True,
        )
        with contextlib.suppress(self.library.err.OperationalError), connection.cursor() as cursor:
            # Of a Galera cluster: what another node has acknowledged is seen here.
            cursor.execute("SET SESSION wsrep_sync_wait = 7")
        return connection

    def make_table(self) -> str:
        return (
            f"CREATE TABLE IF NOT EXISTS {TABLE} ({COLUMNS}, INDEX {INDEX} (job, state, fire)) ENGINE=InnoDB "
            "DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"
        )

    def see_that_it_stays(self) -> None:
        engine = self._ask(
            f"SELECT engine FROM information_schema.tables WHERE table_schema = {self.schema} AND table_name = %s",
            [TABLE],
        )
        if engine and str(engine[0][0]).lower() != "innodb":
            raise StoreRefused(f"its table {TABLE} is of the engine {engine[0][0]}, not InnoDB")
        flushed = self._ask("SELECT @@GLOBAL.innodb_flush_log_at_trx_commit", [])[0][0]
        size = dict(self._ask("SHOW GLOBAL STATUS LIKE 'wsrep_cluster_size'", [])).get("wsrep_cluster_size", "0")
        if int(flushed) != 1 and int(size) < 2:
            raise StoreRefused(
                f"innodb_flush_log_at_trx_commit is {flushed}, so a crash would forget who runs what: set it to 1"
            )

    def clock(self) -> str:
        return "SELECT UNIX_TIMESTAMP(NOW(6))"


class PostgresStore(SqlStore):
    schema = "current_schema()"

    def __init__(self, url: str, timeout: float) -> None:
        super().__init__(url, timeout)
        import psycopg2.extensions

        self.library: Any = psycopg2
        psycopg2.extensions.parse_dsn(url)

    def connect(self) -> Any:
        connection = self.library.connect(self.url.geturl(), connect_timeout=self.timeout)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = {2000 * self.timeout}")
            cursor.execute("SHOW synchronous_commit")
            if cursor.fetchone()[0] in ("off", "local"):
                cursor.execute("SET synchronous_commit = on")
        return connection

    def make_table(self) -> str:
        return (
            f"CREATE TABLE IF NOT EXISTS {TABLE} ({COLUMNS}); "
            f"CREATE INDEX IF NOT EXISTS {INDEX} ON {TABLE} (job, state, fire)"
        )

    def see_that_it_stays(self) -> None:
        kind = self._ask("SELECT relpersistence FROM pg_class WHERE oid = to_regclass(%s)", [TABLE])
        if kind and kind[0][0] != "p":
            raise StoreRefused(f"its table {TABLE} is not logged, so a crash would empty it")
        if self._ask("SHOW fsync", [])[0][0] != "on":
            raise StoreRefused("fsync is off, so a crash would forget who runs what")

    def clock(self) -> str:
        return "SELECT EXTRACT(EPOCH FROM clock_timestamp())"
