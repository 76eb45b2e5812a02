# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role app lets servers back on a real balancer."""

from __future__ import annotations

import json
from pathlib import Path

from tests.integration.nginx.harness import Backend, Nginx, apply_role, run_module, sticky_site
from tests.support.full import LONG
from tests.support.playbook import run
from tests.support.ports import free_port

PLAYBOOK = """
- hosts: b
  gather_facts: false
  module_defaults:
    scaleout.webapp.nginx_info: "{{ nginx }}"
    scaleout.webapp.nginx_upstream: "{{ nginx }}"
  tasks:
    - ansible.builtin.include_role: {name: scaleout.webapp.app, tasks_from: undrain}
      vars:
        app_name: www
        app_balancers: [b]
        __app_planned_places: ["gone www-web PORT"]
        __app_wanted_back: [gone]
"""


@LONG
def test_who_does_not_answer_is_named(tmp_path: Path) -> None:
    nginx, backend, port = Nginx(tmp_path / "nginx"), Backend("here"), free_port()
    own = {
        "path": str(nginx.path),
        "pid_file": str(nginx.pid_file),
        "error_log": str(nginx.error_log),
        "generation_url": nginx.generation_url,
    }
    host = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}", "nginx": own}
    (tmp_path / "hosts.json").write_text(json.dumps({"all": {"hosts": {"b": host}}}))
    (tmp_path / "undrain.yml").write_text(PLAYBOOK.replace("PORT", str(port)))
    try:
        apply_role(nginx, sticky_site(nginx, {"here": backend.port, "gone": port}))
        nginx.start()
        run_module(nginx, "nginx_upstream", hosts=["gone"], state="drained", reason="restart of www", wait_timeout=0)
        done = run(tmp_path / "undrain.yml", inventory=str(tmp_path / "hosts.json"))
    finally:
        nginx.stop()
        backend.stop()
    assert done.code != 0
    assert "the balancer b gets no answer within 2 s from www-web/gone-1" in " ".join(done.output.split()), done.output
