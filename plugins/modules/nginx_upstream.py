#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_upstream
short_description: Drain servers of nginx upstreams, or let them serve again
version_added: 0.1.0
description:
  - Takes servers out of the upstreams that M(scaleout.webapp.nginx_config) wrote, on the balancer that runs the task, and puts them back.
  - One call changes any number of servers with one reload. Nginx tests the new configuration first; it is seen to run
    afterwards, and the earlier one is restored where it does not.
  - An upstream always keeps a server that is active and answers. When one would lose its last, nothing is drained.
  - The state is a part of the configuration on disk, so it survives reboots and later runs of M(scaleout.webapp.nginx_config).
  - After draining the module waits until no request is in flight. It counts the connections of the nginx workers to the servers, in
    C(/proc/net/tcp); old workers close idle ones when they are told to quit, so what is left are requests and WebSockets.
options:
  state:
    description:
      - V(drained) sends no request to the servers any more. Visitors that a cookie binds to one move to others.
      - V(draining) sends only requests of visitors that a cookie binds to one. For upstreams that are not sticky it is the same as V(drained).
      - V(active) lets them serve again.
    type: str
    choices: [active, draining, drained]
    required: true
  upstreams:
    description: Only servers of these upstreams. Of all if empty.
    type: list
    elements: str
    default: []
  hosts:
    description: Only servers of these hosts, by inventory name. Of all if empty.
    type: list
    elements: str
    default: []
  servers:
    description: Only servers with these names. All if empty.
    type: list
    elements: str
    default: []
  reason:
    description:
      - Why the servers are taken out, for V(state=draining) and V(state=drained). M(scaleout.webapp.nginx_info) shows it. A server that is
        out already keeps the reason it has.
      - With V(state=active) only servers that are out for this reason are let back; without one all are.
    type: str
    default: ""
  only_answering:
    description:
      - With V(state=active), let back only servers that answer, by the health path of their upstream, or by a connection where it has none.
    type: bool
    default: false
  wait_timeout:
    description:
      - Seconds to wait for requests in flight, for V(state=drained).
      - The module succeeds also when some are left then, as WebSockets are that stay open; see RV(in_flight).
    type: int
    default: 30
attributes:
  check_mode:
    support: full
    description: Also in check mode it asks whether other servers answer, and nginx tests the new configuration.
  diff_mode:
    support: full
    description: Shows the difference of each file.
extends_documentation_fragment:
  - scaleout.webapp.nginx_process
author:
  - The scaleout.webapp builders (@scaleout)
"""

EXAMPLES = r"""
- name: Take two hosts out of all upstreams
  scaleout.webapp.nginx_upstream:
    hosts: [app1, app2]
    state: drained
    wait_timeout: 60

- name: Put them back
  scaleout.webapp.nginx_upstream:
    hosts: [app1, app2]
    state: active

- name: Give one instance no new visitors
  scaleout.webapp.nginx_upstream:
    upstreams: [www-web]
    servers: [app1-3000]
    state: draining
"""

RETURN = r"""
servers:
  description: The servers that were meant, as upstream/server.
  returned: success
  type: list
  elements: str
  sample: [www-web/app1-3000]
not_answering:
  description: Servers that stay out as they do not answer, with O(only_answering), as upstream/server.
  returned: success
  type: list
  elements: str
  sample: []
in_flight:
  description: Connections that are left to drained servers, by server; empty when all requests ended in time.
  returned: success
  type: dict
  sample: {app1-3000: 2}
generation:
  description: Name of the configuration.
  returned: success
  type: str
  sample: 3f2a9c01d4e5b677
reloaded:
  description: Whether nginx was reloaded, or would be in check mode.
  returned: success
  type: bool
stage:
  description:
    - What failed. One of V(lock), V(input), V(last), V(test), V(reload) and V(restore); only V(restore) leaves nginx unlike before.
    - V(last) means that an upstream would have lost the last server that answers.
  returned: failure
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.client import Client
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.converge import converge
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.live import read_live
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.model import NginxConfigError
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.module import run_module
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.process import answers, differences
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.states import (
    Selection,
    change,
    left_over,
    out_for,
    refuse_last,
    select,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.upstreams import ACTIVE, DRAINED


def switch(module: AnsibleModule, client: Client, executable: str | None) -> dict[str, Any]:
    params = module.params
    with client.alone():
        live = read_live(client.read(), params["tree"])
        if live is None:
            raise NginxConfigError(
                f"{params['path']} has no upstreams of this collection; configure nginx first", stage="input"
            )
        selected = select(live.pools, Selection(params["upstreams"], params["hosts"], params["servers"]))
        if params["state"] == ACTIVE and params["reason"]:
            selected = out_for(live.pools, selected, params["reason"])
        silent = []
        if params["state"] == ACTIVE and params["only_answering"]:
            silent = [pair for pair in selected if not answers(*pair)]
            selected = [pair for pair in selected if pair not in silent]
        after = change(live.pools, selected, params["state"], params["reason"])
        refuse_last(left_over(live.pools, after), answers)
        desired = live.with_pools(after, params["tree"], client.version(executable))
        outcome = converge(desired, client, executable, module.check_mode)
    in_flight: dict[str, int] = {}
    if params["state"] == DRAINED and outcome.running.pid and not module.check_mode:
        in_flight = client.wait_idle([server for _upstream, server in selected], params["wait_timeout"])
    return {
        "changed": outcome.plan.changed,
        "diff": differences(outcome.plan.changes),
        "servers": [f"{upstream.name}/{server.name}" for upstream, server in selected],
        "not_answering": [f"{upstream.name}/{server.name}" for upstream, server in silent],
        "in_flight": in_flight,
        "generation": desired.generation,
        "reloaded": outcome.plan.reload,
    }


def main() -> None:
    names = {"type": "list", "elements": "str", "default": []}
    options = {
        "state": {"type": "str", "choices": ["active", "draining", "drained"], "required": True},
        "upstreams": names,
        "hosts": names,
        "servers": names,
        "reason": {"type": "str", "default": ""},
        "only_answering": {"type": "bool", "default": False},
        "wait_timeout": {"type": "int", "default": 30},
    }
    run_module(options, switch)


if __name__ == "__main__":
    main()
