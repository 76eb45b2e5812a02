# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets change under traffic, in runs that die: nobody notices, and the old ones are refused at the end."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from secrets import token_hex

import pytest

from tests.cluster.cluster import ON_HOST, SECRETS, Cluster, Site, value_of
from tests.cluster.load import REQUESTS, Load, Record, judge
from tests.cluster.test_playbook import site
from tests.cluster.test_secrets import search
from tests.support.full import LONG
from tests.support.playbook import Run, kill_at, run, start
from tests.support.secrets import ProcessWatch, shown

JOURNAL = SECRETS.replace("secrets.json", "secrets-rotation.json")
AUTHENTICATION_FAILED = 18
# Of the database, while its app changes from one password to the other.
SECOND_USER = ".next"
# Task, and the seconds into it.
EVERY_PHASE = [
    ("Write the secrets that differ", 1.0),
    ("Begin the phase both", 12.0),
    ("Begin the phase switch", 15.0),
    ("Begin the phase main", 8.0),
    ("Begin the phase back", 15.0),
    ("Begin the phase drop", 12.0),
    ("Write the new values", 1.5),
    ("Remove the journal", 0.3),
]
OTHER = "another-value-of-this-host"


def words(wanted: str) -> tuple[str, ...]:
    return ("playbooks/rotate_secrets.yml", "-vvv", "--diff", "-e", f"webapp_rotate={wanted}")


def begin(wanted: str) -> subprocess.Popen[str]:
    return start(*words(wanted), inventory=os.environ["SCALEOUT_INVENTORY"])


def rotate(wanted: str, *more: str) -> Run:
    return run(*words(wanted), *more, inventory=os.environ["SCALEOUT_INVENTORY"])


def status() -> Run:
    return run("playbooks/status.yml", inventory=os.environ["SCALEOUT_INVENTORY"])


def app_users(cluster: Cluster) -> set[str]:
    """Only these may have secrets in the environment of their processes."""
    return {app["user"] for app in cluster.plan["apps"].values()}


def in_the_open(cluster: Cluster, *values: dict[str, str]) -> list[str]:
    both = {f"{name}, {number}": value for number, some in enumerate(values) for name, value in some.items()}
    return [
        f"{name}: {found}" for name, host in cluster.hosts.items() for found in search(cluster, host, both)["found"]
    ]


def stores_know_only(cluster: Cluster, before: dict[str, str], after: dict[str, str]) -> None:
    """Of what has changed the servers refuse the old and take the new; second users are nowhere left."""
    mongodb = cluster.plan["mongodb"]
    users = [(user["name"], user["database"], user["password"]) for user in mongodb["users"]]
    # Members log in to each other with the key.
    known = [*users, ("admin", "admin", mongodb["admin_password"]), ("__system", "local", mongodb["keyfile"])]
    changed = [one for one in known if value_of(one[2], before) != value_of(one[2], after)]
    second = [(name + SECOND_USER, database, password) for name, database, password in users]
    for member in mongodb["members"] if changed else []:
        address, port = member["host"].rsplit(":", 1)
        host = next(host for host in cluster.hosts.values() if host.address == address)
        for who, values, code in (
            (changed, before, AUTHENTICATION_FAILED),
            (changed, after, 0),
            (second, after, AUTHENTICATION_FAILED),
        ):
            logins = [
                {
                    "host": address,
                    "port": int(port),
                    "username": name,
                    "authSource": database,
                    "password": value_of(reference, values),
                }
                for name, database, reference in who
            ]
            assert host.python(ON_HOST / "logins.py", logins) == [code] * len(who), f"{who} on {member['host']}"

    redis = cluster.plan["redis"]
    (user, *_others) = redis["users"]
    passwords = [value_of(user["password"], values) for values in (before, after)]
    for store in redis["hosts"] if len(set(passwords)) > 1 else []:
        talks = [[f"AUTH {user['name']} {password}", "PING"] for password in passwords]
        targets = [[store["address"], redis["port"], talk] for talk in talks]
        old, new = cluster.hosts[store["host"]].python(ON_HOST / "talk.py", targets)
        assert old[0].startswith("-WRONGPASS")
        assert new == ["+OK", "+PONG"]

    names = "\n".join(name for name, *_login in second)
    for name, host in cluster.hosts.items():
        assert host.run("sh", "-c", "grep -rlFf - /etc || true", stdin=names + "\n") == "", name


