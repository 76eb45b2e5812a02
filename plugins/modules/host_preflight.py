#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sees whether a host can carry what is declared for it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_preflight
short_description: See whether a host can carry what is declared for it
version_added: 0.1.0
description:
  - Compares memory, cores, disk, ports, addresses, network interfaces, accounts and the distribution of a host with what is declared for it.
  - Changes nothing and reports everything that is wrong at once.
author:
  - The scaleout.webapp builders (@scaleout)
options:
  memory_mb:
    description: Memory that the services declared for this host need together. V(0) looks at no memory.
    type: int
    default: 0
  reserved_memory_mb:
    description: Memory that the system itself needs beside O(memory_mb).
    type: int
    default: 0
  processes:
    description: Number of app processes declared for this host. More than there are cores is a warning.
    type: int
    default: 0
  reserved_cores:
    description: Cores that app processes should leave to others, a database on the same host for one.
    type: int
    default: 0
  free_disk_mb:
    description: Free space wanted at each of O(disk_paths). V(0) looks at no disk.
    type: int
    default: 0
  disk_paths:
    description: Folders, or where folders will be made.
    type: list
    elements: path
    default: []
  ports:
    description: TCP ports that must be free, or held by their owner already.
    type: list
    elements: dict
    default: []
    suboptions:
      port:
        description: The port.
        type: int
        required: true
      owner:
        description: Name of the systemd unit (with or without C(.service)) or of the process that may hold it. Wildcards are allowed.
        type: str
        required: true
  port_sharers:
    description:
      - Names of units or processes that hand their ports to each other, because the same run stops the one before it starts the other.
        Wildcards are allowed.
      - A port whose owner is one of them may be held by any of them.
    type: list
    elements: str
    default: []
  addresses:
    description: Addresses or names that must be of this host, because services are to listen there.
    type: list
    elements: str
    default: []
  interfaces:
    description: Network interfaces that this host must have.
    type: list
    elements: str
    default: []
  accounts:
    description:
      - Accounts that services of this host get. One that is there already must have the home that is given here.
      - One that nobody logs in to (F(/usr/sbin/nologin)) and whose home is called C(home) passes too. It is that of an application which
        had another folder.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the account.
        type: str
        required: true
      home:
        description: Its home.
        type: path
        required: true
  distributions:
    description: Distributions that are accepted, as V(debian 12). An empty list accepts all.
    type: list
    elements: str
    default: []
  systemd:
    description: Whether systemd must run the host.
    type: bool
    default: false
  time_sync:
    description: Whether to warn when the clock is not synchronised.
    type: bool
    default: false
extends_documentation_fragment:
  - scaleout.webapp.attributes.read_only
"""

EXAMPLES = r"""
- name: See whether the host can carry two instances and Redis
  scaleout.webapp.host_preflight:
    memory_mb: 900
    reserved_memory_mb: 256
    processes: 2
    free_disk_mb: 2048
    disk_paths: [/opt/webapp, /var/lib/redis]
    addresses: [172.31.80.21]
    interfaces: [eth0]
    accounts:
      - {name: www, home: /opt/webapp/www/home}
    ports:
      - {port: 3000, owner: www-*@3000}
      - {port: 6379, owner: redis-server}
    port_sharers: ["www-*@*", "shop-*@*"]
    distributions: [debian 12, debian 13]
    systemd: true
"""

RETURN = r"""
failures:
  description: What is wrong. The module fails when there is any.
  returned: always
  type: list
  elements: str
  sample: ["port 6379, meant for redis-server, is held by valkey-server (ports): stop that, or choose another port"]
memory_mb:
  description: Memory of the host.
  returned: always
  type: int
  sample: 2048
cores:
  description: Cores that processes of this host may use.
  returned: always
  type: int
  sample: 2
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scaleout.webapp.plugins.module_utils._preflight.client import read_host
from ansible_collections.scaleout.webapp.plugins.module_utils._preflight.model import Account, Port, Wanted
from ansible_collections.scaleout.webapp.plugins.module_utils._preflight.plan import judge


def main() -> None:
    """Wire the module's options to the pure judgement."""
    module = AnsibleModule(
        argument_spec={
            "memory_mb": {"type": "int", "default": 0},
            "reserved_memory_mb": {"type": "int", "default": 0},
            "processes": {"type": "int", "default": 0},
            "reserved_cores": {"type": "int", "default": 0},
            "free_disk_mb": {"type": "int", "default": 0},
            "disk_paths": {"type": "list", "elements": "path", "default": []},
            "ports": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"port": {"type": "int", "required": True}, "owner": {"type": "str", "required": True}},
            },
            "port_sharers": {"type": "list", "elements": "str", "default": []},
            "addresses": {"type": "list", "elements": "str", "default": []},
            "interfaces": {"type": "list", "elements": "str", "default": []},
            "accounts": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"name": {"type": "str", "required": True}, "home": {"type": "path", "required": True}},
            },
            "distributions": {"type": "list", "elements": "str", "default": []},
            "systemd": {"type": "bool", "default": False},
            "time_sync": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    options = dict(module.params)
    disk_paths = options.pop("disk_paths")
    ports = [Port(**port) for port in options["ports"]]
    accounts = [Account(**account) for account in options["accounts"]]
    wanted = Wanted(**{**options, "ports": ports, "accounts": accounts})
    host = read_host(wanted, disk_paths, module.run_command)
    findings = judge(wanted, host)
    for text in findings.warnings:
        module.warn(text)
    result = {"failures": findings.failures, "memory_mb": host.memory_mb, "cores": host.cores}
    if findings.failures:
        module.fail_json(
            msg="This host cannot carry what is declared for it: " + "; ".join(findings.failures) + ".", **result
        )
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
