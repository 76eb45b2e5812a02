from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx import client as client_module
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.client import Client
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.converge import converge
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.model import Desired, NginxConfigError, Plan
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.plan import desire

from tests.integration.nginx.harness import Nginx, run_ansible


def main_of(nginx: Nginx) -> str:
    return (
        f"pid {nginx.pid_file}; error_log {nginx.error_log}; worker_processes 1;\n"
        "events {}\n"
        "http { access_log off; include mime.types; include @TREE@/*.conf; }\n"
    )


def files_of(nginx: Nginx, text: str, listen: int | None = None) -> dict[str, str]:
    return {
        "status.conf": (
            f"server {{\n  listen 127.0.0.1:{nginx.status_port};\n"
            "  location = /generation { return 200 @GENERATION@; }\n}\n"
        ),
        "site.conf": (
            f"server {{\n  listen 127.0.0.1:{listen or nginx.port};\n"
            f"  location / {{ default_type text/plain; return 200 {text}; }}\n}}\n"
        ),
    }


def configure(nginx: Nginx, files: dict[str, str], *options: str, **more: Any) -> dict[str, Any]:
    arguments = {
        "path": str(nginx.path),
        "main": main_of(nginx),
        "files": files,
        "pid_file": str(nginx.pid_file),
        "error_log": str(nginx.error_log),
        "generation_url": nginx.generation_url,
        **more,
    }
    return run_ansible(
        "ansible", "localhost", "-m", "scaleout.webapp.nginx_config", "-a", json.dumps(arguments), *options
    )


def in_process(nginx: Nginx, kill: Any = os.kill) -> Client:
    """The module's own client, in this process so that it can be killed at a chosen moment."""

    def run(argv: list[str]) -> tuple[int, str]:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        return done.returncode, done.stderr

    def fetch() -> str | None:
        try:
            return nginx.generation()
        except OSError:
            return None

    return Client(str(nginx.path), "scaleout.d", str(nginx.pid_file), str(nginx.error_log), 10, run, fetch, kill)


def configure_here(nginx: Nginx, files: dict[str, str]) -> Plan:
    return converge(desired_of(nginx, files), in_process(nginx), "nginx", check=False).plan


def desired_of(nginx: Nginx, files: dict[str, str]) -> Desired:
    return desire(main_of(nginx), files, "scaleout.d")


def killed_run(nginx: Nginx, files: dict[str, str], monkeypatch: pytest.MonkeyPatch, renames: int | None) -> bool:
    """A run killed before that rename, or before the reload; tells whether it was killed at all."""
    child = os.fork()
    if child == 0:
        left = renames

        def replace(source: Any, target: Any) -> None:
            nonlocal left
            if left is not None:
                if left == 0:
                    os._exit(9)
                left -= 1
            os.rename(source, target)

        monkeypatch.setattr(client_module.os, "replace", replace)
        monkeypatch.setattr(tempfile, "tempdir", str(nginx.root.parent))
        kill = (lambda *_: os._exit(9)) if renames is None else os.kill
        try:
            converge(desired_of(nginx, files), in_process(nginx, kill), "nginx", check=False)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.fixture
def running(nginx: Nginx) -> Nginx:
    configure_here(nginx, files_of(nginx, "one"))
    nginx.start()
    return nginx


def test_four_beats(running: Nginx) -> None:
    files, before = files_of(running, "two"), running.files()

    check = configure(running, files, "--check")
    assert (check["changed"], check["reloaded"], check["running"]) == (True, True, True)
    assert check["changed_files"] == ["scaleout.d/site.conf"]
    site = check["diff"][0]
    assert (site["before"].replace("one", "two"), site["after"]) == (files["site.conf"], files["site.conf"])
    assert (running.files(), running.ask("/").body) == (before, b"one")

    run = configure(running, files)
    assert (run["changed"], run["diff"]) == (True, check["diff"])
    assert running.ask("/").body == b"two"
    assert running.generation() == run["generation"]

    for again in (configure(running, files), configure(running, files, "--check")):
        assert (again["changed"], again["reloaded"], again["diff"]) == (False, False, [])
    assert os.listdir(running.root / "scaleout.d") == [run["generation"]]


def test_takes_over_a_running_nginx(nginx: Nginx) -> None:
    nginx.path.write_text(f"pid {nginx.pid_file}; error_log {nginx.error_log}; events {{}}\n")
    nginx.start()
    assert configure_here(nginx, files_of(nginx, "one")).reload
    assert nginx.ask("/").body == b"one"


