# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster whose first run died everywhere ends as one whose first run did not.

Makes the hosts of its inventory twice.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.cluster.cluster import read_hosts
from tests.interrupted.conftest import Site
from tests.support.playbook import run

FINGERPRINT = Path(__file__).with_name("on_host") / "fingerprint.py"
# Task, and the seconds into it.
POINTS = [
    ("firewall : Load the rules", 0.5),
    ("mongodb : Copy mongod", 0.5),
    ("mongodb : Start mongod, now and at boot", 1),
    ("mongodb : Initiate the replica set", 0.5),
    ("mongodb : Make the administrator", 1),
    ("redis : Write the configuration", 0.5),
    ("app : Unpack the runtime", 1),
    ("app : Run the steps of the build", 8),
    ("app : Unpack the release", 1),
    ("app : Place the static folders", 1),
    ("app : Do one step", 4),
    ("app : Run the instances", 2),
    ("nginx : Configure nginx and reload it if it runs", 1),
    ("keepalived : Write the configuration", 0.5),
    ("keepalived : Start keepalived now and at boot", 0),
]


def fingerprints(site: Site) -> dict[str, dict[str, Any]]:
    found = {}
    for name, host in read_hosts(site.inventory, None).items():
        ask = {"address": host.address, "password": site.secrets["mongodb_admin_password"]}
        found[name] = dict(host.python(FINGERPRINT, ask))
    return found


def fresh_hosts(site: Site) -> None:
    for verb in ("destroy", "create"):
        done = run(f"testhosts/{verb}.yml", inventory=site.inventory)
        assert done.code == 0, done.output


def test_killed_everywhere_it_ends_as_if_never_killed(site: Site) -> None:
    fresh_hosts(site)
    assert site.run().changed() > 0
    wanted = fingerprints(site)

    fresh_hosts(site)
    for task, after in POINTS:
        site.kill_at(task, after)
    assert site.run().changed() > 0
    found = fingerprints(site)
    assert run("playbooks/site.yml", inventory=site.inventory).changed() == 0

    differences = {
        f"{host}: {what}": (state.get(what), found[host].get(what))
        for host, state in wanted.items()
        for what in sorted({*state, *found[host]})
        if state.get(what) != found[host].get(what)
    }
    assert differences == {}, json.dumps(differences, indent=1)
    assert all(len(state) > 300 for state in found.values()), "hardly anything was compared"
