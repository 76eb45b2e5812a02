# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""secrets_file.yml makes what is missing, and never loses or bares what is there."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.playbooks.test_bad_input import SECRETS, good

TOP = Path(__file__).resolve().parents[3]
VALUE = "of the user's own"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An inventory whose hosts want sudo, which nothing that is done on the controller may use."""
    (tmp_path / "site").mkdir()
    inventory = good(tmp_path / "site")
    del inventory["all"]["vars"]["webapp_secrets"]
    inventory["all"]["vars"].update(ansible_become=True, ansible_become_exe="/bin/false")
    (tmp_path / "hosts").mkdir()
    (tmp_path / "hosts" / "hosts.yml").write_text(yaml.safe_dump(inventory))
    (tmp_path / "hosts" / "group_vars" / "all").mkdir(parents=True)
    (tmp_path / "password").write_text("of the vault")
    return tmp_path


def secrets_file(folder: Path) -> Path:
    return folder / "hosts" / "group_vars" / "all" / "secrets.yml"


def run(folder: Path) -> tuple[int, str]:
    command = [
        "ansible-playbook",
        "playbooks/secrets_file.yml",
        "-i",
        str(folder / "hosts" / "hosts.yml"),
        "--diff",
        "-vv",
    ]
    environment = {**os.environ, "ANSIBLE_VAULT_PASSWORD_FILE": str(folder / "password")}
    done = subprocess.run(command, cwd=TOP, env=environment, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def made(folder: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(secrets_file(folder).read_text()))


def write(folder: Path, name: str, secrets: dict[str, str], vault: bool = False, **others: Any) -> None:
    path = folder / "hosts" / "group_vars" / "all" / name
    path.write_text(yaml.safe_dump({"webapp_secrets": secrets, **others}))
    if vault:
        command = ["ansible-vault", "encrypt", "--vault-password-file", str(folder / "password"), str(path)]
        subprocess.run(command, check=True, capture_output=True)


def test_what_is_missing_is_made_once(folder: Path) -> None:
    code, output = run(folder)
    assert code == 0, output
    first = made(folder)["webapp_secrets"]
    assert sorted(first) == SECRETS
    assert len(set(first.values())) == len(SECRETS)
    assert secrets_file(folder).stat().st_mode & 0o777 == 0o600
    assert not [value for value in first.values() if value in output]

    before = secrets_file(folder).read_bytes()
    assert run(folder)[0] == 0
    assert secrets_file(folder).read_bytes() == before


def test_what_the_file_holds_stays(folder: Path) -> None:
    write(folder, "secrets.yml", {"www_session_secret": VALUE}, another="thing")
    code, output = run(folder)
    assert code == 0, output
    data = made(folder)
    assert data["another"] == "thing"
    assert data["webapp_secrets"]["www_session_secret"] == VALUE
    assert sorted(data["webapp_secrets"]) == SECRETS


@pytest.mark.parametrize("vault", [True, False])
def test_a_second_definition_that_hides_the_file_is_refused(folder: Path, vault: bool) -> None:
    """Ansible takes the last of the two files."""
    assert run(folder)[0] == 0
    before = secrets_file(folder).read_bytes()
    write(folder, "vault.yml", {"www_s3_secret": VALUE}, vault)
    code, output = run(folder)
    assert code != 0
    assert "webapp_secrets is not only in" in output
    assert "They differ in mongodb_admin_password, mongodb_keyfile," in output
    assert VALUE not in output
    assert secrets_file(folder).read_bytes() == before


@pytest.mark.parametrize("vault", [True, False])
def test_a_second_definition_that_the_file_hides_is_left_alone(folder: Path, vault: bool) -> None:
    write(folder, "secrets.yml", {"www_session_secret": VALUE})
    write(folder, "hidden.yml", {"mongodb_keyfile": "hidden value"}, vault)
    code, output = run(folder)
    assert code == 0, output
    assert made(folder)["webapp_secrets"]["www_session_secret"] == VALUE
    assert "hidden value" not in secrets_file(folder).read_text()


def test_secrets_that_are_defined_elsewhere_are_not_hidden(folder: Path) -> None:
    write(folder, "vault.yml", {"www_session_secret": VALUE}, vault=True)
    code, output = run(folder)
    assert code != 0
    assert "They differ in www_session_secret" in output
    assert not secrets_file(folder).exists()


@pytest.mark.parametrize("whole", [True, False])
def test_an_encrypted_file_is_not_written_over(folder: Path, whole: bool) -> None:
    write(folder, "secrets.yml", {"www_session_secret": VALUE}, vault=whole)
    if not whole:
        command = ["ansible-vault", "encrypt_string", "--vault-password-file", str(folder / "password"), VALUE]
        value = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        secrets_file(folder).write_text(f"webapp_secrets:\n  www_session_secret: {value}\n")
    before = secrets_file(folder).read_bytes()
    code, output = run(folder)
    assert code != 0
    assert "is encrypted and lacks mongodb_admin_password, mongodb_keyfile" in output
    assert secrets_file(folder).read_bytes() == before
