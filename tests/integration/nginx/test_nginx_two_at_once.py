"""Two runs on one balancer at the same time: what each of them changed stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._alone import alone

from tests.integration.nginx.certificates import certificate
from tests.integration.nginx.harness import Backend, Nginx, apply_role, run_module, sticky_site
from tests.support.full import LONG
from tests.support.ports import free_port

# Stands in the middle of a change until it may go on.
SLOW_NGINX = """#!/bin/sh
if [ "$1" = -t ]; then
    touch {folder}/testing
    while [ ! -e {folder}/go ]; do sleep 0.05; done
fi
exec nginx "$@"
"""


class Balancer:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.nginx = Nginx(folder / "nginx")
        self.backends = {name: Backend(name) for name in "abc"}
        self.tls_port = free_port()
        self.old = certificate(folder / "old", "www.example.com")
        self.new = certificate(folder / "new", "www.example.com")
        self.slow_nginx = folder / "slow-nginx"
        self.slow_nginx.write_text(SLOW_NGINX.format(folder=folder))
        self.slow_nginx.chmod(0o755)

    def variables(self) -> dict[str, Any]:
        made = sticky_site(self.nginx, {name: backend.port for name, backend in self.backends.items()})
        made["nginx_sites"][0]["tls"] = {"certificate": str(self.old[0]), "key": str(self.old[1])}
        return {**made, "nginx_tls_ports": [self.tls_port]}

    def configure(self, **more: Any) -> dict[str, Any]:
        return apply_role(self.nginx, {**self.variables(), **more})

    def log_in_json(self) -> dict[str, Any]:
        return self.configure(nginx_access_log_format="json")

    def drain(self, **more: Any) -> dict[str, Any]:
        return run_module(self.nginx, "nginx_upstream", hosts=["b"], state="drained", wait_timeout=1, **more)

    def renew(self, **more: Any) -> dict[str, Any]:
        files = {"certificate_file": str(self.new[0]), "key_file": str(self.new[1])}
        return run_module(self.nginx, "nginx_certificates", certificates=[{"name": "www", **files}], **more)

    def shrink(self, **more: Any) -> dict[str, Any]:
        servers = self.variables()["nginx_upstreams"][0]["servers"][:2]
        return run_module(self.nginx, "nginx_servers", upstreams=[{"name": "www-web", "servers": servers}], **more)

    def changes(self) -> dict[str, bool]:
        """Which of the changes above the nginx that runs has."""
        told = run_module(self.nginx, "nginx_info")
        assert self.nginx.generation() == told["generation"]
        files = {path: text for path, text in self.nginx.files().items() if f"scaleout.d/{told['generation']}" in path}
        assert len(files) == len(self.nginx.files()) - 1, "an earlier generation is left"
        states = {server["name"]: server["state"] for server in told["servers"]}
        return {
            "log_in_json": "escape=json" in self.nginx.path.read_text(),
            "drain": states["b-1"] == "drained",
            "renew": self.new[0].read_text() in files.values(),
            "shrink": "c-1" not in states,
        }


@pytest.fixture
def balancer(tmp_path: Path) -> Iterator[Balancer]:
    made = Balancer(tmp_path)
    try:
        applied = made.configure()
        assert applied.get("changed"), applied
        made.nginx.start()
        yield made
    finally:
        made.nginx.stop()
        for backend in made.backends.values():
            backend.stop()


def wait_for(file: Path, run: Future[Any]) -> None:
    while not file.exists():
        assert not run.done(), run.result()
        wait([run], 0.05)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Balancer.renew, Balancer.drain),
        pytest.param(Balancer.drain, Balancer.log_in_json, marks=LONG),
        pytest.param(Balancer.shrink, Balancer.renew, marks=LONG),
    ],
)
def test_both_changes_stay(
    balancer: Balancer, first: Callable[..., dict[str, Any]], second: Callable[..., dict[str, Any]]
) -> None:
    with ThreadPoolExecutor() as pool:
        began = pool.submit(first, balancer, executable=str(balancer.slow_nginx))
        wait_for(balancer.folder / "testing", began)
        meanwhile = pool.submit(second, balancer)
        wait([meanwhile], 6)
        (balancer.folder / "go").touch()
        for done in (began.result(), meanwhile.result()):
            assert (done.get("changed"), done.get("failed", False)) == (True, False), done
    made = {name for name, is_made in balancer.changes().items() if is_made}
    assert made == {first.__name__, second.__name__}


def test_one_that_never_ends_is_named(balancer: Balancer) -> None:
    before = balancer.nginx.files()
    with alone(balancer.nginx.root, 1, RuntimeError("nobody else is at work")):
        told = balancer.drain(timeout=0)
    assert (told["failed"], told["stage"]) == (True, "lock")
    assert f"another run has been changing the configuration in {balancer.nginx.root}" in told["msg"]
    assert balancer.nginx.files() == before
    assert balancer.drain()["changed"]
