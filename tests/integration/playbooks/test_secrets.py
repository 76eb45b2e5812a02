# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbooks make of the plan's secrets: looked at, refused or made, kept on the host, which is this one."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.full import LONG
from tests.support.playbook import TOP, Run, run

LOOK, GIVE = ("playbooks/_plan.yml", "playbooks/_secrets.yml"), ("playbooks/_give_secrets.yml",)
MADE = {"mongodb_admin_password", "mongodb_keyfile", "www_disabled_file_key", "www_mongodb_password"}
GIVEN = "given, with {{ 1 }} and ' in it"


class OneHost:
    """A cluster of one host, whose file of secrets is in a folder of this machine; others that are added share it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "secrets.json"
        self.hosts = ["h1"]
        self.given: dict[str, Any] = {}
        self.variables: dict[str, Any] = {"webapp_secrets_make": True}
        self.connection: dict[str, Any] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
        }
        self.app: dict[str, Any] = {"profile": "apostrophe", "domains": ["www.test"], "source": {"path": str(TOP)}}

    def run(self, *playbooks: str, check: bool = False) -> Run:
        members: dict[str, Any] = {name: {} for name in self.hosts}
        groups: dict[str, Any] = {group: {"hosts": members} for group in ("loadbalancer", "app", "mongodb")}
        hosts = {name: {**self.connection, "ansible_host": f"10.0.0.{name[1:]}"} for name in self.hosts}
        inventory = self.folder / "hosts.yml"
        inventory.write_text(yaml.safe_dump({"all": {"hosts": hosts}, **groups}))
        play = self.folder / "play.yml"
        play.write_text(yaml.safe_dump([{"import_playbook": str(TOP / playbook)} for playbook in playbooks]))
        own = self.folder / "own.yml"
        values = "".join(f"  {name}: !unsafe {json.dumps(value)}\n" for name, value in self.given.items())
        own.write_text(
            yaml.safe_dump(
                {
                    "webapp_apps": {"www": self.app},
                    "webapp_plan_files": "warn",
                    "webapp_secrets_file": str(self.file),
                    "shared_secrets_record": f"{self.folder}/{{{{ inventory_hostname }}}}.json",
                    **self.variables,
                }
            )
            + (f"webapp_secrets:\n{values}" if values else "")
        )
        return run(play, "-e", f"@{own}", *(["--check"] if check else []), inventory=str(inventory))

    def kept(self) -> dict[str, str]:
        return dict(json.loads(self.file.read_text()))


@pytest.fixture
def host(tmp_path: Path) -> OneHost:
    return OneHost(tmp_path)


def text(done: Run) -> str:
    return " ".join(done.output.split())


def test_made_once_and_kept_on_the_host(host: OneHost) -> None:
    host.given = {"www_session_secret": GIVEN}
    assert host.run(*LOOK, *GIVE, check=True).changed() == 1
    assert not host.file.exists()
    assert host.run(*LOOK).changed() == 0
    assert not host.file.exists()

    assert host.run(*LOOK, *GIVE).changed() == 1
    kept = host.kept()
    assert set(kept) == MADE | {"www_session_secret"}
    assert kept["www_session_secret"] == GIVEN
    assert len(set(kept.values())) == len(kept)
    assert min(map(len, kept.values())) >= 24
    assert host.file.stat().st_mode & 0o777 == 0o600
    assert sum(kept["www_mongodb_password"] in line for line in host.file.read_text().splitlines()) == 1

    host.given = {}
    assert host.run(*LOOK, *GIVE).changed() == 0
    assert host.kept() == kept
    # Values agree, and something is to be written all the same.
    host.file.chmod(0o644)
    assert host.run(*LOOK, *GIVE).changed() == 1
    assert (host.kept(), host.file.stat().st_mode & 0o777) == (kept, 0o600)


def test_a_given_value_of_an_app_takes_the_place_of_the_one_that_is_there(host: OneHost) -> None:
    assert host.run(*LOOK, *GIVE).changed() == 1
    host.given = {"www_session_secret": GIVEN}
    assert host.run(*LOOK, *GIVE).changed() == 1
    assert host.kept()["www_session_secret"] == GIVEN


def test_a_password_that_a_server_checks_is_not_changed_on_one_side_only(host: OneHost) -> None:
    host.given = {"mongodb_admin_password": "o" * 32}
    assert host.run(*LOOK, *GIVE).changed() == 1
    before = host.file.read_bytes()
    host.given = {"mongodb_admin_password": "n" * 32}
    done = host.run(*LOOK, *GIVE)
    assert done.code != 0
    assert "mongodb_admin_password: the given value" in text(done)
    assert "another one than that of h1" in text(done)
    assert "o" * 32 not in done.output
    assert "n" * 32 not in done.output
    assert host.file.read_bytes() == before


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "webapp_secrets has no text for www_session_secret"),
        (12345678, "webapp_secrets has no text for www_session_secret"),
        ({"a": 1}, "webapp_secrets has no text for www_session_secret"),
    ],
)
def test_what_is_no_text_is_refused(host: OneHost, value: object, words: str) -> None:
    host.given = {"www_session_secret": value}
    done = host.run(*LOOK, *GIVE)
    assert done.code != 0
    assert words in text(done)
    assert not host.file.exists()


@LONG
def test_what_somebody_else_gives_is_not_made(host: OneHost) -> None:
    host.app["secrets"] = {"merchant_key": {"generate": False}}
    done = host.run(*LOOK, *GIVE)
    assert done.code != 0
    assert "none of its holders has a value, and none is made for it: h1" in text(done)
    assert "www_merchant_key" in text(done)
    assert not host.file.exists()


def test_a_playbook_that_gives_hosts_nothing_wants_them_complete(host: OneHost) -> None:
    makes, host.variables = host.variables, {"webapp_secrets_complete": True}
    assert "www_session_secret: no host has a value yet. Run site.yml, which makes it" in text(host.run(*LOOK))
    host.variables = makes
    assert host.run(*LOOK, *GIVE).changed() == 1
    host.variables = {"webapp_secrets_complete": True}
    assert host.run(*LOOK).changed() == 0
    host.given = {"www_session_secret": GIVEN}
    assert "www_session_secret: h1 has no value, or another one. Run site.yml, which gives it" in text(host.run(*LOOK))


@LONG
def test_a_playbook_of_mongodb_does_not_mind_the_secrets_of_apps(host: OneHost) -> None:
    assert host.run(*LOOK, *GIVE).changed() == 1
    host.app["secrets"] = {"merchant_key": {"generate": False}}
    host.variables = {"webapp_secret_kinds": ["mongodb_admin", "mongodb_keyfile", "mongodb_user"]}
    assert host.run(*LOOK).changed() == 0


def test_mongodb_that_has_a_key_gets_no_new_one(host: OneHost, tmp_path: Path) -> None:
    """As where the vault of before was forgotten: nobody would know the passwords that the servers know."""
    key = tmp_path / "mongod.key"
    key.write_text("k" * 32)
    host.variables["webapp_secrets_keyfile"] = str(key)
    done = host.run(*LOOK, *GIVE)
    assert done.code != 0
    assert f"h1 has {key}, and no host has its secret: give the values of MongoDB once in webapp_secrets" in text(done)
    assert not host.file.exists()
    host.given = {"mongodb_keyfile": "k" * 32}
    assert host.run(*LOOK, *GIVE).changed() == 1
    host.given = {}
    assert host.run(*LOOK, *GIVE).changed() == 0


def test_a_cluster_that_was_there_keeps_its_secrets(host: OneHost) -> None:
    """The session secret stands where the app of before reads it. It is taken from there once."""
    before = host.folder / "app.php"
    before.write_text("<?php\nreturn ['session' => ['secret' => 'by hand, {{ 1 }} \\' \"']];\n")
    where = {"path": str(before), "format": "php", "key": ["session", "secret"]}
    host.variables["webapp_secrets_from"] = {"www_session_secret": where, "www_sesion_secret": where}
    done = host.run(*LOOK, *GIVE)
    assert done.code != 0
    assert "www_sesion_secret: webapp_secrets_from says where it stands, and the cluster has no such secret" in text(
        done
    )
    host.variables["webapp_secrets_from"] = {"www_session_secret": {**where, "key": ["session", "key"]}}
    done = host.run(*LOOK, *GIVE)
    assert done.code != 0
    assert "webapp_secrets_from says where they stand: www_session_secret: none of its holders has a value" in text(
        done
    )
    assert not host.file.exists()

    host.variables["webapp_secrets_from"] = {"www_session_secret": where}
    untouched = (before.read_bytes(), before.stat())
    assert host.run(*LOOK, *GIVE).changed() == 1
    kept = host.kept()
    assert kept["www_session_secret"] == "by hand, {{ 1 }} ' \""
    assert set(kept) == MADE | {"www_session_secret"}
    assert (before.read_bytes(), before.stat()) == untouched
    # From now on the host's own copy is the truth.
    before.unlink()
    assert host.run(*LOOK, *GIVE).changed() == 0
    assert host.kept() == kept


def test_status_does_not_take_silence_for_agreement(host: OneHost) -> None:
    host.connection = {"ansible_ssh_common_args": "-o ProxyCommand=false"}
    done = host.run("playbooks/status.yml")
    assert done.code != 0
    assert "mongodb_keyfile: no holder that was seen has a value, and h1 could not be asked" in text(done)


def test_status_does_not_take_what_cannot_be_read_for_agreement(host: OneHost) -> None:
    host.hosts = ["h1", "h2", "h3"]
    assert host.run(*LOOK, *GIVE).code == 0
    (host.folder / "h2.json").write_text('{"format": 1, "secr')
    done = host.run("playbooks/status.yml")
    assert done.code != 0
    assert re.search("www_session_secret +1 +[^ ]+ +h2 could not be read", done.output)
    assert re.search(r"cannot be asked or read: [^;]+; h2: \S+/h2\.json: it is no record of secrets", text(done))


def test_status_sees_that_a_member_of_mongodb_has_another_key(host: OneHost, tmp_path: Path) -> None:
    key = tmp_path / "mongod.key"
    host.variables["webapp_secrets_keyfile"] = str(key)
    # As `openssl rand -base64` writes it into a block of YAML; the role mongodb leaves out what is around it.
    host.given = {"mongodb_keyfile": "k" * 64 + "\n" + "k" * 20 + "\n"}
    assert host.run(*LOOK, *GIVE).code == 0
    key.write_text("k" * 64 + "\n" + "k" * 20 + "\n")
    done = host.run("playbooks/status.yml")
    assert re.search(f"{key} .* all 1 agree", done.output)
    assert "Hosts have other values" not in text(done)
    key.write_text("edited" * 10)
    done = host.run("playbooks/status.yml")
    assert done.code != 0
    assert re.search(f"{key} .* h1 differs", done.output)
    assert f"cannot be asked or read: {key}." in text(done)
    assert "editededited" not in done.output
    assert "k" * 20 not in done.output