@pytest.mark.parametrize(
    ("wanted", "deaths"),
    [
        ("www_session_secret", [("app : Run the instances", 2.0)]),
        pytest.param("all", EVERY_PHASE, marks=LONG),
    ],
    ids=["one secret", "all secrets, in every phase"],
)
def test_a_rotation_that_dies_is_ended_by_the_next(
    cluster: Cluster, password: str, load: Load, record: Record, wanted: str, deaths: list[tuple[str, float]]
) -> None:
    before = cluster.secrets()
    made = {one["name"] for one in cluster.plan["secrets"] if one["rotate"] and one["generate"]}
    logged_in = Site(cluster.vip_url).login("admin", password)
    assert logged_in.is_admin()

    # With pauses: the runs are beside them.
    traffic = load.traffic(workers=4, count=200_000, seconds=3600, pause=0.12)
    with ProcessWatch(before, app_users(cluster)) as watch, traffic as running:
        running.wait_for(100)
        outputs = [kill_at(begin(wanted), task, after, before) for task, after in deaths]
        halfway = site()
        done = rotate(wanted)
        running.wait_more(100)
        running.wait_for(REQUESTS)
        report = running.finish()
    after = cluster.secrets()
    outputs += [halfway.output, done.output]
    assert [name for output in outputs for values in (before, after) for name in shown(output, values)] == []
    assert watch.found == set()
    assert in_the_open(cluster, before, after) == []
    assert done.recap()
    judge(load, report, record, deaths=len(deaths))
    assert halfway.code != 0
    assert "A rotation of secrets was interrupted" in " ".join(halfway.output.split())

    changed = {name for name, value in after.items() if value != before[name]}
    assert changed == (made if wanted == "all" else {wanted})
    left = {name: host.run("sh", "-c", f"ls {JOURNAL} 2>/dev/null || true") for name, host in cluster.hosts.items()}
    assert set(left.values()) == {""}, left
    assert not logged_in.is_admin(), "a session that was signed with the old secret is still good"
    assert Site(cluster.vip_url).login("admin", password).is_admin()
    stores_know_only(cluster, before, after)
    assert status().recap()


@LONG
def test_stores_know_the_new_passwords_only(cluster: Cluster, tmp_path: Path) -> None:
    """Every secret of a store changes once more, to values that are given, and without a death."""
    before = cluster.secrets()
    given = {one["name"]: token_hex(one["bytes"]) for one in cluster.plan["secrets"] if one["kind"] != "app"}
    vault = tmp_path / "given.json"
    vault.touch(mode=0o600)
    vault.write_text(json.dumps({"webapp_secrets": given}))
    with ProcessWatch(given, app_users(cluster)) as watch:
        done = rotate("mongodb_user,redis_user,mongodb_admin,mongodb_keyfile", "-e", f"@{vault}")
    assert shown(done.output, {**before, **given}) == shown(done.output, before) == []
    assert watch.found == set()
    assert done.recap()
    after = cluster.secrets()
    assert after == {**before, **given}
    stores_know_only(cluster, before, after)
    assert site().recap() == dict.fromkeys(cluster.hosts, (0, 0, 0))


@LONG
def test_hosts_that_disagree_are_named(cluster: Cluster) -> None:
    host = cluster.hosts[cluster.instances[0].host]
    kept = host.run("cat", SECRETS)
    value = cluster.secrets()["www_session_secret"]
    try:
        host.run("sh", "-c", f"cat > {SECRETS}", stdin=kept.replace(value, OTHER))
        done = status()
    finally:
        host.run("sh", "-c", f"cat > {SECRETS}", stdin=kept)
    assert done.code != 0
    assert "www_session_secret" in done.output
    assert shown(done.output, {"of the others": value, "of this host": OTHER}) == []
