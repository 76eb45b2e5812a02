"""A new password that nobody has set yet, where the way to set it is not open: with the one of before all goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.integration.mongodb.changes import done, made
from tests.integration.mongodb.mongods import ADMIN, Start, replica_set, run_module, users, wait_for
from tests.support.full import LONG

NEW: dict[str, Any] = {"login_user": "admin", "login_password": "horse battery"}
BOTH = {**NEW, "login_password_before": ADMIN["login_password"]}
ADMIN_USER = {"name": "admin", "password": NEW["login_password"], "roles": ["root"]}


@LONG
def test_a_set_without_a_majority_goes_on_by_force(start: Start, keyfile: Path) -> None:
    servers, _login = made(start, 3, keyfile)
    survivor, lost = servers[0], servers[1:]
    for server in lost:
        server.stop()
    wait_for(lambda: not survivor.hello().get("primary"))
    told = replica_set(survivor, [survivor], wait_timeout=600, **BOTH)
    assert "no majority of its voting members answers" in told["msg"], told
    force: dict[str, Any] = {"force": True, "lost_members": [server.address for server in lost]}
    assert done(replica_set(survivor, [survivor], **force, **BOTH))
    # As before the restart of a primary, which comes before the change too.
    alone = run_module("mongodb_stepdown", {"login_port": survivor.port, "wait_timeout": 1, **BOTH})
    assert "nobody can become primary in its place" in alone["msg"]
    assert run_module("mongodb_fcv", {"login_port": survivor.port, **BOTH})["version"] == "6.0"
    assert users(survivor, [ADMIN_USER], first_user=True, **BOTH)["changed"]
    assert not users(survivor, [ADMIN_USER], first_user=True, **BOTH)["changed"]
    assert not done(replica_set(survivor, [survivor], **NEW))
    assert "was refused" in replica_set(survivor, [survivor], **ADMIN)["msg"]


def test_a_member_is_backed_up_with_either_password(start: Start, keyfile: Path, tmp_path: Path) -> None:
    (server,), login = made(start, 1, keyfile)
    place = {"login_port": server.port, "data_path": str(server.folder / "data"), "path": str(tmp_path / "backups")}
    refused = run_module("mongodb_backup", {**place, **NEW})
    assert "the login as admin was refused" in refused["msg"]
    assert not (tmp_path / "backups").exists()
    before = run_module("mongodb_backup", {**place, **BOTH})
    assert Path(before["archive"]).exists()
    assert users(server, [ADMIN_USER], **BOTH)["changed"]
    after = run_module("mongodb_backup", {**place, **BOTH, "keep": 1})
    assert Path(after["archive"]).exists()
    assert "was refused" in run_module("mongodb_backup", {**place, **login})["msg"]
