"""The tree of static files, on a real disk."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._release.model import Seen
from ansible_collections.scaleout.webapp.plugins.module_utils._release.plan import served
from ansible_collections.scaleout.webapp.plugins.module_utils._release.static import StaticTree, wanted_tree

UID = os.geteuid()


def release(root: Path, label: str, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = root / "releases" / label / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root / "releases" / label


def apply(root: Path, *releases: Path) -> StaticTree:
    tree = StaticTree(root / "static", wanted_tree(list(releases), ["public"], UID))
    tree.apply()
    return tree


def files(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_the_first_release_wins_and_the_others_are_served_too(tmp_path: Path) -> None:
    old = release(tmp_path, "1", {"public/old.css": "old", "public/robots.txt": "1", "lib/secret.js": ""})
    new = release(tmp_path, "2", {"public/a/new.css": "new", "public/robots.txt": "2"})
    apply(tmp_path, old)
    tree = apply(tmp_path, new, old)
    assert files(tmp_path / "static") == {
        "public/old.css": "old",
        "public/a/new.css": "new",
        "public/robots.txt": "2",
    }
    assert set(tree.added) == {"public/a", "public/a/new.css", "public/robots.txt"}
    again = apply(tmp_path, new, old)
    assert (again.added, again.removed) == ([], [])
    assert apply(tmp_path, new).removed == ["public/old.css"]
    assert apply(tmp_path, old, new).added == ["public/old.css", "public/robots.txt"]
    assert files(tmp_path / "static")["public/robots.txt"] == "1"


def test_a_file_where_another_release_has_a_folder(tmp_path: Path) -> None:
    one = release(tmp_path, "1", {"public/x": "file"})
    two = release(tmp_path, "2", {"public/x/y": "folder"})
    for order, expected in (((one, two), {"public/x": "file"}), ((two, one), {"public/x/y": "folder"})) * 2:
        apply(tmp_path, *order)
        assert files(tmp_path / "static") == expected


def test_everybody_may_read_it_whatever_the_build_did(tmp_path: Path) -> None:
    made = release(tmp_path, "1", {"public/a/b.css": ""})
    (made / "public/a/b.css").chmod(0o600)
    (made / "public/a").chmod(0o700)
    apply(tmp_path, made)
    assert (tmp_path / "static/public/a/b.css").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "static/public/a").stat().st_mode & 0o777 == 0o755


def test_links_stay_links(tmp_path: Path) -> None:
    made = release(tmp_path, "1", {"public/a": ""})
    (made / "public/uploads").symlink_to("/srv/shared")
    (made / "public/folder").symlink_to(tmp_path)
    apply(tmp_path, made)
    assert os.readlink(tmp_path / "static/public/uploads") == "/srv/shared"
    assert os.readlink(tmp_path / "static/public/folder") == str(tmp_path)
    (made / "public/uploads").unlink()
    (made / "public/uploads").symlink_to("/srv/other")
    assert apply(tmp_path, made).added == ["public/uploads"]
    assert os.readlink(tmp_path / "static/public/uploads") == "/srv/other"


# ./test runs as root, so the gate never skips it; a developer without root does.
@pytest.mark.skipif(UID != 0, reason="only root can give a file away")
def test_what_the_app_may_write_to_is_left_out(tmp_path: Path) -> None:
    made = release(tmp_path, "1", {"public/a": "", "public/cache/b": ""})
    os.chown(made / "public/cache", 12345, 12345)
    apply(tmp_path, made)
    assert files(tmp_path / "static") == {"public/a": ""}


def test_leftovers_of_an_interrupted_run_are_removed(tmp_path: Path) -> None:
    made = release(tmp_path, "1", {"public/a": ""})
    apply(tmp_path, made)
    (tmp_path / "static/public/.b.new").write_text("half")
    assert apply(tmp_path, made).removed == ["public/.b.new"]
    assert files(tmp_path / "static") == {"public/a": ""}


def test_no_moment_without_a_wanted_file(tmp_path: Path) -> None:
    one = release(tmp_path, "1", {f"public/{at}": "1" for at in range(50)})
    two = release(tmp_path, "2", {f"public/{at}": "2" for at in range(50)})
    apply(tmp_path, one)
    missed, reads, done = [], [], threading.Event()

    def read() -> None:
        while not done.is_set():
            for at in range(50):
                try:
                    reads.append((tmp_path / f"static/public/{at}").read_text())
                except OSError as error:
                    missed.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for _turn in range(20):
        apply(tmp_path, two, one)
        apply(tmp_path, one, two)
    done.set()
    reader.join()
    assert missed == []
    assert set(reads) == {"1", "2"}


def holding(*labels: str, current: str) -> Seen:
    made = {label: label for label in labels}
    return Seen(current, made, made, {label: f"sum of {label}" for label in labels})


def test_which_releases_are_served() -> None:
    seen = {"a": holding("1", "2", "3", current="2"), "b": holding("2", "4", current="2"), "c": None}
    assert [item.label for item in served(seen, "", 5)] == ["2", "4", "3", "1"]
    assert [item.label for item in served(seen, "4", 5)] == ["4", "3", "2", "1"]
    assert [item.label for item in served(seen, "4", 2)] == ["4", "2"]
    assert [(item.holder, item.checksum) for item in served(seen, "4", 2)] == [("b", "sum of 4"), ("a", "sum of 2")]
    assert served({"a": Seen(), "b": None}, "4", 5) == []
