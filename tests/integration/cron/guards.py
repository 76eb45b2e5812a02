# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real stores on loopback, and hosts that run the guard as processes with clocks of their own."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.integration.mongodb.mongods import Mongod, mongod_program
from tests.support.playbook import kill
from tests.support.ports import free_port

FILES = Path(__file__).parents[3] / "roles" / "singleton_cron" / "files"
FAKETIME = "libfaketime.so.1"
TABLE = "scaleout_cron_runs"
EVERY_MINUTE = {
    "minutes": list(range(60)),
    "hours": list(range(24)),
    "days": list(range(1, 32)),
    "months": list(range(1, 13)),
    "weekdays": list(range(7)),
    "either": False,
    "zone": "UTC",
}

# With the client libraries of the distribution, as the guard.
KEEP = """
import json, sys
sys.path.insert(0, sys.argv[1])
from cron_guard.records import Record
from cron_guard.stores import open_store
store = open_store(sys.argv[2], 5)
store.make()
for fire in json.load(sys.stdin):
    assert store.create(Record(sys.argv[3], fire, "finished", "token", "app", "app:1"))
"""

LOSE_AN_ANSWER = """
import sys
from dataclasses import replace
sys.path.insert(0, sys.argv[1])
from cron_guard.records import Record
from cron_guard.stores import open_store
store = open_store(sys.argv[2], 5)
store.make()
taken = Record(sys.argv[3], sys.argv[4], "taken", "token", "app", "app:1")
renewed = replace(taken, state="running", revision=2)
assert store.create(taken) and store.create(taken)
assert store.swap(renewed) and store.swap(renewed)
finished = replace(renewed, state="finished", exit_code=3, seconds=0.1, tail="zu Ende: \u00e4")
assert not store.swap(finished)
assert not store.create(taken)
finished = replace(finished, revision=3)
assert store.swap(finished) and store.swap(finished)
assert store.get(taken.job, taken.fire) == finished
"""


def lose_answers(url: str, job: str, fire: str) -> None:
    """A guard that writes again what it had no answer to: the same counts as done, another state does not."""
    subprocess.run(["/usr/bin/python3", "-c", LOSE_AN_ANSWER, str(FILES), url, job, fire], check=True)


def keep(url: str, job: str, fires: list[str]) -> None:
    """Runs that the store is to remember."""
    subprocess.run(
        ["/usr/bin/python3", "-c", KEEP, str(FILES), url, job], input=json.dumps(fires), text=True, check=True
    )


class MongoSet:
    """A replica set of one member: what is acknowledged by its majority survives its death."""

    def __init__(self, folder: Path) -> None:
        self.server = Mongod(mongod_program(), folder)
        self.server.start()
        address = f"127.0.0.1:{self.server.port}"
        self.server.ask("replSetInitiate", {"_id": "rs0", "members": [{"_id": 0, "host": address}]})
        self.url = f"mongodb://{address}/cron?replicaSet=rs0"
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 30
        while not self.server.hello()["isWritablePrimary"]:
            assert time.monotonic() < deadline, "the set has no primary"
            time.sleep(0.1)

    def records_read(self) -> int:
        return int(self.server.ask("serverStatus")["metrics"]["queryExecutor"]["scannedObjects"])

    def restart(self, down: float) -> None:
        self.server.stop()
        time.sleep(down)
        self.server.start()
        self._wait()

    def stop(self) -> None:
        self.server.stop()


