"""Debian's pebble: a real ACME server for tests, with a name server that sends it to the balancers of a test."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import time
from pathlib import Path
from urllib.request import Request, urlopen

from tests.integration.nginx.certificates import certificate
from tests.support.ports import free_port

QUICK = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"}


class Pebble:
    """Asks for challenges on http_port of the address that a domain has; the usual one unless told otherwise."""

    def __init__(self, folder: Path, http_port: int, usual_address: str) -> None:
        self.ca_file, key = certificate(folder, "localhost")
        self.log = folder / "pebble.log"
        port, management, names, names_management = (free_port() for _number in range(4))
        self.directory = f"https://localhost:{port}/dir"
        self.management = f"https://localhost:{management}"
        self.names_management = f"http://127.0.0.1:{names_management}"
        config = {
            "listenAddress": f"127.0.0.1:{port}",
            "managementListenAddress": f"127.0.0.1:{management}",
            "certificate": str(self.ca_file),
            "privateKey": str(key),
            "httpPort": http_port,
            "tlsPort": free_port(),
        }
        path = folder / "pebble.json"
        path.write_text(json.dumps({"pebble": config}))
        self.processes: list[subprocess.Popen[bytes]] = []
        nothing = ("-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", "")
        name_server = ("-dns01", f"127.0.0.1:{names}", "-management", f"127.0.0.1:{names_management}")
        self._start("pebble-challtestsrv", *name_server, *nothing, "-defaultIPv4", usual_address)
        self._start("pebble", "-config", str(path), "-dnsserver", f"127.0.0.1:{names}")
        self.root = folder / "root.pem"
        self.root.write_bytes(self._fetch_root())

    def _start(self, *command: str) -> None:
        with self.log.open("ab") as log:
            process = subprocess.Popen(command, env={**os.environ, **QUICK}, stdout=log, stderr=log)
        self.processes.append(process)

    def _fetch_root(self) -> bytes:
        context = ssl.create_default_context(cafile=str(self.ca_file))
        deadline = time.monotonic() + 20
        while True:
            try:
                with urlopen(f"{self.management}/roots/0", context=context, timeout=5) as answer:
                    return bytes(answer.read())
            except OSError:
                assert time.monotonic() < deadline, self.log.read_text()
                time.sleep(0.1)

    def send_to(self, domain: str, address: str) -> None:
        body = json.dumps({"host": domain, "addresses": [address]}).encode()
        for action in ("clear-a", "add-a"):
            with urlopen(Request(f"{self.names_management}/{action}", data=body), timeout=5) as answer:
                assert answer.status == 200

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
            process.wait(timeout=10)
