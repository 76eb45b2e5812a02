# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A converged cluster as its tests see it: hosts over SSH, containers by name, the site over HTTP."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from tests.support.ports import free_port

TIMEOUT = 10.0
ON_HOST = Path(__file__).with_name("on_host")
SECRETS = "/etc/scaleout-webapp/secrets.json"
# What each member of the replica set says, by its address and port.
Members = Callable[[], dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class Instance:
    name: str
    """HOST:PORT, what the site says in X-Served-By."""
    app: str
    host: str
    address: str
    port: int
    unit: str


@dataclass(frozen=True)
class Host:
    name: str
    address: str
    ssh: tuple[str, ...]
    container: str

    def run(self, *command: str, stdin: str = "", check: bool = True) -> str:
        """What the command prints. Secrets go through `stdin`, never into the command."""
        done = subprocess.run(
            [*self.ssh, shlex.join(command)], input=stdin, capture_output=True, text=True, timeout=120, check=False
        )
        if check and done.returncode:
            raise AssertionError(
                f"{self.name}: {command[0]} ended with {done.returncode}: {done.stderr.strip()[-800:]}"
            )
        return done.stdout

    def python(self, script: Path, data: Any) -> Any:
        """Run the script with the data on its standard input; it prints JSON."""
        return json.loads(self.run("python3", "-c", script.read_text(), stdin=json.dumps(data)))

    def kill(self) -> None:
        subprocess.run(["docker", "kill", self.container], check=True, capture_output=True)

    def start(self) -> None:
        subprocess.run(["docker", "start", self.container], check=True, capture_output=True)

    @contextmanager
    def forwards(self, targets: Mapping[str, tuple[str, int]]) -> Iterator[dict[str, str]]:
        """URLs on this machine that reach the targets as this host reaches them, past the firewall."""
        ports = {name: free_port() for name in targets}
        options = [f"-L127.0.0.1:{ports[name]}:{address}:{port}" for name, (address, port) in targets.items()]
        ssh = [*self.ssh[:-1], "-N", "-oExitOnForwardFailure=yes", *options, self.ssh[-1]]
        process = subprocess.Popen(ssh, stdin=subprocess.DEVNULL)
        try:
            wait_until(lambda: all(opens("127.0.0.1", port) for port in ports.values()), 15, f"forwards by {self.name}")
            yield {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        finally:
            process.terminate()
            process.wait()


class Site:
    """One visitor of the site, who may be logged in. Cookies are carried as they are, whatever address answers."""

    def __init__(self, url: str, cookies: Mapping[str, str] | None = None, host: str | None = None) -> None:
        self.url = url.rstrip("/")
        self.cookies = dict(cookies or {})
        self.host = host

    def at(self, url: str) -> Site:
        """The same visitor at another address."""
        return Site(url, self.cookies, self.host)

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {**({"Host": self.host} if self.host else {}), **options.pop("headers", {})}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        response = requests.request(
            method, self.url + path, headers=headers, timeout=TIMEOUT, allow_redirects=False, **options
        )
        self.cookies.update(response.cookies.get_dict())
        return response

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.ask("GET", path, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.ask("POST", path, **options)

    def login(self, user: str, password: str) -> Site:
        self.get("/login")
        answer = self.post(
            "/api/v1/@apostrophecms/login/login", json={"username": user, "password": password, "session": True}
        )
        assert answer.status_code == 200, f"login at {self.url}: {answer.status_code} {answer.text[:200]}"
        return self

    def token(self, user: str, password: str) -> str:
        answer = self.post("/api/v1/@apostrophecms/login/login", json={"username": user, "password": password})
        assert answer.status_code == 200, f"token from {self.url}: {answer.status_code} {answer.text[:200]}"
        return str(answer.json()["token"])

    def is_admin(self) -> bool:
        """Only an administrator may list the users."""
        return self.get("/api/v1/@apostrophecms/user").status_code == 200


@dataclass(frozen=True)
class Cluster:
    plan: dict[str, Any]
    hosts: dict[str, Host]
    vip_url: str

    def secrets(self) -> dict[str, str]:
        """As the hosts keep them, each those that the plan gives it, and all the same."""
        found: dict[str, str] = {}
        for name, host in self.hosts.items():
            kept = json.loads(host.run("sh", "-c", f"cat {SECRETS} 2>/dev/null || echo '{{}}'"))
            assert set(kept) == {one["name"] for one in self.plan["secrets"] if name in one["holders"]}, name
            assert [one for one, value in kept.items() if found.get(one, value) != value] == [], name
            found |= kept
        return found

    @property
    def balancers(self) -> list[Host]:
        return [host for name, host in self.hosts.items() if "loadbalancer" in self.plan["hosts"][name]["groups"]]

    @property
    def instances(self) -> list[Instance]:
        return [
            Instance(f"{name}:{i['port']}", i["app"], name, host["address"], i["port"], i["unit"])
            for name, host in self.plan["hosts"].items()
            for i in host["instances"]
        ]

    @property
    def vip_holders(self) -> list[Host]:
        vip = self.plan["vip"]["address"]
        return [host for host in self.balancers if f" {vip}/" in host.run("ip", "-o", "addr", "show", check=False)]


def path_of(url: str) -> str:
    """Path and query of a URL that may be absolute."""
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def opens(address: str, port: int, timeout: float = 2.0) -> bool:
    try:
        with socket.create_connection((address, port), timeout):
            return True
    except OSError:
        return False


def wait_until(done: Callable[[], bool], seconds: float, what: str) -> float:
    """Seconds it took."""
    began = time.monotonic()
    while not done():
        if time.monotonic() - began > seconds:
            raise AssertionError(f"{what}: not within {seconds:g} s")
        time.sleep(0.2)
    return time.monotonic() - began


def read_hosts(inventory: str, prefix: str | None) -> dict[str, Host]:
    """Ansible itself works out how to reach each host: the inventory's values may be templates."""
    wanted = {
        "address": "ansible_host | default(inventory_hostname)",
        "user": "ansible_user | default('root')",
        "port": "ansible_port | default(22)",
        "key": "ansible_ssh_private_key_file | default('')",
        "options": "ansible_ssh_common_args | default('') ~ ' ' ~ ansible_ssh_extra_args | default('')",
        "prefix": "testhost_network | default('')",
    }
    message = "{{ {" + ", ".join(f"'{name}': {value}" for name, value in wanted.items()) + "} | to_json }}"
    done = subprocess.run(
        ["ansible", "all", "-m", "ansible.builtin.debug", "-a", json.dumps({"msg": message})],
        env={
            **os.environ,
            "ANSIBLE_INVENTORY": inventory,
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
            "ANSIBLE_LOAD_CALLBACK_PLUGINS": "true",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise AssertionError(f"ansible cannot read the inventory {inventory}:\n{done.stdout}\n{done.stderr}")
    hosts = {}
    for name, result in json.loads(done.stdout)["plays"][0]["tasks"][0]["hosts"].items():
        values = result["msg"] if isinstance(result["msg"], dict) else json.loads(result["msg"])
        ssh = ["ssh", "-oBatchMode=yes", "-oConnectTimeout=5", f"-p{values['port']}", *shlex.split(values["options"])]
        if values["key"]:
            ssh.append(f"-i{os.path.expanduser(values['key'])}")
        container = f"{values['prefix'] if prefix is None else prefix}-{name}"
        hosts[name] = Host(name, values["address"], (*ssh, f"{values['user']}@{values['address']}"), container)
    return hosts


def value_of(reference: str, secrets: dict[str, str]) -> str:
    match = re.fullmatch(r"\$\{secrets\.(\w+)(:uri)?\}", reference)
    assert match, f"the plan holds {reference[:20]!r} where a reference to a secret belongs"
    return secrets[match[1]]
