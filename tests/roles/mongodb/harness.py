"""Hosts with a replica set, ways to run the role on them, and clients that watch."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymongo
from pymongo.errors import PyMongoError

from tests.support import container
from tests.support.playbook import kill_at

REPOSITORY = Path(__file__).parents[3]
CACHE = Path(os.environ.get("SCALEOUT_CACHE") or Path.home() / ".cache" / "scaleout-webapp")
PASSWORD = "an-admin-password-nobody-may-read"
USER_PASSWORD = "a-password-of-www"
USER = {"name": "www", "database": "www", "password": USER_PASSWORD, "roles": ["readWrite"]}
ELECTION_MS = 2000
# For mongod 5.0.4 and 6.0.24, from where the host has its own packages.
OLD_LIBRARY = (
    "sed -E 's/ (bookworm|trixie) / bullseye /' /etc/apt/sources.list >/etc/apt/sources.list.d/old.list;"
    " apt-get update; apt-get install -y libssl1.1; rm /etc/apt/sources.list.d/old.list"
)


class Run:
    """What one run of ansible-playbook said."""

    def __init__(self, code: int, output: str) -> None:
        self.code = code
        self.output = output

    def changed(self) -> int:
        assert self.code == 0, self.output[-6000:]
        return sum(int(number) for number in re.findall(r"changed=(\d+)", self.output))

    def refused(self, text: str) -> None:
        assert self.code != 0, self.output[-3000:]
        assert text in re.sub(r"\s+", " ", self.output), self.output[-6000:]


class Cluster:
    """The hosts, and the replica set as it is to be."""

    def __init__(self, folder: Path, network: str, prefix: str, images: dict[str, str]) -> None:
        self.folder = folder
        self.network = network
        self.addresses = {name: f"{prefix}.{11 + number}" for number, name in enumerate(images)}
        self.members = list(images)[:3]
        ssh = CACHE / "ssh"
        self.inventory: dict[str, Any] = {
            "testhost_network": network,
            "testhost_subnet": f"{prefix}.0/24",
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(ssh / "id_ed25519"),
            "ansible_ssh_extra_args": f"-o UserKnownHostsFile={ssh}/known_hosts.{network} -o ConnectTimeout=5",
        }
        self.images = images
        self.variables: dict[str, Any] = {
            "mongodb_install_method": "binary",
            "mongodb_binary": str(mongod("6.0.5")),
            "mongodb_settings": {"electionTimeoutMillis": ELECTION_MS},
            "mongodb_keyfile_content": "a2V5IG9mIHRoZSB0ZXN0cw==",
            "mongodb_admin_password": PASSWORD,
            "mongodb_users": [USER],
            "mongodb_cache_size_gb": 0.25,
            "mongodb_config": {"replication": {"oplogSizeMB": 50}},
            "mongodb_quiesce_seconds": 1,
            "mongodb_wait_timeout": 120,
        }

    def start(self, what: str | Path, *arguments: str, on: str = "members", **changes: Any) -> subprocess.Popen[str]:
        path = what if isinstance(what, Path) else self._play(what, on)
        names = [f"{self.addresses[name]}:27017" for name in self.members]
        hosts = {
            "all": {
                "vars": {**self.inventory, "mongodb_address": "{{ ansible_host }}", "mongodb_members": names},
                "hosts": {
                    name: {"ansible_host": address, "testhost_image": self.images[name]}
                    for name, address in self.addresses.items()
                },
                "children": {"members": {"hosts": {name: {} for name in self.members}}},
            }
        }
        (self.folder / "hosts.json").write_text(json.dumps(hosts))
        extra = self.folder / "variables.json"
        extra.write_text(json.dumps({**self.variables, **changes}))
        return self._start(path, self.folder / "hosts.json", "-e", f"@{extra}", *arguments)

    @staticmethod
    def _start(playbook: Path, inventory: Path, *arguments: str) -> subprocess.Popen[str]:
        program = Path(sys.executable).parent / "ansible-playbook"
        return subprocess.Popen(
            [str(program), str(playbook), "-i", str(inventory), *arguments],
            cwd=REPOSITORY,
            env={**os.environ, "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def _play(self, entry: str, on: str) -> Path:
        role = {"name": "scaleout.webapp.mongodb", "tasks_from": entry}
        play = {"hosts": on, "gather_facts": False, "tasks": [{"ansible.builtin.include_role": role}]}
        path = self.folder / f"{entry}.yml"
        path.write_text(json.dumps([play]))
        return path

    def run(self, what: str | Path = "main", *arguments: str, on: str = "members", **changes: Any) -> Run:
        return self._end(self.start(what, *arguments, on=on, **changes))

    def play(self, playbook: Path, inventory: Path, *arguments: str) -> Run:
        """Run a playbook on an inventory of its own."""
        return self._end(self._start(playbook, inventory, *arguments))

    @staticmethod
    def _end(process: subprocess.Popen[str]) -> Run:
        output, _none = process.communicate(timeout=900)
        return Run(process.returncode, output)

    def kill_at(self, text: str, what: str = "main", **changes: Any) -> None:
        """Begin a run, and kill it with everything it started here in the task of this name."""
        process = self.start(what, **changes)
        kill_at(process, text, after=1)

    def sh(self, host: str, command: str) -> str:
        return container.sh(f"{self.network}-{host}", command, timeout=180)

    def client(self, *hosts: str, **options: Any) -> Any:
        names = [f"{self.addresses[name]}:27017" for name in hosts or self.members]
        many = {"replicaSet": "rs0"} if not hosts else {"directConnection": True}
        login = {"username": "admin", "password": PASSWORD}
        return pymongo.MongoClient(names, **{**many, **login, "serverSelectionTimeoutMS": 30000, **options})

    def status(self, **options: Any) -> dict[str, Any]:
        with self.client(**options) as client:
            return dict(client.admin.command("replSetGetStatus"))

    def states(self, **options: Any) -> dict[str, str]:
        return {member["name"].split(":")[0]: member["stateStr"] for member in self.status(**options)["members"]}

    def primary(self, **options: Any) -> str:
        """The inventory's name of the primary."""
        states = self.states(**options)
        return next(name for name in self.members if states[self.addresses[name]] == "PRIMARY")

    def whole(self, **options: Any) -> bool:
        states = sorted(self.states(**options).values())
        return states == ["PRIMARY", *["SECONDARY"] * (len(self.members) - 1)]

    def pids(self) -> list[str]:
        return [self.sh(host, "systemctl show mongod --property=MainPID --value") for host in self.members]