def test_bad_value_is_refused(running: Nginx) -> None:
    files, before = files_of(running, "two"), running.files()
    files["site.conf"] = files["site.conf"].replace("listen", "lissen")
    for options in ((), ("--check",)):
        refused = configure(running, files, *options)
        assert refused["failed"]
        assert (refused["stage"], refused["line"]) == ("test", 2)
        assert 'unknown directive "lissen"' in refused["msg"]
        assert f"line 2: lissen 127.0.0.1:{running.port};" in refused["msg"]
        assert refused["file"].endswith("/site.conf")
        assert refused["file"].startswith(str(running.root))
    assert (running.files(), running.ask("/").body) == (before, b"one")


def test_port_in_use_at_reload_is_restored(running: Nginx) -> None:
    before, generation = running.files(), running.generation()
    with socket.create_server(("127.0.0.1", 0)) as other:
        files = files_of(running, "two", listen=other.getsockname()[1])
        failed = configure(running, files)
        assert failed["failed"]
        assert failed["stage"] == "reload"
        assert f"127.0.0.1:{other.getsockname()[1]} failed (98: Address already in use)" in failed["msg"]
        assert "The earlier configuration is restored and running." in failed["msg"]
        assert (running.files(), running.generation()) == (before, generation)
        assert running.ask("/").body == b"one"
    assert configure_here(running, files).reload


def test_killed_between_switch_and_reload(running: Nginx, monkeypatch: pytest.MonkeyPatch) -> None:
    files, old = files_of(running, "two"), running.generation()
    assert killed_run(running, files, monkeypatch, renames=None)
    assert (running.generation(), running.ask("/").body) == (old, b"one")
    pending = configure(running, files, "--check")
    assert (pending["changed"], pending["reloaded"], pending["changed_files"]) == (True, True, [])
    assert configure(running, files)["reloaded"]
    assert running.ask("/").body == b"two"
    assert not configure_here(running, files).changed


def test_killed_before_a_reload_that_fails(running: Nginx, monkeypatch: pytest.MonkeyPatch) -> None:
    before = running.files()
    with socket.create_server(("127.0.0.1", 0)) as other:
        files = files_of(running, "two", listen=other.getsockname()[1])
        assert killed_run(running, files, monkeypatch, renames=None)
        with pytest.raises(NginxConfigError, match="restored and running"):
            configure_here(running, files)
    assert (running.files(), running.ask("/").body) == (before, b"one")


def test_killed_at_any_write(running: Nginx, monkeypatch: pytest.MonkeyPatch) -> None:
    kills = 0
    for renames in range(10):
        if not killed_run(running, files_of(running, f"kill{renames}"), monkeypatch, renames):
            break
        kills += 1
        subprocess.run(["nginx", "-t", "-q", "-c", str(running.path)], check=True)
        assert running.ask("/").body == b"one"
    assert kills == 7  # three files in the staging folder, then the way back, two files, the main file
    configure_here(running, files_of(running, "two"))
    assert running.ask("/").body == b"two"
    assert len(running.files()) == 3


def test_edited_by_hand(running: Nginx) -> None:
    site = running.root / "scaleout.d" / running.generation() / "site.conf"
    site.write_text(site.read_text().replace("one", "edited"))
    running.hang_up()
    while running.ask("/").body != b"edited":
        time.sleep(0.05)
    repaired = configure_here(running, files_of(running, "one"))
    assert (repaired.reload, [change.path for change in repaired.changes]) == (True, ["scaleout.d/site.conf"])
    assert running.ask("/").body == b"one"


def test_nothing_runs(nginx: Nginx) -> None:
    written = configure(nginx, files_of(nginx, "one"))
    assert (written["changed"], written["reloaded"], written["running"]) == (True, False, False)
    nginx.start()
    assert not configure_here(nginx, files_of(nginx, "one")).changed


def test_master_of_another_file(running: Nginx, tmp_path: Path) -> None:
    path = tmp_path / "other" / "nginx.conf"
    path.parent.mkdir()
    (path.parent / "mime.types").write_text("types {}\n")
    path.write_text("events {}\n")
    wrong = configure(running, files_of(running, "two"), path=str(path), timeout=2)
    assert f"whether the master was started with {path}" in wrong["msg"]
    assert running.ask("/").body == b"one"


def test_warning_is_passed_on(running: Nginx) -> None:
    files = files_of(running, "two")
    site = f"server {{ listen 127.0.0.1:{running.port}; server_name same.example.com; }}\n"
    files["site.conf"] += site + site
    assert any('conflicting server name "same.example.com"' in text for text in configure(running, files)["warnings"])
