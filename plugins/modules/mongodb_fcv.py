#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mongodb_fcv
short_description: Check and set the feature compatibility version of a MongoDB replica set
version_added: 0.1.0
description:
  - Without options reads what every member runs, and the feature compatibility version (FCV) of the set.
  - With O(upgrade_to) refuses a version that its members cannot be upgraded to, before anything is installed.
  - With O(version) sets the FCV, once all members run that version. The way back is then a restore. A change that was interrupted is finished.
  - Any member can be asked. Every member with data has to answer by its own address from the host that runs the task.
options:
  upgrade_to:
    description:
      - The version that is about to be installed, for instance V(7.0.14), or the first line of C(mongod --version).
      - An older one is refused, and so is one that is more than one major version ahead, or one ahead while the FCV is still of the past.
    type: str
  version:
    description: The wanted FCV, for instance V(7.0). It is that of the running version.
    type: str
  wait_timeout:
    description: Seconds that setting it may take.
    type: int
    default: 60
extends_documentation_fragment:
  - scaleout.webapp.failure
  - scaleout.webapp.mongodb_login
  - scaleout.webapp.mongodb_password_before
attributes:
  check_mode:
    support: full
    description: Tells whether the FCV would change.
  diff_mode:
    support: full
    description: Shows the FCV before and after.
seealso:
  - module: scaleout.webapp.mongodb_replicaset
author:
  - The scaleout.webapp builders (@scaleout)
"""

EXAMPLES = r"""
- name: See whether 7.0.14 may be installed
  scaleout.webapp.mongodb_fcv:
    login_user: admin
    login_password: "{{ mongodb_admin_password }}"
    upgrade_to: 7.0.14

- name: Let all of its features be used, once all members run it
  scaleout.webapp.mongodb_fcv:
    login_user: admin
    login_password: "{{ mongodb_admin_password }}"
    version: "7.0"
"""

RETURN = r"""
version:
  description: The FCV; in check mode what it would be.
  returned: success
  type: str
  sample: "6.0"
running:
  description: What every member with data runs.
  returned: success
  type: dict
  sample: {"db1:27017": 6.0.24, "db2:27017": 6.0.24}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.client import Client, NoDriver
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.module import (
    PASSWORD_BEFORE_SPEC,
    run_module,
    seed_of,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb_backup.compatibility import (
    check_settable,
    check_upgrade,
    look,
    set_version,
)


def converged(module: AnsibleModule, client: Client | NoDriver) -> dict[str, Any]:
    params = module.params
    found = look(client, seed_of(params))
    if params["upgrade_to"]:
        check_upgrade(found, params["upgrade_to"])
    wanted = params["version"] or found.compatibility
    changed = bool(params["version"]) and (wanted != found.compatibility or bool(found.pending))
    if changed:
        check_settable(found, wanted)
    if changed and not module.check_mode:
        set_version(client, seed_of(params), found, wanted, params["wait_timeout"])
    half_way = f", on the way to {found.pending}" if found.pending else ""
    if half_way and not changed:
        module.warn(
            f"The feature compatibility version is {found.compatibility}{half_way}: set it again to finish that."
        )
    before = f"{found.compatibility}{half_way}\n"
    return {
        "changed": changed,
        "version": wanted,
        "running": {name: str(version) for name, version in found.running.items()},
        "diff": {
            "before_header": "feature compatibility version",
            "before": before,
            "after": f"{wanted}\n" if changed else before,
        },
    }


def main() -> None:
    options = {
        **PASSWORD_BEFORE_SPEC,
        "upgrade_to": {"type": "str"},
        "version": {"type": "str"},
        "wait_timeout": {"type": "int", "default": 60},
    }
    run_module(options, converged)


if __name__ == "__main__":
    main()
