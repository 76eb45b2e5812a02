# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret stands in the open on any host."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.cluster.cluster import Cluster, Host
from tests.support.secrets import forms

SCRIPT = Path(__file__).with_name("on_host") / "find_secrets.py"
FOLDERS = ["/etc", "/opt/webapp", "/var/log", "/var/lib", "/srv", "/tmp", "/root", "/home", "/run", "/dev/shm"]


def search(cluster: Cluster, host: Host, secrets: dict[str, str]) -> dict[str, Any]:
    """Only processes of an app's own user may have secrets in their environment."""
    texts = {name: forms(value) for name, value in secrets.items()}
    users = [app["user"] for app in cluster.plan["apps"].values()]
    return dict(host.python(SCRIPT, {"secrets": texts, "folders": FOLDERS, "users": users}))


@pytest.fixture
def long_secrets(secrets: dict[str, str]) -> dict[str, str]:
    short = [name for name, value in secrets.items() if len(value) < 8]
    assert not short, f"too short to be secrets, and to be searched for: {short}"
    return secrets


def test_no_secret_stands_in_the_open(cluster: Cluster, long_secrets: dict[str, str]) -> None:
    found = {name: search(cluster, host, long_secrets) for name, host in cluster.hosts.items()}
    assert {name: answer["found"] for name, answer in found.items() if answer["found"]} == {}
    assert all(answer["files"] > 100 and answer["journal_bytes"] for answer in found.values()), (
        "hardly anything was read"
    )


def test_the_search_finds_what_does_stand_in_the_open(cluster: Cluster) -> None:
    host = cluster.hosts[cluster.instances[0].host]
    planted = "planted, and not a secret"
    data = planted.encode()
    texts = [planted, quote(planted), data.hex(), base64.b64encode(b"user:" + data).decode()]
    files = {f"{folder}/scaleout-planted": text for folder, text in zip(("/tmp", "/run", "/dev/shm", "/srv"), texts)}
    host.run("sh", "-c", "; ".join(f"echo '{text}' >{file}; chmod 644 {file}" for file, text in files.items()))
    host.run("sh", "-c", f"logger '{planted}'; journalctl --flush --sync")
    try:
        places = [place for place, _secret in search(cluster, host, {"planted": planted})["found"]]
    finally:
        host.run("rm", *files)
    assert {f"world-readable {file}" for file in files} | {"journal"} <= set(places)
