# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role app switches a batch of hosts, which all are this machine. Nothing of it is restarted."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.playbook import run

PLAYBOOK = """
- hosts: a,b
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: scaleout.webapp.app, tasks_from: switch}
      vars:
        app_name: www
        app_hosts: [a, b, c]
        app_root: "{{ playbook_dir }}/{{ inventory_hostname }}"
        # The host that drains fails at this.
        app_balancers: "{{ nobody_knows }}"
        __app_item: [a, b]
        __app_draining: true
        __app_preview: {rolling: true, noted: true}
        __app_decision: {label: v2}
        __app_rendered: {instances: [], environment: [], units: []}
    - ansible.builtin.debug: {var: __app_failure}
"""


def test_none_of_a_batch_is_switched_that_could_not_be_taken_out(tmp_path: Path) -> None:
    hosts = {name: {"ansible_connection": "local"} for name in "abc"}
    (tmp_path / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts}}))
    (tmp_path / "play.yml").write_text(PLAYBOOK)
    for name in "ab":
        (tmp_path / name).mkdir()
    done = run(tmp_path / "play.yml", inventory=str(tmp_path / "hosts.json"))
    assert done.code == 0, done.output
    assert "a, b could not be taken out of the balancers" in done.output
    assert [list((tmp_path / name).iterdir()) for name in "ab"] == [[], []]
