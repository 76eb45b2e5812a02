"""Real mongod processes on loopback, and ways to call the modules on them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pymongo

from tests.support.ports import free_port

REPOSITORY = Path(__file__).parents[3]
DISTRIBUTION_PYTHON = "/usr/bin/python3"
# With the server's own the waits are long.
QUICK = {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500}
ADMIN: dict[str, Any] = {"login_user": "admin", "login_password": "correct horse"}


Start = Callable[..., "list[Mongod]"]


def mongod_program() -> str:
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "tools" / "fetch_mongod.py")], check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout.strip()


def own_address() -> str:
    """An address of this machine that is not loopback, since loopback is where the localhost exception is open."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])


HOST = own_address()


class Mongod:
    """One process with its folder."""

    def __init__(
        self,
        program: str,
        folder: Path,
        replica_set: str = "rs0",
        keyfile: Path | None = None,
        ipv6: bool = False,
        tls: Path | None = None,
        bind: str = "",
        parameters: dict[str, str] | None = None,
    ) -> None:
        self.program = program
        self.folder = folder
        self.replica_set = replica_set
        self.keyfile = keyfile
        self.ipv6 = ipv6
        # More addresses to listen at.
        self.bind = bind
        # A folder with server.pem and ca.pem.
        self.tls = tls
        self.parameters = {"diagnosticDataCollectionEnabled": "0", **(parameters or {})}
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    def start(self) -> None:
        data = self.folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        command = [self.program, "--dbpath", str(data), "--logpath", str(self.folder / "log"), "--logappend"]
        bound = dict.fromkeys(["127.0.0.1", HOST, *(["::1"] if self.ipv6 else []), *filter(None, self.bind.split(","))])
        command += ["--port", str(self.port), "--bind_ip", ",".join(bound), "--unixSocketPrefix", str(self.folder)]
        command += ["--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "16"]
        for name, value in self.parameters.items():
            command += ["--setParameter", f"{name}={value}"]
        if self.ipv6:
            command += ["--ipv6"]
        if self.replica_set:
            command += ["--replSet", self.replica_set]
        if self.keyfile:
            command += ["--keyFile", str(self.keyfile)]
        if self.tls:
            command += ["--tlsMode", "requireTLS", "--tlsCertificateKeyFile", str(self.tls / "server.pem")]
            command += ["--tlsCAFile", str(self.tls / "ca.pem"), "--tlsAllowConnectionsWithoutCertificates"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while not self.answers():
            assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
            assert time.monotonic() < deadline, "mongod did not start"
            time.sleep(0.1)

    def answers(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(timeout=20)

    def client(self, **options: Any) -> Any:
        return pymongo.MongoClient(
            "127.0.0.1", self.port, directConnection=True, serverSelectionTimeoutMS=5000, **options
        )

    def ask(self, command: Any, value: Any = 1, login: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
        options = {"username": login["login_user"], "password": login["login_password"]} if login else {}
        with self.client(**options) as client:
            return dict(client.admin.command(command, value, **more))

    def hello(self) -> dict[str, Any]:
        return self.ask("hello")


def wait_for(holds: Callable[[], bool]) -> None:
    """For a minute at most."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def start_module(name: str, arguments: dict[str, Any], check: bool = False) -> subprocess.Popen[str]:
    """The module as a process of its own, without Ansible's overhead."""
    given = {"ANSIBLE_MODULE_ARGS": {**arguments, "_ansible_check_mode": check, "_ansible_diff": True}}
    process = subprocess.Popen(
        [sys.executable, str(REPOSITORY / "plugins" / "modules" / f"{name}.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / ".ansible" / "collections")},
        text=True,
    )
    assert process.stdin
    process.stdin.write(json.dumps(given))
    process.stdin.close()
    process.stdin = None
    return process


def run_module(name: str, arguments: dict[str, Any], check: bool = False) -> dict[str, Any]:
    return result_of(start_module(name, arguments, check))


def result_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What a module says in the end."""
    with process:
        try:
            said, complained = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert said, complained
    result: dict[str, Any] = json.loads(said.splitlines()[-1])
    return result


def wipe(server: Mongod) -> None:
    """Take its data from a server."""
    server.stop()
    shutil.rmtree(server.folder / "data")
    server.start()


def replica_set(server: Mongod, members: list[Any], check: bool = False, **more: Any) -> dict[str, Any]:
    return result_of(start_replica_set(server, members, check, **more))


def start_replica_set(server: Mongod, members: list[Any], check: bool = False, **more: Any) -> subprocess.Popen[str]:
    arguments = {
        "login_host": "127.0.0.1",
        "login_port": server.port,
        "replica_set": "rs0",
        "members": [member.address if isinstance(member, Mongod) else member for member in members],
        "settings": QUICK,
        "wait_timeout": 60,
        **more,
    }
    return start_module("mongodb_replicaset", arguments, check)


def users(server: Mongod, wanted: list[dict[str, Any]], check: bool = False, **more: Any) -> dict[str, Any]:
    arguments = {"login_host": "127.0.0.1", "login_port": server.port, "users": wanted, **more}
    return run_module("mongodb_user", arguments, check)


def make_set(servers: list[Mongod], members: list[Any], login: dict[str, Any], **more: Any) -> None:
    """As a role does it: initiate, make the first user, then exactly."""
    for attempt in range(2 if login else 1):
        made = replica_set(servers[0], members, **(login if attempt else {}), **more)
        assert not made.get("failed"), made
        if login and not attempt:
            admin = {"name": login["login_user"], "password": login["login_password"], "roles": ["root"]}
            made = users(servers[0], [admin], first_user=True, **login)
            assert not made.get("failed"), made


def on_all(call: Callable[[Mongod], dict[str, Any]], servers: list[Mongod]) -> list[dict[str, Any]]:
    """The same task on all hosts at the same time."""
    with ThreadPoolExecutor(len(servers)) as pool:
        return list(pool.map(call, servers))


def run_playbook(folder: Path, tasks: list[dict[str, Any]], interpreter: str, *options: str) -> list[dict[str, Any]]:
    """Run tasks through Ansible on this machine; their results, in order."""
    return [result for result, _seconds in timed_playbook(folder, tasks, interpreter, *options)]


def timed_playbook(
    folder: Path, tasks: list[dict[str, Any]], interpreter: str, *options: str
) -> list[tuple[dict[str, Any], float]]:
    """The results with the seconds that each task took."""
    play = [{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]
    (folder / "play.yml").write_text(json.dumps(play))
    program = str(Path(sys.executable).parent / "ansible-playbook")
    done = subprocess.run(
        [program, "play.yml", "-i", "localhost,", "-c", "local", *options],
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
            "ANSIBLE_PYTHON_INTERPRETER": interpreter,
        },
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.stdout.startswith("{"), done.stdout + done.stderr
    assert "correct horse" not in done.stdout + done.stderr
    return [
        (task["hosts"]["localhost"], _seconds_of(task["task"]["duration"]))
        for task in json.loads(done.stdout)["plays"][-1]["tasks"]
    ]


def _seconds_of(duration: dict[str, str]) -> float:
    begin, end = (datetime.fromisoformat(duration[name].rstrip("Z")) for name in ("start", "end"))
    return (end - begin).total_seconds()


def identities(servers: list[Mongod], login: dict[str, str] | None = None) -> set[str]:
    """The identities of the sets that these servers are in."""
    configs = [server.ask("replSetGetConfig", login=login)["config"] for server in servers]
    return {str(config["settings"]["replicaSetId"]) for config in configs}


def configs_over_time(servers: list[Mongod]) -> list[dict[str, Any]]:
    """Every configuration of the set that was in use, as the logs tell, each once and in the order of time.

    A version is no name of one: two terms may share it, and a forced configuration, which has no term, may skip
    thousands.
    """
    found: dict[tuple[int, int], tuple[str, dict[str, Any]]] = {}
    for server in servers:
        for line in (server.folder / "log").read_text().splitlines():
            if '"New replica set config in use"' in line:
                said = json.loads(line)
                config = said["attr"]["config"]
                key, at = (config["version"], config.get("term", -1)), said["t"]["$date"]
                if key not in found or at < found[key][0]:
                    found[key] = (at, config)
    return [config for _at, config in sorted(found.values(), key=lambda one: (one[0], one[1]["version"]))]


def votes_over_time(server: Mongod) -> list[int]:
    """How many voted after each change of the set, as its log tells."""
    return [sum(member["votes"] for member in config["members"]) for config in configs_over_time([server])]
