"""Real nginx processes on loopback ports, and small HTTP servers behind them. Needs nginx, and root for its folders."""

from __future__ import annotations

import base64
import contextlib
import getpass
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support.ports import free_port

REPOSITORY = Path(__file__).parents[3]
COOKIE = "www_web_instance"
PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.import_role: {name: scaleout.webapp.nginx, tasks_from: preflight}
    - ansible.builtin.import_role: {name: scaleout.webapp.nginx, tasks_from: configure}
"""


class Nginx:
    """One nginx with its files in one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / "nginx.conf"
        self.pid_file = root / "nginx.pid"
        self.error_log = root / "error.log"
        self.status_port = free_port()
        self.port = free_port()
        root.mkdir(parents=True, exist_ok=True)
        (root / "mime.types").write_text("types { text/css css; text/html html; }\n")

    @property
    def generation_url(self) -> str:
        return f"http://127.0.0.1:{self.status_port}/generation"

    def start(self) -> None:
        subprocess.run(["nginx", "-c", str(self.path)], check=True, timeout=10)
        deadline = time.monotonic() + 5
        while not self.is_master():
            assert time.monotonic() < deadline, "nginx did not start"
            time.sleep(0.02)

    def is_master(self) -> bool:
        """Whether the process of pid_file is through with its start: it takes this name only then."""
        pid = self.pid_file.read_text().strip() if self.pid_file.exists() else ""
        return bool(pid) and Path(f"/proc/{pid}/cmdline").read_text().startswith("nginx: master process")

    def stop(self) -> None:
        if self.pid_file.exists() and self.pid_file.read_text().strip():
            os.kill(int(self.pid_file.read_text()), signal.SIGTERM)
            while self.pid_file.exists():
                time.sleep(0.02)

    def hang_up(self) -> None:
        os.kill(int(self.pid_file.read_text()), signal.SIGHUP)

    def files(self) -> dict[str, str]:
        own = [self.path, *(self.root / "scaleout.d").rglob("*")]
        return {str(path.relative_to(self.root)): path.read_text() for path in own if path.is_file()}

    def ask(
        self,
        path: str,
        host: str = "www.example.com",
        method: str = "GET",
        body: bytes | None = None,
        source: str = "127.0.0.1",
        **headers: str,
    ) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10, source_address=(source, 0))
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body=body, headers={"Host": host, **named})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def generation(self) -> str:
        connection = HTTPConnection("127.0.0.1", self.status_port, timeout=5)
        try:
            connection.request("GET", "/generation")
            return connection.getresponse().read().decode()
        finally:
            connection.close()


class Answer:
    def __init__(self, response: HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self) -> Any:
        return json.loads(self.body)


class Backend:
    """Answers with what it was asked; counts its connections and requests."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.status = 200
        self.hangs_up_on: set[str] = set()
        self.connections: list[socket.socket] = []
        self.requests: list[str] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(self))
        self.server.daemon_threads = True
        self.port = int(self.server.server_address[1])
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        """Die with all connections, as a killed process does."""
        self.server.shutdown()
        self.server.server_close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def handler_of(backend: Backend) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            backend.connections.append(self.connection)

        def log_message(self, *_arguments: Any) -> None:
            pass

        def answer(self) -> None:
            backend.requests.append(f"{self.command} {self.path}")
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.command in backend.hangs_up_on:
                self.close_connection = True
                return
            if self.headers.get("Upgrade") == "websocket":
                self.upgrade()
                return
            text = json.dumps({"backend": backend.name, "path": self.path, "headers": dict(self.headers)}).encode()
            self.send_response(backend.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.send_header("X-Frame-Options", "DENY")
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_OPTIONS = answer

        def upgrade(self) -> None:
            key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
            self.end_headers()
            self.wfile.write(self.connection.recv(100))
            self.close_connection = True

    return Handler


def apply_role(nginx: Nginx, variables: dict[str, Any]) -> dict[str, Any]:
    """Check the variables and configure, as the role does on a host."""
    playbook = nginx.root.parent / "play.yml"
    playbook.write_text(PLAYBOOK)
    usual = {
        "nginx_user": getpass.getuser(),
        "nginx_config_path": str(nginx.path),
        "nginx_pid_file": str(nginx.pid_file),
        "nginx_log_path": str(nginx.root),
        "nginx_status_port": nginx.status_port,
        "nginx_listen_addresses": ["127.0.0.1"],
        "nginx_listen_ports": [nginx.port],
        "nginx_max_fails": 2,
        "nginx_fail_timeout": 1,
    }
    return run_ansible("ansible-playbook", str(playbook), "-e", json.dumps({**usual, **variables}))


def sticky_site(nginx: Nginx, ports: dict[str, int]) -> dict[str, Any]:
    """Variables of the role: one site whose visitors stay on their instance, each instance on a host of its own."""
    servers = [
        {"name": f"{name}-1", "host": name, "address": "127.0.0.1", "port": port} for name, port in ports.items()
    ]
    return {
        "nginx_upstreams": [{"name": "www-web", "servers": servers, "sticky_cookie": COOKIE}],
        "nginx_sites": [
            {
                "name": "www",
                "domains": ["www.example.com"],
                "static_root": str(nginx.root / "public"),
                "routes": [
                    {"path": "/", "upstream": "www-web"},
                    {"path": "/socket.io/", "upstream": "www-web", "websocket": True},
                ],
            }
        ],
    }


def run_module(nginx: Nginx, name: str, *options: str, **arguments: Any) -> dict[str, Any]:
    """Run a module that acts on this nginx."""
    usual = {
        "path": str(nginx.path),
        "pid_file": str(nginx.pid_file),
        "error_log": str(nginx.error_log),
        "generation_url": nginx.generation_url,
    }
    text = json.dumps({**usual, **arguments})
    return run_ansible("ansible", "localhost", "-m", f"scaleout.webapp.{name}", "-a", text, *options)


def run_ansible(*arguments: str) -> dict[str, Any]:
    """Run Ansible on this machine and return the result of the last task."""
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1",
        "ANSIBLE_DEPRECATION_WARNINGS": "0",
    }
    done = subprocess.run(
        [str(Path(sys.executable).parent / arguments[0]), *arguments[1:], "-i", "localhost,", "-c", "local", "--diff"],
        env={**environment, "ANSIBLE_PYTHON_INTERPRETER": sys.executable},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.startswith("{"), done.stdout + done.stderr
    result: dict[str, Any] = json.loads(done.stdout)["plays"][-1]["tasks"][-1]["hosts"]["localhost"]
    return result
