#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds, reads or gives back the deploy lock of a host. An action plugin of the same name says who asks."""

from __future__ import annotations

DOCUMENTATION = r"""
module: deploy_lock
short_description: Let one run at a time deploy
version_added: 0.1.0
description:
  - Takes a lock file on the host for the C(ansible-playbook) that runs the task, and gives it back. Taken on every host of a cluster, first
    on one and then on the others, it keeps two people from deploying at once.
  - It names its owner, time and reason. Whoever finds it held is told so, and nothing else happens.
  - The lock of a run that died is taken over by the next run from the same machine, which sees that the process is gone. From another
    machine, or another container, that cannot be seen; then O(take_over) says that the owner is known to be dead.
options:
  path:
    description: Path of the lock file.
    type: path
    default: /var/lib/scaleout-webapp/deploy.lock
  state:
    description:
      - V(present) takes the lock, or writes another O(reason) and O(note) into the one this run holds.
      - V(absent) gives it back. A lock of another run stays.
      - V(read) only tells who holds it.
    type: str
    choices: [present, absent, read]
    default: present
  reason:
    description: What the owner does, for those who find the lock held.
    type: str
    default: ""
  owner:
    description: Who holds it. By default the user and the machine that run Ansible.
    type: str
    default: ""
  note:
    description:
      - Data for the run that takes the lock over should this one die. That run is given it in RV(found), and keeps it as long as it gives
        none itself.
      - Not for secrets; everybody on the host can read it.
    type: dict
    default: {}
  take_over:
    description: Take the lock also from a run of which it cannot be seen that it is dead.
    type: bool
    default: false
  holder:
    description: The holder, from the action plugin. Not to be given in a task.
    type: dict
    default: {}
  over:
    description: The run whose lock may be taken, from the action plugin. Not to be given in a task.
    type: str
    default: ""
author:
  - The scaleout.webapp builders (@scaleout)
attributes:
  action:
    description: An action plugin says who asks, and sees whether a holder is dead.
    support: full
  check_mode:
    description: In check mode a held lock is an error too, but none is taken.
    support: full
  diff_mode:
    description: The lock is no state of the host that anybody wants to compare.
    support: none
"""

EXAMPLES = r"""
- name: Take the deploy lock
  scaleout.webapp.deploy_lock:
    reason: release 2026-11-21 of www
    note: {www: {before: 20261120T101112Z}}

- name: Give it back
  scaleout.webapp.deploy_lock:
    state: absent

- name: See who deploys
  scaleout.webapp.deploy_lock:
    state: read
  register: lock
"""

RETURN = r"""
held:
  description: Whether somebody holds the lock now. In check mode, whether somebody else does.
  returned: success
  type: bool
mine:
  description: Whether it is this run that holds it now.
  returned: success
  type: bool
found:
  description:
    - The holder that was found, empty if there was none.
    - Its C(note) tells what a run that died was about.
  returned: success
  type: dict
  sample: {owner: "alice@ops", reason: "release 7 of www", since: "2026-11-21T10:11:12Z", note: {}}
dead:
  description:
    - Whether the run of RV(found) certainly runs no more. The next one takes its lock over.
    - False also where it cannot be known, as of a run on another machine.
  returned: success
  type: bool
owner:
  description: Who asked.
  returned: success
  type: str
  sample: alice@ops
took_over:
  description: Whether the lock was another run's, which is dead.
  returned: state is present
  type: bool
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._lock.client import read, release, take
from ansible_collections.scaleout.webapp.plugins.module_utils._lock.model import Holder, Process


def turn(params: dict[str, Any], check: bool) -> dict[str, Any]:
    """What the module returns."""
    path = Path(params["path"])
    wanted = Holder(**{**params["holder"], "process": Process(**params["holder"]["process"])})
    found = read(path)
    holder, changed = found, False
    if params["state"] == "present" and not check:
        holder, changed = take(path, wanted, params["over"])
    elif params["state"] == "absent" and check:
        changed = found is not None and found.run == wanted.run
    elif params["state"] == "absent":
        gone, changed = release(path, wanted.run)
        holder = None if changed else gone
    return {
        "changed": changed,
        "held": holder is not None,
        "mine": holder is not None and holder.run == wanted.run,
        "found": asdict(found) if found else {},
        "owner": wanted.owner,
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "default": "/var/lib/scaleout-webapp/deploy.lock"},
            "state": {"type": "str", "choices": ["present", "absent", "read"], "default": "present"},
            "reason": {"type": "str", "default": ""},
            "owner": {"type": "str", "default": ""},
            "note": {"type": "dict", "default": {}},
            "take_over": {"type": "bool", "default": False},
            "holder": {"type": "dict", "default": {}},
            "over": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    try:
        result = turn(module.params, module.check_mode)
    except ScaleoutError as error:
        module.fail_json(msg=str(error), **error.data())
    except OSError as error:
        module.fail_json(msg=f"cannot read or write the lock: {error}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
