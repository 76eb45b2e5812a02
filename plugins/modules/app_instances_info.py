#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells which instances of apps a host has, and what each of them runs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: app_instances_info
short_description: Tell which instances of apps a host has, and what each of them runs
version_added: 0.1.0
description:
  - Looks at the units that the role P(scaleout.webapp.app#role) made, and at their processes.
  - The release is that of the process, which after a failed run may be another than the one that C(current) points to.
author:
  - The scaleout.webapp builders (@scaleout)
options:
  apps:
    description: Names of the apps.
    type: list
    elements: str
    required: true
extends_documentation_fragment:
  - scaleout.webapp.attributes.read_only
"""

EXAMPLES = r"""
- name: See what runs
  scaleout.webapp.app_instances_info:
    apps: [www]
  register: there
"""

RETURN = r"""
instances:
  description: All instances that run or are enabled.
  returned: success
  type: list
  elements: dict
  contains:
    app:
      description: Its app.
      type: str
      sample: www
    unit:
      description: Name of the unit.
      type: str
      sample: www-web@3000.service
    port:
      description: Its port.
      type: str
      sample: "3000"
    running:
      description: Whether it has a process.
      type: bool
    enabled:
      description: Whether it is started at boot.
      type: bool
    release:
      description: Name of the release that the process runs; empty if there is none.
      type: str
      sample: 20260102T030405Z
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._health.client import wait_all
from ansible_collections.scaleout.webapp.plugins.module_utils._instances.client import Client
from ansible_collections.scaleout.webapp.plugins.module_utils._instances.model import Live, instance_of


def shown(app: str, live: Live) -> dict[str, Any]:
    """What the module returns of one instance."""
    return {
        "app": app,
        "unit": live.unit,
        "port": instance_of(live.unit).partition(".")[0],
        "running": live.running,
        "enabled": live.enabled,
        # A process may go on to a folder within its release.
        "release": live.folder.partition("/releases/")[2].partition("/")[0],
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={"apps": {"type": "list", "elements": "str", "required": True}}, supports_check_mode=True
    )

    def run(argv: list[str]) -> str:
        code, out, err = module.run_command(argv)
        if code != 0:
            raise ScaleoutError(err.strip() or f"ended with {code}", " ".join(argv))
        return str(out)

    found = []
    try:
        for app in module.params["apps"]:
            client = Client(app, run, wait_all)
            live = client.live([], client.templates())
            found += [shown(app, item) for item in live.values() if item.running or item.enabled]
    except ScaleoutError as error:
        module.fail_json(msg=str(error), **error.data())
    module.exit_json(changed=False, instances=found)


if __name__ == "__main__":
    main()
