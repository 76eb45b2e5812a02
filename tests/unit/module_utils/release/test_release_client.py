"""Releases on a real disk."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._release.client import (
    Links,
    finish,
    pack,
    read_host,
    remove,
    sha256,
    unpack,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._release.model import MARKER
from ansible_collections.scaleout.webapp.plugins.module_utils._release.source import pack_folder, pack_git

UID, GID = os.getuid(), os.getgid()


def run(argv: list[str]) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An app with one built, unfinished release."""
    for name in ("releases/v1/public", "releases/v1/lib", "artifacts", "steps"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "releases/v1/public/a.css").write_text("a")
    (tmp_path / "releases/v1/lib/b.js").write_text("b")
    return tmp_path


def as_plain_tar(argv: list[str]) -> str:
    """Without the program zstd, which only hosts need."""
    return run([word for word in argv if word not in ("--zstd", "--owner=0", "--group=0")])


def test_nothing_is_there(tmp_path: Path) -> None:
    seen = read_host(str(tmp_path / "absent"))
    assert (seen.current, seen.releases, seen.unfinished, seen.artifacts) == (None, {}, [], {})
    assert seen.libc.startswith("2.")


def test_from_build_to_another_host(root: Path, tmp_path: Path) -> None:
    assert read_host(str(root)).unfinished == ["v1"]
    (root / "releases/v1/lib/b.js").chmod(0o600)
    release = root / "releases/v1"
    if UID == 0:
        finish(release, "20260101T000000Z", GID)
    else:
        pytest.skip("only root can take a release from its builder")
    checksum = pack(release, root / "artifacts", as_plain_tar)
    seen = read_host(str(root))
    assert (seen.releases, seen.unfinished) == ({"v1": "20260101T000000Z"}, [])
    assert seen.checksums == {"v1": checksum} == {"v1": sha256(root / "artifacts/v1.tar.zst")}

    other = tmp_path / "other"
    unpack(root / "artifacts/v1.tar.zst", other / "releases/v1", run, [], True, UID, GID)
    assert read_host(str(other)).releases == {"v1": "20260101T000000Z"}
    assert (other / "releases/v1/lib/b.js").stat().st_mode & 0o777 == 0o640
    assert [path.name for path in (other / "releases").iterdir()] == ["v1"]

    balancer = tmp_path / "balancer"
    unpack(root / "artifacts/v1.tar.zst", balancer / "releases/v1", run, ["public"], True, UID, GID)
    assert (balancer / "releases/v1/public/a.css").exists()
    unpack(root / "artifacts/v1.tar.zst", balancer / "releases/v1", run, ["public", "absent"], True, UID, GID)
    assert read_host(str(balancer)).partial == {"v1": ["public", "absent"]}
    unpack(root / "artifacts/v1.tar.zst", balancer / "releases/v1", run, ["public"], True, UID, GID)
    assert not (balancer / "releases/v1/lib").exists()
    seen = read_host(str(balancer))
    assert (seen.releases, seen.unfinished, seen.partial) == ({}, [], {"v1": ["public"]})


def test_an_artefact_without_its_note_does_not_count(root: Path) -> None:
    (root / "artifacts/v1.tar.zst").write_text("half")
    (root / "artifacts/v2.json").write_text('{"made": "1", "sha256": "x"}')
    assert read_host(str(root)).artifacts == {}


def test_an_unfinished_release_is_not_packed(root: Path) -> None:
    with pytest.raises(ScaleoutError, match="is no complete release"):
        pack(root / "releases/v1", root / "artifacts", as_plain_tar)


def test_what_an_interrupted_unpack_left_behind_is_replaced(root: Path, tmp_path: Path) -> None:
    archive = tmp_path / "source.tar.gz"
    pack_folder(root / "releases/v1", [], archive)
    target = tmp_path / "new/releases/v1"
    stale = target.with_name(".v1.unpack")
    stale.mkdir(parents=True)
    (stale / "stale").write_text("")
    target.mkdir()
    (target / "old").write_text("")
    unpack(archive, target, run, [], False, UID, GID)
    assert sorted(path.name for path in target.iterdir()) == ["lib", "public"]
    assert read_host(str(tmp_path / "new")).unfinished == ["v1"]


