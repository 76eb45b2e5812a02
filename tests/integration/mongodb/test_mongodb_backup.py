"""Backups and their locks, what is made of them, and feature compatibility versions, with a real server."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pymongo.errors import WTimeoutError
from pymongo.write_concern import WriteConcern

from tests.integration.mongodb.mongods import (
    QUICK,
    REPOSITORY,
    Mongod,
    Start,
    replica_set,
    result_of,
    run_module,
    start_module,
    wait_for,
)
from tests.support.full import LONG


def back_up(server: Mongod, folder: Path, check: bool = False, **more: Any) -> dict[str, Any]:
    return run_module("mongodb_backup", backup_arguments(server, folder, **more), check)


def backup_arguments(server: Mongod, folder: Path, **more: Any) -> dict[str, Any]:
    data = str(server.folder / "data")
    return {"login_port": server.port, "data_path": data, "path": str(folder), **more}


def restore(program: str, archive: str, target: Path, check: bool = False) -> dict[str, Any]:
    arguments = {"archive": archive, "path": str(target), "program": program, "user": getpass.getuser()}
    return run_module("mongodb_restore", {**arguments, "admin_user": "admin", "admin_password": "of today"}, check)


def contents(server: Mongod) -> dict[str, Any]:
    with server.client() as client:
        return dict(client.shop.command("dbHash")["collections"])


def is_locked(server: Mongod) -> bool:
    return bool(server.ask("currentOp").get("fsyncLock"))


@pytest.fixture
def member(start: Start) -> Mongod:
    (server,) = start(1)
    assert not replica_set(server, [server]).get("failed")
    with server.client() as client:
        client.shop.things.insert_many([{"_id": number} for number in range(1000)])
    return server


def test_a_backup_is_data_again(member: Mongod, program: str, tmp_path: Path) -> None:
    folder, target = tmp_path / "backups", tmp_path / "restored" / "data"
    target.parent.mkdir()
    assert back_up(member, folder, check=True)["changed"]
    assert not folder.exists()
    expected = contents(member)
    made = back_up(member, folder)
    assert not made.get("failed"), made["msg"]
    assert made["manifest"]["feature_compatibility_version"] == "6.0"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert not is_locked(member)
    with member.client() as client:
        client.drop_database("shop")

    assert not restore(program, made["archive"], target, check=True).get("failed")
    assert not target.exists()
    prepared = restore(program, made["archive"], target)
    assert not prepared.get("failed"), prepared["msg"]
    # What it was a member of is forgotten: it becomes the first member of another set.
    other = Mongod(program, target.parent, "rs9")
    try:
        other.start()
        founded = replica_set(other, [other], replica_set="rs9")
        assert not founded.get("failed"), founded["msg"]
        assert contents(other) == expected
        with other.client(username="admin", password="of today") as client:
            assert client.shop.things.count_documents({}) == 1000
    finally:
        other.stop()


@LONG
def test_only_its_own_folder_is_replaced(member: Mongod, program: str, tmp_path: Path) -> None:
    archive = back_up(member, tmp_path / "backups")["archive"]
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "precious").write_text("kept")
    for check in (True, False):
        refused = restore(program, archive, theirs, check)
        assert "no earlier run has made it" in refused["what"]
        assert refused["where"] == str(theirs)
    live = restore(program, archive, member.folder / "data")
    assert "no earlier run has made it" in live["what"]
    assert (theirs / "precious").read_text() == "kept"

    (theirs / "precious").unlink()
    assert not restore(program, archive, theirs).get("failed")
    # As a run that was interrupted leaves it.
    (theirs / "WiredTiger").unlink()
    assert not restore(program, archive, theirs).get("failed")
    assert (theirs / "WiredTiger").exists()

    # Put in use with the mark forgotten in it.
    other = Mongod(program, tmp_path / "other", "rs9")
    other.folder.mkdir()
    theirs.rename(other.folder / "data")
    try:
        other.start()
        used = restore(program, archive, other.folder / "data")
        assert "a mongod runs with it" in used["what"]
        assert not replica_set(other, [other], replica_set="rs9").get("failed")
    finally:
        other.stop()


@LONG
def test_two_restores_take_turns(member: Mongod, program: str, tmp_path: Path) -> None:
    archive = back_up(member, tmp_path / "backups")["archive"]
    target = tmp_path / "restored"
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda _number: restore(program, archive, target), range(2)))
    assert not [result for result in results if result.get("failed")]
    assert (target / "WiredTiger").exists()


def test_damaged_archives_are_refused(member: Mongod, program: str, tmp_path: Path) -> None:
    archive = Path(back_up(member, tmp_path / "backups")["archive"])
    manifest = Path(f"{archive}.json")
    with archive.open("ab") as stream:
        stream.write(b"x")
    assert "it is damaged" in restore(program, str(archive), tmp_path / "data")["fix"]
    known = {**json.loads(manifest.read_text()), "feature_compatibility_version": "4.4"}
    manifest.write_text(json.dumps(known))
    assert "install a mongod 4.4 or 5.0" in restore(program, str(archive), tmp_path / "data")["fix"]
    manifest.unlink()
    assert "is not whole" in restore(program, str(archive), tmp_path / "data")["what"]
    assert not (tmp_path / "data").exists()


def test_only_so_many_are_kept(member: Mongod, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    made = []
    for _number in range(3):
        result = back_up(member, folder, keep=2)
        assert not result.get("failed"), result["msg"]
        made.append(Path(result["archive"]))
        # Archives are named by the second.
        time.sleep(1)
    assert sorted(folder.glob("*.zst")) == made[1:]
    assert len(list(folder.iterdir())) == 4


def test_a_running_backup_is_left_alone(member: Mongod, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, tools, go = tmp_path / "backups", tmp_path / "bin", tmp_path / "go"
    tools.mkdir()
    zstd = shutil.which("zstd")
    (tools / "zstd").write_text(f'#!/bin/sh\nuntil [ -e {go} ]; do sleep 0.1; done\nexec {zstd} "$@"\n')
    (tools / "zstd").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    folder.mkdir()
    of_another_set = folder / "rs0-north-20260101T000000Z.tar.zst.partial"
    of_another_set.touch()
    interrupted = folder / "rs0-20260101T000000Z.tar.zst.partial"
    interrupted.touch()

    first = start_module("mongodb_backup", backup_arguments(member, folder))
    wait_for(lambda: is_locked(member))
    second = back_up(member, folder)
    assert "another backup is at work there" in second["what"]
    assert second["where"] == str(folder)
    go.touch()
    made = result_of(first)
    assert not made.get("failed"), made["msg"]
    assert Path(made["archive"]).stat().st_size == made["manifest"]["size"]
    assert of_another_set.exists()
    assert not interrupted.exists()


def test_a_killed_backup_leaves_no_lock(member: Mongod, tmp_path: Path) -> None:
    folder, tools = tmp_path / "backups", tmp_path / "bin"
    tools.mkdir()
    (tools / "zstd").write_text("#!/bin/sh\nexec sleep 60\n")
    (tools / "zstd").chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, str(REPOSITORY / "plugins" / "modules" / "mongodb_backup.py")],
        stdin=subprocess.PIPE,
        env={
            **os.environ,
            "PATH": f"{tools}:{os.environ['PATH']}",
            "PYTHONPATH": str(REPOSITORY / ".ansible" / "collections"),
        },
        start_new_session=True,
    )
    assert process.stdin
    process.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": backup_arguments(member, folder)}).encode())
    process.stdin.close()
    wait_for(lambda: is_locked(member))
    elsewhere = back_up(member, tmp_path / "elsewhere")
    assert "somebody else holds the lock" in elsewhere["what"]
    # Its whole process group, as a lost connection does.
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    wait_for(lambda: not is_locked(member))
    assert not back_up(member, folder).get("failed")
    assert not list(folder.glob("*.partial"))


def test_feature_compatibility(member: Mongod) -> None:
    def ask(check: bool = False, **arguments: Any) -> dict[str, Any]:
        return run_module("mongodb_fcv", {"login_port": member.port, **arguments}, check)

    assert ask()["running"] == {member.address: "6.0.5"}
    assert not ask(upgrade_to="db version v6.0.24").get("failed")
    assert not ask(upgrade_to="7.0.1").get("failed")
    assert "skips" in ask(upgrade_to="8.0.1")["what"]
    assert "downgrade" in ask(upgrade_to="5.0.4")["what"]
    member.ask("setFeatureCompatibilityVersion", "5.0")
    assert "feature compatibility version is 5.0" in ask(upgrade_to="7.0.1")["what"]
    assert ask(check=True, version="6.0")["changed"]
    assert ask()["version"] == "5.0"
    assert ask(version="6.0")["changed"]
    assert not ask(version="6.0")["changed"]
    assert "not all members run 7.0" in ask(version="7.0")["what"]


def writes_reach_a_majority(server: Mongod) -> bool:
    with server.client() as client:
        things = client.shop.get_collection("things", write_concern=WriteConcern(w="majority", wtimeout=2000))
        try:
            things.insert_one({})
        except WTimeoutError:
            return False
    return True


@pytest.mark.parametrize(("count", "waits"), [(2, True), pytest.param(3, False, marks=LONG)])
def test_who_waits_for_a_backup_is_told(start: Start, tmp_path: Path, count: int, waits: bool) -> None:
    servers = start(count)
    # Else the third one might copy from the second, and wait with it.
    assert not replica_set(servers[0], servers, settings={**QUICK, "chainingAllowed": False}).get("failed")
    primary = next(server for server in servers if server.hello()["isWritablePrimary"])
    secondary = next(server for server in servers if server is not primary)
    for check in (True, False):
        said = str(back_up(secondary, tmp_path / "backups", check=check).get("warnings", ""))
        assert ("writers that ask for w: majority wait" in said) is waits
    assert "all writers wait" in str(back_up(primary, tmp_path / "backups", check=True)["warnings"])
    # What was said is so.
    assert writes_reach_a_majority(primary)
    secondary.ask("fsync", lock=True)
    assert writes_reach_a_majority(primary) is not waits
    secondary.ask("fsyncUnlock")
    assert writes_reach_a_majority(primary)


def test_an_interrupted_change_of_compatibility_is_finished(start: Start) -> None:
    (server,) = start(1, parameters={"enableTestCommands": "1"})
    assert not replica_set(server, [server]).get("failed")

    def ask(check: bool = False, **arguments: Any) -> dict[str, Any]:
        return run_module("mongodb_fcv", {"login_port": server.port, **arguments}, check)

    server.ask("setFeatureCompatibilityVersion", "5.0")
    server.ask("configureFailPoint", "failUpgrading", mode="alwaysOn")
    assert "failUpgrading" in ask(version="6.0", wait_timeout=1)["msg"]
    server.ask("configureFailPoint", "failUpgrading", mode="off")

    assert "on the way to 6.0" in str(ask()["warnings"])
    assert "has not come to its end" in ask(upgrade_to="7.0.1")["what"]
    # As the upgrade playbook asks when it is run again.
    assert not ask(upgrade_to="6.0.5").get("failed")
    assert ask(check=True, version="6.0")["changed"]
    assert ask(version="6.0")["changed"]
    again = ask(version="6.0")
    assert not again["changed"]
    assert "warnings" not in again
    assert not ask(upgrade_to="7.0.1").get("failed")
