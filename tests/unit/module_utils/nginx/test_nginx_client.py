from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.client import Client
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.converge import converge
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.model import NginxConfigError
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.plan import desire
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.upstreams import Server

DESIRED = desire("include @TREE@/*.conf; # @GENERATION@\n", {"a.conf": "a\n", "sub/b.conf": "b\n"}, "managed")


class Nginx:
    """Answers in nginx's place, and remembers what it was shown."""

    def __init__(self, code: int = 0, output: str = "", generation: str | None = None) -> None:
        self.code, self.output, self.generation = code, output, generation
        self.seen: dict[str, str] = {}

    def run(self, argv: list[str]) -> tuple[int, str]:
        stage = Path(argv[-1]).parent
        self.seen = {str(path.relative_to(stage)): path.read_text() for path in stage.rglob("*") if path.is_file()}
        return self.code, self.output

    def client(self, root: Path) -> Client:
        return Client(
            str(root / "nginx.conf"),
            "managed",
            str(root / "pid"),
            str(root / "log"),
            1,
            self.run,
            lambda: self.generation,
        )


def files(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def test_test_sees_new_files_among_the_others(tmp_path: Path) -> None:
    (tmp_path / "mime.types").write_text("types {}\n")
    (tmp_path / "nginx.conf").write_text("old\n")
    nginx = Nginx()
    nginx.client(tmp_path).test("nginx", DESIRED)
    folder = f"managed/{DESIRED.generation}"
    assert nginx.seen == {
        "mime.types": "types {}\n",
        "nginx.conf": DESIRED.main,
        f"{folder}/a.conf": "a\n",
        f"{folder}/sub/b.conf": "b\n",
    }
    assert files(tmp_path) == {"mime.types": "types {}\n", "nginx.conf": "old\n"}


def test_writes_reads_back_and_rests(tmp_path: Path) -> None:
    client = Nginx().client(tmp_path)
    first = converge(DESIRED, client, "nginx", check=False)
    assert (first.plan.changed, first.plan.reload, first.running.pid) == (True, False, None)
    assert client.read().generations == {DESIRED.generation: DESIRED.files}
    assert (tmp_path / "nginx.conf").stat().st_mode & 0o777 == 0o644
    assert not converge(DESIRED, client, "nginx", check=False).plan.changed


def test_removes_what_does_not_belong(tmp_path: Path) -> None:
    client = Nginx().client(tmp_path)
    converge(DESIRED, client, "nginx", check=False)
    (tmp_path / DESIRED.folder / "extra.conf").write_text("x")
    (tmp_path / "managed" / "0123456789abcdef").mkdir()
    converge(DESIRED, client, "nginx", check=False)
    assert client.read().generations == {DESIRED.generation: DESIRED.files}


def test_check_mode_writes_nothing_and_works_without_nginx(tmp_path: Path) -> None:
    assert converge(DESIRED, Nginx().client(tmp_path / "absent"), None, check=True).plan.changed
    assert converge(DESIRED, Nginx().client(tmp_path), "nginx", check=True).plan.changed
    assert files(tmp_path) == {}


def test_check_mode_tests_too(tmp_path: Path) -> None:
    with pytest.raises(NginxConfigError, match="nginx refuses this configuration: no"):
        converge(DESIRED, Nginx(1, "nginx: [emerg] no\n").client(tmp_path), "nginx", check=True)


def test_refused_configuration_never_reaches_the_disk(tmp_path: Path) -> None:
    with pytest.raises(NginxConfigError, match="nginx refuses this configuration: no"):
        converge(DESIRED, Nginx(1, "nginx: [emerg] no\n").client(tmp_path), "nginx", check=False)
    assert files(tmp_path) == {}


def test_needs_nginx(tmp_path: Path) -> None:
    with pytest.raises(NginxConfigError, match="nginx is not installed"):
        converge(DESIRED, Nginx().client(tmp_path), None, check=False)


def test_wrong_pid_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "pid").write_text("1\n")
    with pytest.raises(NginxConfigError, match="names no nginx master"):
        converge(DESIRED, Nginx(generation="0123456789abcdef").client(tmp_path), "nginx", check=False)


@pytest.mark.parametrize(("seen", "left"), [([0, 0], {}), ([0, 2], {"a": 2}), ([2], {"a": 2})])
def test_a_server_is_idle_when_seen_so_twice_also_without_time_to_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: list[int], left: dict[str, int]
) -> None:
    client = Nginx().client(tmp_path)
    looks = iter(seen)
    monkeypatch.setattr(client, "connections", lambda servers: {servers[0].endpoint: next(looks)})
    assert client.wait_idle([Server("a", "127.0.0.1", 3000)], 0) == left
    assert not list(looks)