def test_a_folder_is_removed_although_a_killed_run_still_writes_to_it(tmp_path: Path) -> None:
    folder, stranger = tmp_path / "folder", tmp_path / "stranger"
    stranger.mkdir()
    (folder / "inner").mkdir(parents=True)
    (folder / "link").symlink_to(stranger)
    # It ends by itself: one that is faster than the removal would go on for ever.
    writes = "cd inner && n=0; while [ $n -lt 3000 ] && echo > $n; do n=$((n + 1)); done"
    with subprocess.Popen(["sh", "-c", writes], cwd=folder, stderr=subprocess.DEVNULL):
        while not (folder / "inner" / "100").exists():
            pass
        remove(folder)
    assert not folder.exists()
    assert stranger.is_dir()


def test_a_source_cannot_pass_for_a_finished_release(root: Path, tmp_path: Path) -> None:
    (root / "releases/v1" / MARKER).write_text('{"label": "v1", "made": "1"}')
    pack_folder(root / "releases/v1", [], tmp_path / "source")
    unpack(tmp_path / "source", tmp_path / "new/releases/v1", run, [], False, UID, GID)
    assert read_host(str(tmp_path / "new")).unfinished == ["v1"]


def test_current_and_steps_are_told(root: Path) -> None:
    (root / "current").symlink_to("releases/v1")
    (root / "steps/v1").write_text("migrate\nadmin\n")
    seen = read_host(str(root))
    assert (seen.current, seen.steps) == ("v1", {"v1": ["migrate", "admin"]})


def test_links_replace_what_the_source_has_and_never_empty_a_target(root: Path, tmp_path: Path) -> None:
    release, shared = root / "releases/v1", tmp_path / "srv/uploads"
    (release / "public/uploads").mkdir()
    (release / "public/uploads/.gitkeep").write_text("")

    def apply(dry: bool) -> list[str]:
        links = Links(release, UID, GID, dry)
        links.folder(shared)
        links.link("public/uploads", str(shared))
        links.link("data/config.json", "/etc/webapp/www/files/data/config.json")
        links.writable("data/temp")
        return links.changes

    assert len(apply(dry=True)) == 4
    assert not shared.exists()
    assert len(apply(dry=False)) == 4
    (shared / "photo").write_text("kept")
    assert apply(dry=False) == []
    assert (release / "public/uploads/photo").read_text() == "kept"
    moved = Links(release, UID, GID, False)
    moved.link("public/uploads", "/elsewhere")
    assert moved.changes == [f"{release}/public/uploads -> /elsewhere"]
    assert (shared / "photo").exists()


def test_a_folder_is_packed_without_what_is_excluded(tmp_path: Path) -> None:
    for name in ("site/node_modules/x", "site/.git", "site/lib/node_modules"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "site/app.js").write_text("")
    pack_folder(tmp_path / "site", [".git", "node_modules"], tmp_path / "out")
    with tarfile.open(tmp_path / "out") as archive:
        assert sorted(archive.getnames()) == ["source", "source/app.js", "source/lib"]
    with pytest.raises(ScaleoutError, match="no such folder"):
        pack_folder(tmp_path / "absent", [], tmp_path / "out")


def test_a_version_of_a_repository_is_packed(tmp_path: Path) -> None:
    repository, target = tmp_path / "repository", tmp_path / "out"
    git = ["git", "-C", str(repository), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    repository.mkdir()
    run([*git, "init", "--quiet", "--initial-branch=main"])
    (repository / "app.js").write_text("1")
    run([*git, "add", "."])
    run([*git, "commit", "--quiet", "-m", "1"])
    run([*git, "tag", "v1"])
    (repository / "app.js").write_text("2")
    run([*git, "commit", "--quiet", "-a", "-m", "2"])
    for at, (version, content) in enumerate({"v1": b"1", "main": b"2"}.items()):
        folder = tmp_path / str(at)
        folder.mkdir()
        revision = pack_git(str(repository), version, folder, target, run)
        assert len(revision) == 40
        with tarfile.open(target) as archive:
            opened = archive.extractfile("source/app.js")
            assert opened is not None
            assert opened.read() == content