def mongod(version: str) -> Path:
    command = [sys.executable, str(REPOSITORY / "tools" / "fetch_mongod.py"), version]
    return Path(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip())


def until(holds: Callable[[], bool]) -> None:
    """For two minutes at most."""
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(1)


class Clients:
    """A writer that waits for the majority, and a reader."""

    def __init__(self, cluster: Cluster, **options: Any) -> None:
        self.client = cluster.client(serverSelectionTimeoutMS=10000, **options)
        self.table = self.client.watched.get_collection("lines", write_concern=pymongo.WriteConcern("majority"))
        self.acknowledged: list[int] = []
        self.failed: list[str] = []
        self.read_errors: list[str] = []
        self.reads = 0
        self.longest = 0.0
        self.done = threading.Event()

    def write(self) -> None:
        number, last = int(time.time() * 1000) * 1000, time.monotonic()
        while not self.done.wait(0.01):
            number += 1
            try:
                self.table.insert_one({"_id": number})
            except PyMongoError as error:
                self.failed.append(str(error))
                continue
            self.acknowledged.append(number)
            self.longest, last = max(self.longest, time.monotonic() - last), time.monotonic()

    def read(self) -> None:
        while not self.done.wait(0.05):
            try:
                self.table.find_one()
            except PyMongoError as error:
                self.read_errors.append(str(error))
            else:
                self.reads += 1

    def lost(self) -> set[int]:
        return set(self.acknowledged) - {line["_id"] for line in self.table.find({}, {"_id": 1})}


@contextlib.contextmanager
def clients(cluster: Cluster, elections: int, **options: Any) -> Iterator[Clients]:
    """Clients at work meanwhile: nothing acknowledged is lost, no write or read fails, and so many elections are held.

    The driver tries each a second time, as docs/mongodb.md has it.
    """
    watched = Clients(cluster, **options)
    before = cluster.status(**options)["term"]
    threads = [threading.Thread(target=watched.write), threading.Thread(target=watched.read)]
    for thread in threads:
        thread.start()
    try:
        yield watched
    finally:
        watched.done.set()
        for thread in threads:
            thread.join()
    print(f"{len(watched.acknowledged)} writes, {watched.reads} reads, longest pause of writes {watched.longest:.2f} s")
    assert watched.acknowledged
    assert watched.failed == []
    assert watched.reads > 0
    assert watched.read_errors == []
    assert not watched.lost()
    assert cluster.status(**options)["term"] - before <= elections
    watched.client.close()
