#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_info
short_description: Tell what an nginx balancer runs, and the state of each server
version_added: 0.1.0
description:
  - Reads the configuration that M(scaleout.webapp.nginx_config) wrote and the processes of nginx. Changes nothing.
  - Nginx without a subscription does not tell which servers it has left out after failures; ask the servers themselves for that.
attributes:
  check_mode:
    support: full
    description: It only reads.
  diff_mode:
    support: none
    description: It only reads.
extends_documentation_fragment:
  - scaleout.webapp.nginx_process
author:
  - The scaleout.webapp builders (@scaleout)
"""

EXAMPLES = r"""
- name: Ask the balancer
  scaleout.webapp.nginx_info:
  register: balancer
"""

RETURN = r"""
version:
  description: Version of the program, empty where it is not installed.
  returned: success
  type: str
  sample: 1.22.1
running:
  description: Whether nginx runs.
  returned: success
  type: bool
generation:
  description: Name of the running configuration, empty where none of this collection runs.
  returned: success
  type: str
  sample: 3f2a9c01d4e5b677
servers:
  description: All servers in the order of the configuration on disk.
  returned: success
  type: list
  elements: dict
  contains:
    upstream:
      description: Its upstream.
      type: str
      sample: www-web
    name:
      description: Its name.
      type: str
      sample: app1-3000
    host:
      description: Inventory name of its host; empty where the configuration does not tell.
      type: str
      sample: app1
    endpoint:
      description: Address and port.
      type: str
      sample: "192.0.2.21:3000"
    state:
      description: V(active), V(draining) or V(drained).
      type: str
      sample: active
    reason:
      description: Why it is out, where M(scaleout.webapp.nginx_upstream) was told.
      type: str
      sample: ""
    connections:
      description: Connections of nginx to it, idle ones that are kept for later requests among them.
      type: int
      sample: 3
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.client import Client
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.live import read_live
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.module import run_module


def look(module: AnsibleModule, client: Client, executable: str | None) -> dict[str, Any]:
    with client.alone():
        running = client.running()
        live = read_live(client.read(), module.params["tree"])
    servers = []
    upstreams = live.pools.upstreams if live else ()
    connections = client.connections([server for upstream in upstreams for server in upstream.servers])
    for upstream in upstreams:
        servers += [
            {
                "upstream": upstream.name,
                "name": server.name,
                "host": server.host,
                "endpoint": server.endpoint,
                "state": live.pools.state(upstream, server) if live else "",
                "reason": live.pools.reason(upstream, server) if live else "",
                "connections": connections[server.endpoint],
            }
            for server in upstream.servers
        ]
    return {
        "changed": False,
        "version": ".".join(map(str, client.version(executable))) if executable else "",
        "running": running.pid is not None,
        "generation": running.generation or "",
        "servers": servers,
    }


def main() -> None:
    run_module({}, look)


if __name__ == "__main__":
    main()
