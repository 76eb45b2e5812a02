#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_servers
short_description: Give upstreams of nginx more servers, or fewer
version_added: 0.1.0
description:
  - Replaces the servers of upstreams in the configuration that M(scaleout.webapp.nginx_config) wrote, and nothing else of it.
  - Nginx tests the new configuration first; one reload serves for all upstreams. It is seen to run afterwards, and the earlier one is
    restored where it does not.
  - Servers that stay keep their state and their visitors. Drain those that leave before, with M(scaleout.webapp.nginx_upstream), so that
    no request to them is in flight when they are stopped.
options:
  upstreams:
    description: The upstreams. Those that are not named stay as they are.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name that M(scaleout.webapp.nginx_config) was given.
        type: str
        required: true
      servers:
        description: All servers that it is to have, as O(scaleout.webapp.nginx_config#module:upstreams[].servers).
        type: list
        elements: dict
        required: true
        suboptions:
          name:
            description: Name. Address and port if absent.
            type: str
          host:
            description: Inventory name of its host.
            type: str
          address:
            description: Its address.
            type: str
            required: true
          port:
            description: Its port.
            type: int
            required: true
          weight:
            description: Share of the requests, where others have 1.
            type: int
          backup:
            description: Whether it gets requests only when no other server can take them.
            type: bool
  hosts:
    description: Only servers of these hosts are changed, by inventory name; those of other hosts stay as they are. Of all if empty.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
    description: Also in check mode nginx tests the new configuration.
  diff_mode:
    support: full
    description: Shows the difference of each file.
extends_documentation_fragment:
  - scaleout.webapp.nginx_process
author:
  - The scaleout.webapp builders (@scaleout)
"""

EXAMPLES = r"""
- name: Let a second process take requests
  scaleout.webapp.nginx_servers:
    upstreams:
      - name: www-web
        servers:
          - {name: app1-3000, host: app1, address: 192.0.2.21, port: 3000}
          - {name: app1-3001, host: app1, address: 192.0.2.21, port: 3001}
"""

RETURN = r"""
added:
  description: Servers that came, as upstream/server.
  returned: success
  type: list
  elements: str
  sample: [www-web/app1-3001]
removed:
  description: Servers that went, as upstream/server.
  returned: success
  type: list
  elements: str
  sample: []
reloaded:
  description: Whether nginx was reloaded, or would be in check mode.
  returned: success
  type: bool
stage:
  description: What failed. One of V(lock), V(input), V(test), V(reload) and V(restore); only the last one leaves nginx unlike before.
  returned: failure
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.client import Client
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.converge import converge
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.live import read_live, stripped_of, with_servers
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.model import NginxConfigError
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.module import SERVER_SPEC, run_module
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.process import differences
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.upstreams import Pools


def names_of(pools: Pools) -> list[str]:
    return [f"{upstream.name}/{server.name}" for upstream in pools.upstreams for server in upstream.servers]


def serve(module: AnsibleModule, client: Client, executable: str | None) -> dict[str, Any]:
    params = module.params
    with client.alone():
        live = read_live(client.read(), params["tree"])
        if live is None:
            raise NginxConfigError(
                f"{params['path']} has no upstreams of this collection; configure nginx first", stage="input"
            )
        wanted = {given["name"]: stripped_of(given)["servers"] for given in params["upstreams"]}
        pools, given = with_servers(live, wanted, params["hosts"])
        desired = live.with_pools(pools, params["tree"], client.version(executable), given)
        outcome = converge(desired, client, executable, module.check_mode)
    before, after = names_of(live.pools), names_of(pools)
    return {
        "changed": outcome.plan.changed,
        "diff": differences(outcome.plan.changes),
        "added": [name for name in after if name not in before],
        "removed": [name for name in before if name not in after],
        "reloaded": outcome.plan.reload,
    }


def main() -> None:
    upstream = {
        "name": {"type": "str", "required": True},
        "servers": {"type": "list", "elements": "dict", "required": True, "options": SERVER_SPEC},
    }
    options = {
        "upstreams": {"type": "list", "elements": "dict", "required": True, "options": upstream},
        "hosts": {"type": "list", "elements": "str", "default": []},
    }
    run_module(options, serve)


if __name__ == "__main__":
    main()
