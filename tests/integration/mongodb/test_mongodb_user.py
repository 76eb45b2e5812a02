from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.integration.mongodb.changes import made
from tests.integration.mongodb.mongods import ADMIN, Mongod, Start, on_all, replica_set, users, wait_for
from tests.support.full import LONG

ADMIN_USER = {"name": "admin", "password": ADMIN["login_password"], "roles": ["root"]}


def www(**more: Any) -> dict[str, Any]:
    return {"name": "www", "database": "www", "password": "one", "roles": ["readWrite"], **more}


def commands(result: dict[str, Any]) -> list[str]:
    assert not result.get("failed"), result["msg"]
    return [f"{change['command']} {change['user']}" for change in result["changes"]]


def works(server: Mongod, password: str) -> bool:
    with server.client(username="www", password=password, authSource="www") as client:
        try:
            client.www.things.insert_one({})
        except Exception:
            return False
        return True


def test_the_life_of_a_user(start: Start, keyfile: Path) -> None:
    servers = start(2, keyfile=keyfile)
    primary, secondary = servers
    replica_set(primary, servers)
    both = [ADMIN_USER, www()]

    foretold = users(primary, both, check=True, first_user=True, **ADMIN)
    assert commands(foretold) == ["createUser admin@admin", "createUser www@www"]
    first = on_all(lambda server: users(server, both, first_user=True, **ADMIN), servers)
    assert sorted(command for result in first for command in commands(result)) == [
        "createUser admin@admin",
        "createUser www@www",
    ]
    assert works(primary, "one")
    assert not commands(users(secondary, both, first_user=True, **ADMIN))

    def changed(user: dict[str, Any]) -> list[str]:
        foretold = users(secondary, [user], check=True, **ADMIN)
        result = users(secondary, [user], **ADMIN)
        assert commands(foretold) == commands(result)
        assert foretold["diff"] == result["diff"]
        assert user.get("password") not in str(result["diff"]).split("'")
        assert not commands(users(secondary, [user], **ADMIN))
        return commands(result)

    assert changed(www(password="two")) == ["updateUser www@www"]
    assert works(primary, "two")
    assert not works(primary, "one")
    assert changed(www(password="two", roles=[{"role": "dbOwner", "db": "www"}, "readWrite"])) == ["updateUser www@www"]
    assert changed({"name": "www", "database": "www", "state": "absent"}) == ["dropUser www@www"]
    assert not works(primary, "two")

    began = time.monotonic()
    for server in servers:
        for more in ({}, {"first_user": True}):
            wrong = {**ADMIN_USER, "password": "another"}
            result = users(server, [wrong], login_user="admin", login_password="another", **more)
            assert "was refused" in result["msg"], result
            assert "another" not in str(result["msg"])
    assert time.monotonic() - began < 25
    missing = users(primary, [{"name": "nobody"}], **ADMIN)
    assert "nobody@admin: it does not exist and has no password" in missing["msg"]


def test_without_authentication(start: Start) -> None:
    servers = start(2)
    uninitialised = users(servers[0], [www()])
    assert f"127.0.0.1:{servers[0].port}: it is uninitialised and takes no users" in uninitialised["msg"]
    replica_set(servers[0], servers)
    assert commands(users(servers[1], [www()])) == ["createUser www@www"]
    assert not commands(users(servers[0], [www()]))
    first = on_all(lambda server: users(server, [ADMIN_USER], first_user=True, **ADMIN), servers)
    assert sorted(len(commands(result)) for result in first) == [0, 1]


def test_all_members_make_and_remove_the_same_users_at_once(start: Start) -> None:
    servers = start(2)
    replica_set(servers[0], servers)
    names = [f"user{number}" for number in range(20)]

    def of_all(state: str) -> list[str]:
        wanted = [www(name=name, state=state) for name in names]
        return sorted(one for told in on_all(lambda server: users(server, wanted), servers) for one in commands(told))

    assert of_all("present") == sorted(f"createUser {name}@www" for name in names)
    assert of_all("absent") == sorted(f"dropUser {name}@www" for name in names)


@LONG
def test_a_lost_majority_is_told_long_before_the_end_of_the_wait(start: Start, keyfile: Path) -> None:
    servers, login = made(start, 3, keyfile)
    left = next(server for server in servers if not server.hello()["isWritablePrimary"])
    lost = [server for server in servers if server is not left]
    for server in lost:
        server.stop()
    # While a dead primary is still named, and later.
    for _moment in ("at once", "later"):
        refused = users(left, [ADMIN_USER], first_user=True, wait_timeout=600, **login)
        assert "no majority of its voting members answers" in refused["msg"], refused
        assert all(server.address in refused["msg"] for server in lost)
        wait_for(lambda: not left.hello().get("primary"))


def test_first_user_has_to_be_listed(start: Start) -> None:
    server = start(1, replica_set="")[0]
    assert "first_user needs login_user" in users(server, [www()], first_user=True, **ADMIN)["msg"]
    other = {**ADMIN_USER, "password": "another"}
    assert "its password is not login_password" in users(server, [other], first_user=True, **ADMIN)["msg"]
    assert commands(users(server, [www()])) == ["createUser www@www"]


def test_the_administrators_own_password_changes(start: Start, keyfile: Path) -> None:
    servers = start(2, keyfile=keyfile)
    replica_set(servers[0], servers)
    users(servers[0], [ADMIN_USER, www()], first_user=True, **ADMIN)
    new: dict[str, Any] = {"login_user": "admin", "login_password": "horse battery"}
    both = [{**ADMIN_USER, "password": "horse battery"}, www(password="two")]

    refused = users(servers[1], both, **new)
    assert "login_password_before" in refused["msg"]
    wrong = users(servers[1], both, login_password_before="neither", **new)
    assert "login_password_before" in wrong["msg"]
    before = {"login_password_before": ADMIN["login_password"], "first_user": True, **new}
    foretold = users(servers[1], both, check=True, **before)
    assert commands(foretold) == ["updateUser admin@admin", "updateUser www@www"]
    # On all hosts at the same time, as the role does it.
    done = on_all(lambda server: users(server, both, **before), servers)
    assert {command for result in done for command in commands(result)} == {
        "updateUser admin@admin",
        "updateUser www@www",
    }
    assert works(servers[0], "two")
    again = users(servers[1], both, **before)
    assert not commands(again)
    assert not commands(users(servers[1], both, **new))
    assert "was refused" in users(servers[1], both, **ADMIN)["msg"]
