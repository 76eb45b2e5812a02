#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mongodb_replicaset_info
short_description: Tell how a MongoDB replica set is configured, and how its members do
version_added: 0.1.0
description:
  - Reads the configuration of a replica set and the state of its members, from whichever member it is started on.
  - RV(members), RV(settings) and RV(default_write_concern) have the form of the options of M(scaleout.webapp.mongodb_replicaset). Given to it
    as they are, they change nothing.
  - The primary is asked; where there is none, the member itself.
  - With authentication on it needs a user with the role C(clusterMonitor).
extends_documentation_fragment:
  - scaleout.webapp.failure
  - scaleout.webapp.mongodb_login
  - scaleout.webapp.mongodb_password_before
attributes:
  check_mode:
    support: full
    description:
      - Nothing is ever changed. In check mode RV(state) is V(silent) where no server answers yet or PyMongo is not installed yet, which
        is an error otherwise.
  diff_mode:
    support: none
    description: Nothing is changed, so there is no difference to show.
seealso:
  - module: scaleout.webapp.mongodb_replicaset
  - module: scaleout.webapp.mongodb_stepdown
author:
  - The scaleout.webapp builders (@scaleout)
"""

EXAMPLES = r"""
- name: Read the replica set
  scaleout.webapp.mongodb_replicaset_info:
    login_user: admin
    login_password: "{{ mongodb_admin_password }}"
  register: rs

- name: Stop where a member lags
  ansible.builtin.assert:
    that: rs.status | selectattr('lag', 'number') | map(attribute='lag') | max <= 10
    quiet: true
    fail_msg: A member is more than 10 seconds behind.

- name: Make db3 hidden, and leave all else as it is
  scaleout.webapp.mongodb_replicaset:
    login_user: admin
    login_password: "{{ mongodb_admin_password }}"
    replica_set: "{{ rs.replica_set }}"
    members: >-
      {{ rs.members | rejectattr('host', 'eq', 'db3:27017')
         + [rs.members | selectattr('host', 'eq', 'db3:27017') | first | combine({'hidden': true, 'priority': 0})] }}
"""

RETURN = r"""
state:
  description:
    - What the server is that was asked. All other values are there with V(member) only.
    - V(member) of a replica set; V(uninitialised), started for one and in none yet; V(removed) from one; V(standalone); V(silent), in
      check mode only.
  returned: success
  type: str
  sample: member
replica_set:
  description: Name of the set.
  returned: when RV(state) is V(member)
  type: str
  sample: rs0
set_id:
  description: Identity of the set, which two sets of one name do not share.
  returned: when RV(state) is V(member)
  type: str
  sample: 6740a1d2f0c1b2a3d4e5f601
config_version:
  description: Version of the configuration.
  returned: when RV(state) is V(member)
  type: int
primary:
  description: Address of the primary, empty where there is none.
  returned: when RV(state) is V(member)
  type: str
  sample: db1:27017
members:
  description:
    - The members with everything that O(scaleout.webapp.mongodb_replicaset#module:members) takes.
    - One that is still joining has neither C(votes) nor C(priority); the next call of that module gives it what it is meant to have.
  returned: when RV(state) is V(member)
  type: list
  elements: dict
  sample:
    - host: db1:27017
      priority: 2
      votes: 1
      hidden: false
      arbiter_only: false
      secondary_delay_secs: 0
      build_indexes: true
      tags: {}
      horizons: {}
settings:
  description: The settings of the set, without its identity.
  returned: when RV(state) is V(member)
  type: dict
default_write_concern:
  description: The cluster-wide default write concern; null where none is set and the server decides.
  returned: when RV(state) is V(member)
  type: dict
  sample:
    w: majority
    wtimeout: 0
status:
  description: How each member does, in the order of RV(members).
  returned: when RV(state) is V(member)
  type: list
  elements: dict
  contains:
    host:
      description: Its address.
      type: str
    id:
      description: Its C(_id) in the configuration.
      type: int
    state:
      description: C(PRIMARY), C(SECONDARY), C(ARBITER) or another of the server's states.
      type: str
    healthy:
      description: Whether it answers the member that was asked.
      type: bool
    lag:
      description: Seconds it is behind the primary, or the newest member where there is none; null for an arbiter and where it is unknown.
      type: float
    uptime:
      description: Seconds since it was started; null where it is unknown.
      type: int
    version:
      description: Version of its mongod, empty where it cannot be asked from this host.
      type: str
    joining:
      description: Whether it has yet to get its vote and priority.
      type: bool
    message:
      description: What the server says about it, mostly nothing.
      type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.client import Client, NoDriver
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.info import read_set
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.model import UnreachableError
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.module import (
    PASSWORD_BEFORE_SPEC,
    run_module,
    seed_of,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.show import plain


def told(module: AnsibleModule, client: Client | NoDriver) -> dict[str, Any]:
    seed = seed_of(module.params)
    seen = client.look(seed)
    if seen.state == "silent" and not module.check_mode:
        raise UnreachableError(f"no answer: {seen.cause}", seed, "see that mongod runs there")
    if seen.state == "silent":
        module.warn(f"{seed} does not answer: {seen.cause}")
    found = read_set(client, seed) if seen.state == "member" else {}
    return {"changed": False, "state": seen.state, **plain(found)}


def main() -> None:
    run_module(PASSWORD_BEFORE_SPEC, told, offline=True)


if __name__ == "__main__":
    main()
