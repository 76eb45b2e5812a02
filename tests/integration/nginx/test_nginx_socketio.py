"""Socket.IO through the role's configuration: its own server and client, polling first and WebSocket then.

Each client is a browser with its own cookies, and asks its instance who it is twice a second from first to last.
Needs the Python package index and npm's registry.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.integration.nginx.harness import Nginx, apply_role, run_module, sticky_site
from tests.support.node import installed, node
from tests.support.ports import free_port

CLIENTS = 200
# Behind a proxy that lets no WebSocket through: every message of theirs is a request that may go astray.
POLLING = 20
PATIENCE = 30

Seen = list[dict[str, Any]]


class Process:
    """One Node.js process that speaks JSON over HTTP."""

    def __init__(self, project: Path, script: str, *arguments: str) -> None:
        self.port = free_port()
        self.script = script
        self.process = subprocess.Popen([str(node()), str(project / script), *arguments, str(self.port)])
        wait_for(self.silence)

    def ask(self, path: str, order: dict[str, Any] | None = None) -> Any:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("POST", path, json.dumps(order or {}))
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def silence(self) -> str:
        try:
            HTTPConnection("127.0.0.1", self.port, timeout=1).connect()
        except OSError as error:
            return f"{self.script} at port {self.port}: {error}"
        return ""

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


class Site:
    """Instances behind nginx, and the clients."""

    def __init__(self, folder: Path) -> None:
        self.project = installed(Path(__file__).parent / "socketio")
        self.nginx = Nginx(folder / "nginx")
        self.instances: dict[str, Process] = {}
        self.processes: list[Process] = []

    def start(self, script: str, *arguments: str) -> Process:
        self.processes.append(Process(self.project, script, *arguments))
        return self.processes[-1]

    def add(self, *names: str) -> dict[str, Any]:
        self.instances.update({name: self.start("server.js", name) for name in names})
        return apply_role(self.nginx, sticky_site(self.nginx, {name: one.port for name, one in self.instances.items()}))

    def stop(self) -> None:
        for process in self.processes:
            process.process.kill()
            process.process.wait()
        self.nginx.stop()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    try:
        assert made.add("a", "b", "c").get("changed")
        made.nginx.start()
        yield made
    finally:
        made.stop()


def wait_for(wrong: Callable[[], str]) -> None:
    """Until nothing is wrong any more."""
    deadline = time.monotonic() + PATIENCE
    while found := wrong():
        assert time.monotonic() < deadline, f"after {PATIENCE} s still: {found}"
        time.sleep(0.1)


def settled(clients: Process) -> Seen:
    """What the clients have seen when all are connected as they should be and had answers since."""
    start = [one["answers"] for one in clients.ask("/look")]
    wanted = ["websocket"] * CLIENTS + ["polling"] * POLLING

    def unsettled() -> str:
        seen = clients.ask("/look")
        waiting = [
            one
            for one, transport, before in zip(seen, wanted, start)
            if one["transport"] != transport or one["answers"] < before + 2
        ]
        return f"{len(waiting)} clients are not connected, such as {waiting[0]}" if waiting else ""

    wait_for(unsettled)
    return list(clients.ask("/look"))


def homes(seen: Seen) -> list[str]:
    return [one["homes"][-1] for one in seen]


def report(what: str, before: Seen, after: Seen, refused: int) -> dict[str, int]:
    """Printed, and returned to be compared."""
    pairs = list(zip(before, after))
    found = {
        "clients": len(pairs),
        "moved": sum(new["homes"] != old["homes"] for old, new in pairs),
        "reconnects": sum(len(new["sessions"]) - len(old["sessions"]) for old, new in pairs),
        "errors": sum(len(new["errors"]) - len(old["errors"]) for old, new in pairs) + refused,
    }
    print(f"{what}:", ", ".join(f"{number} {name}" for name, number in found.items()))
    return found


def test_200_clients_stay_where_they_are(site: Site) -> None:
    clients = site.start("clients.js", f"http://127.0.0.1:{site.nginx.port}")

    def refused() -> int:
        return sum(len(one.ask("/")["refused"]) for one in site.instances.values() if one.process.poll() is None)

    clients.ask("/connect", {"count": CLIENTS, "transports": ["polling", "websocket"]})
    clients.ask("/connect", {"count": POLLING, "transports": ["polling"]})
    everybody = CLIENTS + POLLING
    first = settled(clients)
    print("connected:", dict(Counter(homes(first))))
    assert set(homes(first)) == set("abc")
    assert [one["errors"] for one in first] == [[]] * everybody

    assert site.add("d")["reloaded"]
    added = settled(clients)
    stayed = {"clients": everybody, "moved": 0, "reconnects": 0, "errors": 0}
    assert report("an instance was added", first, added, refused()) == stayed

    clients.ask("/reconnect")
    again = settled(clients)
    assert report("pages were loaded again", added, again, refused()) == {**stayed, "reconnects": CLIENTS}

    there = [at for at, home in enumerate(homes(again)) if home == "b"]
    own, polling = [at for at in there if at < CLIENTS], [at for at in there if at >= CLIENTS]
    others = [at for at in range(everybody) if at not in there]
    drained = run_module(site.nginx, "nginx_upstream", hosts=["b"], state="drained", wait_timeout=1)
    assert len(own) <= drained["in_flight"]["b-1"] <= len(there), "WebSockets stay until the instance ends them"
    site.instances["b"].stop()
    last = settled(clients)

    def told(who: str, which: list[int], errors: int = 0) -> dict[str, int]:
        before, after = ([seen[at] for at in which] for seen in (again, last))
        return report(f"another was drained and stopped, {who}", before, after, errors)

    assert told("the others", others) == {**stayed, "clients": len(others)}
    assert told("its own", own) == {"clients": len(own), "moved": len(own), "reconnects": len(own), "errors": 0}
    # Their sessions live in the memory of one instance: another one refuses their next requests, and they begin anew.
    assert told("its own that only poll", polling, refused())["moved"] == len(polling)
