# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets are read and written in the files of a host: in one move, with owner and mode, and never over a surprise."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._secrets.client import Wanted, show, write
from ansible_collections.scaleout.webapp.plugins.module_utils._secrets.model import File, Record, Shown

RECORD = Record(1, "2026-11-21T10:00:00Z")


class Host:
    """A folder in the place of a host."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.record = str(folder / "lib" / "secrets.json")

    def file(self, name: str = "x.json", key: str = "a", format_: str = "json", mode: str | None = None) -> File:
        return File(str(self.folder / name), format_, (key,) if key else (), None, None, mode, ())

    def show(self, *files: File) -> Shown:
        return show({"s": files}, self.record)[0]["s"]

    def want(self, *files: File, value: str = "new", record: Record | None = RECORD) -> Wanted:
        return Wanted("s", value, files, record, self.show(*files).values, False)

    def write(self, *wanted: Wanted, check: bool = False) -> list[str]:
        return [os.path.relpath(path, self.folder) for path in write(wanted, self.record, check)]

    def tree(self) -> dict[str, tuple[int, bytes]]:
        paths = [path for path in sorted(self.folder.rglob("*")) if path.is_file() and path.suffix != ".guard"]
        return {str(path): (path.stat().st_mode, path.read_bytes()) for path in paths}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_four_beats(host: Host) -> None:
    one, other = host.file("etc/deep/x.json"), host.file("etc/key", "", "raw")
    assert host.write(host.want(one, other), check=True) == ["lib/secrets.json", "etc/deep/x.json", "etc/key"]
    assert host.tree() == {}, "check mode wrote"
    assert host.write(host.want(one, other)) == ["lib/secrets.json", "etc/deep/x.json", "etc/key"]
    assert host.show(one, other) == Shown(("new", "new"), RECORD, 1)
    assert stat.S_IMODE(os.stat(one.path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(host.record).st_mode) == 0o600
    before = host.tree()
    assert host.write(host.want(one, other)) == []
    assert host.write(host.want(one, other), check=True) == []
    assert host.tree() == before


def test_several_secrets_of_one_file_are_written_in_one_move(host: Host) -> None:
    Path(host.file().path).write_text('{"b": 1}')
    one, other = host.want(host.file(key="a")), replace(host.want(host.file(key="c"), value="more"), name="t")
    assert host.write(one, other) == ["lib/secrets.json", "x.json"]
    assert Path(host.file().path).read_text() == '{"b": 1, "a": "new", "c": "more"}'


def test_owner_mode_and_attributes_stay_where_none_is_wanted(host: Host) -> None:
    path = Path(host.file().path)
    path.write_text('{"a": "old"}')
    os.chown(path, 12, 34)
    path.chmod(0o640)
    marked = True
    try:
        os.setxattr(path, "user.scaleout", b"kept")
    except OSError:
        marked = False
    assert host.write(host.want(host.file())) == ["lib/secrets.json", "x.json"]
    state = path.stat()
    assert (state.st_uid, state.st_gid, stat.S_IMODE(state.st_mode)) == (12, 34, 0o640)
    assert not marked or os.getxattr(path, "user.scaleout") == b"kept"


def test_another_owner_or_mode_is_mended_and_told(host: Host) -> None:
    path = Path(host.file().path)
    path.write_text('{"a": "new"}')
    path.chmod(0o644)
    nobody = replace(host.file(mode="0600"), owner="nobody", group=grp.getgrgid(pwd.getpwnam("nobody").pw_gid).gr_name)
    assert host.show(nobody).mend
    assert host.write(host.want(nobody, record=None)) == ["x.json"]
    assert not host.show(nobody).mend
    assert path.read_text() == '{"a": "new"}'
    assert (path.owner(), stat.S_IMODE(path.stat().st_mode)) == ("nobody", 0o600)
    stranger = replace(nobody, owner="no-such-user")
    assert host.show(stranger).mend, "the user may be made by the time it is written"
    with pytest.raises(ScaleoutError, match=r"x\.json: there is no .*no-such-user"):
        host.write(host.want(stranger, record=None))


def test_what_everybody_may_read_is_told(host: Host) -> None:
    path = Path(host.file().path)
    path.write_text("{}")
    path.chmod(0o644)
    assert show({"s": [host.file()]}, host.record)[1] == [str(path)]
    assert show({"s": [host.file(mode="0600")]}, host.record)[1] == []


def test_what_changed_meanwhile_is_not_written_over(host: Host) -> None:
    path = Path(host.file().path)
    path.write_text('{"a": "old"}')
    wanted = host.want(host.file())
    path.write_text('{"a": "by another run"}')
    before = host.tree()
    with pytest.raises(ScaleoutError, match="is another one there than when it was decided"):
        host.write(wanted)
    unseen = replace(wanted, seen=None)
    with pytest.raises(ScaleoutError, match="is another one there"):
        host.write(unseen)
    assert host.tree() == before
    assert host.write(replace(unseen, given=True)) == ["lib/secrets.json", "x.json"]


def test_nothing_is_written_when_one_of_the_files_cannot_be(host: Host) -> None:
    Path(host.file("bad.php").path).write_text("<?php return f();")
    wanted = Wanted("s", "new", [host.file(), host.file("bad.php", format_="php")], RECORD, (None, None), False)
    before = host.tree()
    with pytest.raises(ScaleoutError, match=r"bad\.php, line 1: it is no PHP"):
        host.write(wanted)
    assert host.tree() == before


def test_links_and_pipes_are_refused(host: Host) -> None:
    Path(host.file("secret").path).write_text('{"a": "x"}')
    os.symlink("secret", host.file("link").path)
    os.mkfifo(host.file("pipe").path)
    (host.folder / "folder").mkdir()
    assert "it is a symbolic link. Name the file itself" in host.show(host.file("link")).problems[0]
    assert "it is no file" in host.show(host.file("pipe")).problems[0]
    assert "it is no file" in host.show(host.file("folder")).problems[0]
    assert "it is no file" not in str(host.show(host.file("secret/below")).problems)
    with pytest.raises(ScaleoutError, match="it cannot be written: "):
        host.write(host.want(host.file("secret/below")))


def test_what_is_no_text_is_refused_and_never_shown(host: Host) -> None:
    Path(host.file("raw").path).write_bytes(b"\xff\xfe")
    assert "what it holds is no UTF-8" in host.show(host.file("raw", "", "raw")).problems[0]


def test_bytes_beside_the_secret_stay_whatever_they_are(host: Host) -> None:
    path = Path(host.file(".env").path)
    path.write_bytes(b"B=\xff\xe9\nA=old\n")
    host.write(host.want(host.file(".env", "A", "dotenv")))
    assert path.read_bytes() == b"B=\xff\xe9\nA=new\n"


def test_what_a_killed_run_left_is_removed(host: Host) -> None:
    path = Path(host.file().path)
    path.write_text('{"a": "new"}')
    half = path.with_name(".x.json.scaleout-new")
    half.write_text('{"a": "of the killed ru')
    assert host.show(host.file()).mend
    assert host.write(host.want(host.file(), record=None)) == ["x.json"]
    assert not half.exists()
    assert not host.show(host.file()).mend


def test_a_value_that_was_changed_by_hand_has_no_age(host: Host) -> None:
    host.write(host.want(host.file()))
    Path(host.file().path).write_text('{"a": "by hand"}')
    shown = host.show(host.file())
    assert (shown.record, shown.last) == (None, 1)


def test_what_is_no_record_stops(host: Host) -> None:
    Path(host.record).parent.mkdir()
    Path(host.record).write_text("{")
    with pytest.raises(ScaleoutError, match=r"secrets\.json: it is no record of secrets"):
        host.show(host.file())
