# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real git repository answers about branches, tags and commits."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.scaleout.webapp.plugins.plugin_utils._git import check_git
from ansible_collections.scaleout.webapp.plugins.plugin_utils._usage import Usage


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("site")
    who = ["-c", "user.name=x", "-c", "user.email=x@x.test"]
    for arguments in (
        ["init", "--quiet", "--initial-branch=main"],
        [*who, "commit", "--quiet", "--allow-empty", "--message=x"],
        ["branch", "feature/cart"],
        [*who, "tag", "--annotate", "--message=x", "v1.0"],
    ):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    return str(folder)


def apps(git: Any, version: Any) -> dict[str, Any]:
    return {"www": {"source": {"git": git, "version": version}}}


@pytest.mark.parametrize(
    "version",
    ["main", "v1.0", "feature/cart", "refs/heads/main", "tags/v1.0", "HEAD", "0123abc", "v1.0-2-g0123abc", "main~1"],
)
def test_what_is_there_and_what_a_server_cannot_tell(repository: str, version: str) -> None:
    assert check_git(apps(repository, version), Usage()) == ([], [])


@pytest.mark.parametrize(
    ("version", "meant"), [("mian", "main"), ("v1.1", "v1.0"), ("cart", ""), ("feature", "feature/cart")]
)
def test_what_is_not_there(repository: str, version: str, meant: str) -> None:
    (problem,), warnings = check_git(apps(repository, version), Usage())
    hint = f" (did you mean {meant}?)" if meant else ""
    assert str(problem) == (
        f"webapp_apps.www.source.version: {repository} has no branch and no tag {version}. "
        f"Push it, or correct version{hint}."
    )
    assert not warnings


def test_no_repository(tmp_path: Path) -> None:
    problems, (warning,) = check_git(apps(str(tmp_path), "main"), Usage())
    assert not problems
    assert warning.startswith(f"webapp_apps.www.source.git: {tmp_path} does not answer, so no release can be built")
    assert "not appear to be a git repository" in warning


@pytest.mark.parametrize("scheme", ["git", "http"])
def test_a_server_that_is_silent(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"{scheme}://127.0.0.1:{server.getsockname()[1]}/site"
        problems, (warning,) = check_git(apps(url, "main"), Usage(), timeout=0.5)
        until = time.monotonic() + 10
        while (left := processes(url)) and time.monotonic() < until:
            time.sleep(0.05)
    assert not problems
    assert warning == (
        f"webapp_apps.www.source.git: {url} does not answer, so no release can be built from it now: "
        "no answer within 0.5 s"
    )
    assert left == [], "what git started is still there"


def processes(of: str) -> list[Path]:
    """Those that have it among their arguments. One that was killed is here until the kernel has ended it."""
    return [path for path in Path("/proc").glob("[0-9]*/cmdline") if of.encode() in content(path)]


def content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_silent_servers_are_asked_at_the_same_time() -> None:
    """Each waits for a connection to the other: one after the other, both would be silent."""
    met = threading.Barrier(2, timeout=20)

    def serve(server: socket.socket) -> None:
        connection, _address = server.accept()
        with connection:
            met.wait()

    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        threads = [threading.Thread(target=serve, args=[server], daemon=True) for server in (one, two)]
        for thread in threads:
            thread.start()
        urls = [f"git://127.0.0.1:{server.getsockname()[1]}/site" for server in (one, two)]
        given = {f"app{number}": {"source": {"git": url, "version": "x"}} for number, url in enumerate(urls)}
        _problems, warnings = check_git(given, Usage(), timeout=20)
        for thread in threads:
            thread.join()
    assert len(warnings) == 2
    assert not any("no answer within" in warning for warning in warnings)


@pytest.mark.parametrize(
    ("usage", "asked"),
    [
        (Usage(parts=["runtime"]), False),
        (Usage(hosts=["lb1"], groups={"app": ["app1", "app2"]}), False),
        (Usage(hosts=["app2"], groups={"app": ["app1", "app2"]}), True),
    ],
)
def test_only_what_the_run_builds_from_is_asked(tmp_path: Path, usage: Usage, asked: bool) -> None:
    _problems, warnings = check_git(apps(str(tmp_path), "main"), usage)
    assert len(warnings) == asked
    elsewhere = {"www": {**apps(str(tmp_path), "main")["www"], "hosts": ["app1"]}}
    if usage.hosts is not None:
        assert check_git(elsewhere, usage) == ([], [])


@pytest.mark.parametrize(
    "given", [None, ["www"], {"www": None}, {"www": {"source": "x"}}, apps(["x"], "y"), apps("x", 1)]
)
def test_what_has_another_shape_is_left_to_the_schema(given: Any) -> None:
    assert check_git(given, Usage()) == ([], [])
