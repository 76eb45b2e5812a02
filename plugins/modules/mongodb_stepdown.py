#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mongodb_stepdown
short_description: Have a MongoDB member that is primary step down
version_added: 0.1.0
description:
  - Makes sure that the member it is started on is not the primary, as before a restart. On any other member there is nothing to do.
  - Waits until an electable secondary has caught up, has the primary step down, and waits until another member takes writes.
  - Where nobody can take over, nothing is done and each member is named with the reason, unless O(force) is set.
  - Run it on one host at a time; of several at once, the next one could be elected and step down too.
  - With authentication on it needs a user with the role C(clusterManager).
options:
  stepdown_secs:
    description:
      - Seconds for which the member does not stand for election again, unless it is restarted.
      - The server does not tell who stands aside like that. Where every other member does, there is no primary until the first is back.
    type: int
    default: 60
  secondary_catch_up_secs:
    description:
      - Seconds that the server waits for an electable secondary to catch up, and refuses writes meanwhile.
      - The member that shall take over may not be further behind when it starts. It has to be below O(stepdown_secs).
    type: int
    default: 10
  force:
    description:
      - Whether the member steps down also where no electable secondary has caught up.
      - The set may then be without a primary until O(stepdown_secs) are over, and what no other member has may be rolled back.
    type: bool
    default: false
  wait_timeout:
    description: Seconds that the whole task may take, waiting for a successor and for its election.
    type: int
    default: 60
extends_documentation_fragment:
  - scaleout.webapp.failure
  - scaleout.webapp.mongodb_login
  - scaleout.webapp.mongodb_password_before
attributes:
  check_mode:
    support: full
    description: Where no server answers yet, or PyMongo is not installed yet, there is nothing to do.
  diff_mode:
    support: full
    description: Shows the primary before and after; in check mode nobody knows who is going to be elected.
seealso:
  - module: scaleout.webapp.mongodb_replicaset
  - module: scaleout.webapp.mongodb_replicaset_info
author:
  - The scaleout.webapp builders (@scaleout)
"""

EXAMPLES = r"""
- name: Have another member be primary before this one is restarted
  scaleout.webapp.mongodb_stepdown:
    login_user: admin
    login_password: "{{ mongodb_admin_password }}"

- name: The same without a login, with more time for a secondary far behind
  scaleout.webapp.mongodb_stepdown:
    stepdown_secs: 300
    secondary_catch_up_secs: 30
    wait_timeout: 120
"""

RETURN = r"""
old_primary:
  description: Address of the primary before, empty where there was none.
  returned: success
  type: str
  sample: db1:27017
primary:
  description: Address of the primary now, empty where there is none, and in check mode where it would change.
  returned: success
  type: str
  sample: db2:27017
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.client import Client, NoDriver
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.module import (
    PASSWORD_BEFORE_SPEC,
    run_module,
    seed_of,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.stepdown import StepDown

OPTIONS: dict[str, dict[str, Any]] = {
    "stepdown_secs": {"type": "int", "default": 60},
    "secondary_catch_up_secs": {"type": "int", "default": 10},
    "force": {"type": "bool", "default": False},
    "wait_timeout": {"type": "int", "default": 60},
}


def stepped_down(module: AnsibleModule, client: Client | NoDriver) -> dict[str, Any]:
    own = {name: module.params[name] for name in OPTIONS}
    done = StepDown(client, seed_of(module.params), check=module.check_mode, **own).run()
    for warning in done.warnings:
        module.warn(warning)
    before, after = {"primary": done.old_primary}, {"primary": done.primary}
    return {
        "changed": done.changed,
        "old_primary": done.old_primary,
        "primary": done.primary,
        "diff": {"before": before, "after": after} if done.changed else {},
    }


def main() -> None:
    run_module({**OPTIONS, **PASSWORD_BEFORE_SPEC}, stepped_down, offline=True)


if __name__ == "__main__":
    main()
