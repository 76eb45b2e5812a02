# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many proxied pages a second nginx gives, by configuration: python benchmarks/proxy.py [SECONDS]

One Node.js process gives a page of 4 KiB. wrk asks it directly, through the configurations of the Apostrophe and of the
Cromwell guide, and through that of the role nginx, in turns on the same machine. The application has one processor,
nginx another. wrk shares that of nginx where the guides are compared, so that nginx is what limits; and that of the
application where the role is compared with the application itself, as a balancer has a host of its own. Fails when the
role gives less than the bounds say. Needs root, two processors, the Debian packages nginx-light and wrk, and a machine
that has nothing else to do.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO))

from tests.integration.nginx.harness import Nginx, free_port, run_ansible

PROCESSORS = os.sched_getaffinity(0)
APPLICATION, NGINX = min(PROCESSORS), max(PROCESSORS)
ROUNDS = 2
CONNECTIONS = 64
BOUNDS = {
    "nginx": {"Apostrophe guide": 2.5, "Cromwell guide": 2.5},
    "the application": {"app asked directly": 0.7},
}
PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.import_role: {name: scaleout.webapp.nginx, tasks_from: configure}
"""


@contextmanager
def application(node: Path) -> Iterator[int]:
    """One process of the application; its port."""
    port = free_port()
    pinned = ["taskset", "--cpu-list", str(APPLICATION)]
    process = subprocess.Popen([*pinned, str(node), str(REPO / "benchmarks" / "page.js"), str(port)])
    try:
        wait(f"http://127.0.0.1:{port}/")
        yield port
    finally:
        process.terminate()
        process.wait()


@contextmanager
def nginx(folder: Path, configure: Callable[[Nginx], None]) -> Iterator[str]:
    """An nginx as it was configured; its URL."""
    server = Nginx(folder)
    configure(server)
    server.start()
    try:
        url = f"http://127.0.0.1:{server.port}/"
        wait(url)
        yield url
    finally:
        server.stop()


def wait(url: str) -> None:
    """Until the page is there, whole."""
    deadline = time.monotonic() + 20
    while True:
        try:
            with urlopen(url, timeout=5) as answer:
                if len(answer.read()) == 4096:
                    return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise SystemExit(f"{url} does not give the page.")
        time.sleep(0.1)


def by_guide(name: str, port: int) -> Callable[[Nginx], None]:
    """The configuration that a guide gives."""

    def configure(server: Nginx) -> None:
        text = (REPO / "benchmarks" / "guides" / f"{name}.conf").read_text(encoding="utf-8")
        values = {"FOLDER": server.root, "PORT": server.port, "APP_PORT": port}
        for key, value in values.items():
            text = text.replace(f"@{key}@", str(value))
        server.path.write_text(text)

    return configure


def by_role(port: int) -> Callable[[Nginx], None]:
    """What the role writes: its defaults, but for the places of files and the ports."""

    def configure(server: Nginx) -> None:
        variables: dict[str, Any] = {
            "nginx_user": "root",
            "nginx_config_path": str(server.path),
            "nginx_pid_file": str(server.pid_file),
            "nginx_log_path": str(server.root),
            "nginx_status_port": server.status_port,
            "nginx_listen_addresses": ["127.0.0.1"],
            "nginx_listen_ports": [server.port],
            "nginx_upstreams": [{"name": "www-web", "servers": [{"address": "127.0.0.1", "port": port}]}],
            "nginx_sites": [
                {
                    "name": "www",
                    "domains": ["www.example.com"],
                    "default": True,
                    "static_root": str(server.root / "public"),
                    "routes": [{"path": "/", "upstream": "www-web"}],
                }
            ],
        }
        playbook = server.root / "play.yml"
        playbook.write_text(PLAYBOOK)
        done = run_ansible("ansible-playbook", str(playbook), "-e", json.dumps(variables))
        if done.get("failed"):
            raise SystemExit(f"The role failed: {done.get('msg')}")

    return configure


def requests_per_second(seconds: int, url: str, processor: int) -> float:
    """As wrk counts them on this processor; a request that failed ends the benchmark."""
    pinned = ["taskset", "--cpu-list", str(processor)]
    command = [*pinned, "wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds}s", url]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"Requests/sec:\s+([0-9.]+)", printed)
    if not found or "Non-2xx" in printed or "Socket errors" in printed:
        raise SystemExit(f"{' '.join(command)}:\n{printed}")
    return float(found[1])


def measure(seconds: int) -> dict[str, dict[str, float]]:
    """Requests per second of each way to ask, the mean over the rounds, by whose processor wrk shares."""
    archive = subprocess.run(
        [sys.executable, str(REPO / "tools" / "fetch_node.py")], check=True, stdout=subprocess.PIPE
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        shutil.unpack_archive(archive.stdout.decode().strip(), folder)
        port = stack.enter_context(application(next(folder.glob("node-*/bin/node"))))
        ways = {"app asked directly": f"http://127.0.0.1:{port}/"}
        for name, configure in {
            "Apostrophe guide": by_guide("apostrophe", port),
            "Cromwell guide": by_guide("cromwell", port),
            "role nginx": by_role(port),
        }.items():
            ways[name] = stack.enter_context(nginx(folder / name.replace(" ", "-"), configure))
        found = {}
        for where, processor in (("nginx", NGINX), ("the application", APPLICATION)):
            for way in ways.values():
                requests_per_second(1, way, processor)
            rounds = [
                {name: requests_per_second(seconds, way, processor) for name, way in ways.items()}
                for _turn in range(ROUNDS)
            ]
            found[where] = {name: sum(figures[name] for figures in rounds) / ROUNDS for name in ways}
    return found


def main(seconds: int = 10) -> int:
    """Print the figures; 1 when a bound is broken."""
    if not shutil.which("wrk") or not shutil.which("nginx"):
        raise SystemExit("Install the packages nginx-light and wrk first.")
    if len(PROCESSORS) < 2:
        raise SystemExit("Two processors are needed: the application has one of them for itself, nginx the other.")
    # What is started from here stays there, but for the application and wrk.
    os.sched_setaffinity(0, {NGINX})
    broken = []
    print(f"{'':20} {'requests/s':>11} {'role to this':>13} {'at least':>9}")
    for where, ways in measure(seconds).items():
        print(f"wrk beside {where}:")
        for name, figure in ways.items():
            bound = BOUNDS[where].get(name)
            ratio = ways["role nginx"] / figure
            print(f"{name:20} {figure:>11.0f} {ratio:>13.2f} {bound or '-':>9}")
            if bound and ratio < bound:
                broken.append(f"the role gives {ratio:.2f} of what the {name} does")
    print("; ".join(broken) or "Within the bounds.")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
