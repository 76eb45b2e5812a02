#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mongodb_user
short_description: Make users of a MongoDB replica set or server
version_added: 0.1.0
description:
  - Takes all wanted users in one call. It finds the primary from whichever member it is started on; it may run on all of them at the
    same time.
  - A password is compared by logging in with it, and set only where that fails.
  - The first user of a server with authentication can only be made over loopback on the primary, as long as there is no user; see
    O(first_user).
options:
  users:
    description: The users.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the user.
        type: str
        required: true
      database:
        description: The database that knows the user (C(authSource)).
        type: str
        default: admin
      password:
        description: The password. Needed for a new user; where it is left out, a present one keeps its own.
        type: str
      roles:
        description:
          - All roles of the user, each by name, meaning that role in O(users[].database), or as a dictionary with C(role) and C(db).
          - Where it is left out, a new user has none and a present one keeps its own.
        type: list
        elements: raw
      state:
        description: Whether the user is there.
        type: str
        choices: [present, absent]
        default: present
  first_user:
    description:
      - Whether O(login_user) shall be made where nobody can log in yet. It must be one of O(users), with the same password.
      - Run it on every member, with its loopback address as O(login_host). The task on the primary's host makes the user; the others wait until
        it can log in. On a member that is in no set yet nothing is done, with a warning; its users come with the data.
    type: bool
    default: false
  wait_timeout:
    description: Seconds to wait for a primary, and on other hosts than its own for the first user.
    type: int
    default: 60
extends_documentation_fragment:
  - scaleout.webapp.failure
  - scaleout.webapp.mongodb_login
  - scaleout.webapp.mongodb_password_before
attributes:
  check_mode:
    support: full
    description: Where no server answers or no set is made yet, or PyMongo is not installed yet, all users are told to be made.
  diff_mode:
    support: full
    description: Shows roles; of a password only that it differs.
seealso:
  - module: scaleout.webapp.mongodb_replicaset
author:
  - The scaleout.webapp builders (@scaleout)
"""

EXAMPLES = r"""
- name: Make the administrator, on all members at once
  scaleout.webapp.mongodb_user:
    login_host: 127.0.0.1
    login_user: admin
    login_password: "{{ mongodb_admin_password }}"
    first_user: true
    users:
      - name: admin
        password: "{{ mongodb_admin_password }}"
        roles: [root]

- name: Change the administrator's own password
  scaleout.webapp.mongodb_user:
    login_user: admin
    login_password: "{{ mongodb_admin_password }}"
    login_password_before: "{{ mongodb_admin_password_before }}"
    users:
      - name: admin
        password: "{{ mongodb_admin_password }}"

- name: Make the users of two applications
  scaleout.webapp.mongodb_user:
    login_user: admin
    login_password: "{{ mongodb_admin_password }}"
    users:
      - name: www
        database: www
        password: "{{ www_mongodb_password }}"
        roles: [readWrite]
      - name: report
        database: www
        password: "{{ report_password }}"
        roles:
          - read
          - {role: read, db: archive}
"""

RETURN = r"""
changes:
  description: What was done, or would be in check mode.
  returned: success
  type: list
  elements: dict
  contains:
    user:
      description: The user, with its database.
      type: str
    command:
      description: The server's command.
      type: str
  sample:
    - user: www@www
      command: createUser
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.client import Client, NoDriver
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.module import (
    PASSWORD_BEFORE_SPEC,
    run_module,
    seed_of,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.users import Change, User, Users, parse_users


def first_of(users: list[User], params: dict[str, Any]) -> User | None:
    """The user that logs in, among those that shall be made."""
    if not params["first_user"]:
        return None
    for user in users:
        if (user.name, user.database) == (params["login_user"], params["login_database"]):
            if user.password == params["login_password"] and user.present:
                return user
            raise ScaleoutError("its password is not login_password, or it is absent", user.label, "give the same one")
    raise ScaleoutError("first_user needs login_user as one of users", "first_user", "list that user")


def difference(change: Change) -> dict[str, Any]:
    label = change.user.label
    return {"before": change.before, "after": change.after, "before_header": label, "after_header": label}


def converged(module: AnsibleModule, client: Client | NoDriver) -> dict[str, Any]:
    params = module.params
    users = parse_users(params["users"])
    task = Users(
        users,
        client,
        seed_of(params),
        first=first_of(users, params),
        password_before=params["login_password_before"] or "",
        check=module.check_mode,
        wait_timeout=params["wait_timeout"],
    )
    changes = task.converge()
    for warning in task.warnings:
        module.warn(warning)
    return {
        "changed": bool(changes),
        "changes": [{"user": change.user.label, "command": change.command} for change in changes],
        "diff": [difference(change) for change in changes],
    }


def main() -> None:
    user_spec = {
        "name": {"type": "str", "required": True},
        "database": {"type": "str", "default": "admin"},
        "password": {"type": "str", "no_log": True},
        "roles": {"type": "list", "elements": "raw"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    }
    options = {
        "users": {"type": "list", "elements": "dict", "required": True, "options": user_spec},
        **PASSWORD_BEFORE_SPEC,
        "first_user": {"type": "bool", "default": False},
        "wait_timeout": {"type": "int", "default": 60},
    }
    run_module(options, converged, offline=True)


if __name__ == "__main__":
    main()