class RedisServer:
    """A redis-server, with an append-only file unless it is told otherwise."""

    def __init__(self, folder: Path, *options: str) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.port = free_port()
        self.options = options or ("--appendonly", "yes")
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--dir", str(self.folder), "--save", "", *self.options]
        self.process = subprocess.Popen([*command, "--bind", "127.0.0.1"], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while (
            subprocess.run(["redis-cli", "-p", str(self.port), "ping"], capture_output=True, check=False).stdout
            != b"PONG\n"
        ):
            assert time.monotonic() < deadline, "redis-server did not start"
            time.sleep(0.05)

    def records_read(self) -> int:
        said = subprocess.run(
            ["redis-cli", "-p", str(self.port), "info", "commandstats"], capture_output=True, text=True, check=True
        )
        return sum(int(calls) for calls in re.findall(r"cmdstat_hget:calls=(\d+)", said.stdout))

    def restart(self, down: float) -> None:
        self.stop()
        time.sleep(down)
        self.start()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class MariaServer:
    """A MariaDB with a database for guards, which speaks German. Another database has a table of the same name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"mysql://cron:cr%40n@127.0.0.1:{self.port}/cron"
        data = f"--datadir={folder / 'data'}"
        made = ["mariadb-install-db", "--no-defaults", data, "--user=root", "--auth-root-authentication-method=normal"]
        subprocess.run([*made, "--skip-test-db"], check=True, capture_output=True)
        command = ["mariadbd", "--no-defaults", data, "--user=root", f"--port={self.port}", "--bind-address=127.0.0.1"]
        command += [
            "--lc-messages=de_DE",
            f"--socket={folder / 'socket'}",
            f"--pid-file={folder / 'pid'}",
            f"--log-error={folder / 'log'}",
        ]
        self.process = subprocess.Popen(command)
        wait_until(lambda: self.ask("SELECT 1"), "mariadbd did not start")
        assert self.ask("CREATE DATABASE cron; GRANT ALL ON cron.* TO cron@'%' IDENTIFIED BY 'cr@n'")
        assert self.ask(f"CREATE DATABASE other; GRANT ALL ON other.* TO cron@'%'; CREATE TABLE other.{TABLE} (x INT)")

    def ask(self, query: str) -> bool:
        client = ["mariadb", "--no-defaults", "-u", "root", f"--socket={self.folder / 'socket'}", "-e", query]
        return subprocess.run(client, capture_output=True, check=False).returncode == 0

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


class PostgresServer:
    """A PostgreSQL with a database for guards; it does not run as root. Another schema has a table of the same name."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"postgresql://cron@127.0.0.1:{self.port}/cron"
        programs = max(Path("/usr/lib/postgresql").glob("*/bin"))
        data = Path(tempfile.mkdtemp(prefix="cron-postgres-"))
        shutil.chown(data, "postgres")
        self.data = data
        self.user = ["runuser", "-u", "postgres", "--"]
        made = [*self.user, str(programs / "initdb"), "-D", str(data / "data"), "-U", "cron", "--auth=trust", "-N"]
        subprocess.run(made, check=True, capture_output=True, cwd="/")
        command = [str(programs / "postgres"), "-D", str(data / "data"), "-p", str(self.port), "-k", str(data)]
        log = (folder / "log").open("w")
        self.process = subprocess.Popen([*self.user, *command], cwd="/", stderr=log, text=True)
        self.client = [str(programs / "psql"), "-h", "127.0.0.1", "-p", str(self.port), "-U", "cron"]
        wait_until(lambda: self.ask("postgres", "CREATE DATABASE cron"), "postgres did not start")
        assert self.ask("cron", f"CREATE SCHEMA other; CREATE TABLE other.{TABLE} (x INT)")

    def ask(self, database: str, query: str) -> bool:
        return subprocess.run([*self.client, database, "-c", query], capture_output=True, check=False).returncode == 0

    def stop(self) -> None:
        kill(self.process)
        shutil.rmtree(self.data)


def wait_until(holds: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.2)


@dataclass
class Node:
    """A host: its files, and a clock that differs by so many seconds."""

    name: str
    folder: Path
    url: str
    skew: float = 0
    begun: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.state = self.folder / self.name / "state"
        self.state.mkdir(parents=True)
        self.store_file = self.folder / self.name / "store.json"
        self.store_file.write_text(json.dumps({"url": self.url}))
        self.store_file.chmod(0o600)

    def settings(self, job: str, command: str, **more: Any) -> Path:
        path = self.folder / self.name / f"{job}.json"
        usual = {"store_failure": "skip", "store_wait": 30, "lease_seconds": 2, "schedule": EVERY_MINUTE}
        given = {"set": "test", "id": job, "node": self.name, "command": command, "store": str(self.store_file)}
        path.write_text(json.dumps({**usual, **given, "state_path": str(self.state), **more}))
        return path

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        library = next(Path("/usr/lib").glob(f"*/faketime/{FAKETIME}"))
        clock = {
            "LD_PRELOAD": str(library),
            "FAKETIME": f"{self.skew:+g}s",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "PYTHONPATH": str(Path(__file__).parent / "clock"),
        }
        return subprocess.Popen(
            [str(FILES / "cron-guard"), *arguments],
            env={**os.environ, "PYTHONPYCACHEPREFIX": str(self.folder / "bytecode"), **(clock if self.skew else {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, timeout: float = 120) -> tuple[int, str]:
        process = self.start(*arguments)
        try:
            said, _none = process.communicate(timeout=timeout)
        finally:
            kill(process)
        return process.returncode, said

    def die(self, process: subprocess.Popen[str]) -> None:
        """The guard and its job at once. Which jobs had been started is read before anybody may forget it."""
        kill(process)
        for path in self.state.glob("*.begun"):
            said = json.loads(path.read_text())
            self.begun.add((said["job"], said["fire"]))

    def history(self, settings: Path) -> list[dict[str, Any]]:
        code, said = self.run("history", str(settings), "--json", "--count", "100000")
        assert code == 0, said
        [runs] = json.loads(said).values()
        return list(runs)
