#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mongodb_restore
short_description: Make of a backup the data of a new MongoDB replica set
version_added: 0.1.0
description:
  - Unpacks an archive of M(scaleout.webapp.mongodb_backup) into a folder that a member can start with, and changes nothing that runs.
  - Checks the archive's checksum and version. Brings the data up to the end of the oplog in the archive, takes away what it knows of its old
    replica set (so that it can become another one, with other hosts) and gives the administrator the password of today. The C(mongod) that
    does it is reached over a socket that only root and its own user can open.
  - Runs as root. To use the folder stop C(mongod), put it in place of the data and initiate a replica set, as the role's C(restore) does.
options:
  archive:
    description: The archive, on the host. Its manifest is beside it.
    type: path
    required: true
  path:
    description:
      - The folder to make. It may be there when it is empty, or when an earlier run of this module has made it; it is replaced then.
      - The file C(scaleout-restore.json) in it tells that. Delete that file when you put the folder in place of the data, so that it is never
        taken for a prepared one.
    type: path
    required: true
  program:
    description: The C(mongod) that will run with the data.
    type: path
    required: true
  storage:
    description: The part C(storage) of its configuration. C(dbPath) in it is left aside.
    type: dict
    default: {}
  user:
    description: The account that C(mongod) runs as.
    type: str
    default: mongodb
  admin_user:
    description: The administrator, in the database C(admin), with the role C(root).
    type: str
    required: true
  admin_password:
    description: The password.
    type: str
    required: true
extends_documentation_fragment:
  - scaleout.webapp.failure
attributes:
  check_mode:
    support: full
    description: Checks the archive; nothing is unpacked.
  diff_mode:
    support: none
    description: There is nothing to compare.
requirements:
  - tar and zstd
  - PyMongo 3.11 or later
seealso:
  - module: scaleout.webapp.mongodb_backup
author:
  - The scaleout.webapp builders (@scaleout)
"""

EXAMPLES = r"""
- name: Prepare the data of a backup
  scaleout.webapp.mongodb_restore:
    archive: /var/backups/mongodb/rs0-20260101T000000Z.tar.zst
    path: /var/lib/mongodb.restore
    program: /usr/bin/mongod
    admin_user: admin
    admin_password: "{{ mongodb_admin_password }}"
"""

RETURN = r"""
manifest:
  description: What is known of the archive.
  returned: success
  type: dict
  sample: {replica_set: rs0, version: 6.0.5, feature_compatibility_version: "6.0", size: 1234567}
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.client import Client, NoDriver
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.module import run_module
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb_backup.restore import (
    check_archive,
    check_target,
    prepare,
    read_manifest,
    unpack,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb_backup.turns import alone

# What an earlier run, whose connection was cut, may still need.
WAIT_SECONDS = 900


def restored(module: AnsibleModule, _client: Client | NoDriver) -> dict[str, Any]:
    params = module.params
    archive, target = Path(params["archive"]), Path(params["path"])
    manifest = read_manifest(archive)
    with alone(target.parent, "restore", WAIT_SECONDS):
        check_target(target)
        check_archive(archive, manifest, params["program"])
        if not module.check_mode:
            unpack(archive, target, params["user"])
            admin = (params["admin_user"], params["admin_password"])
            prepare(params["program"], target, params["storage"], params["user"], admin)
    return {"changed": True, "manifest": manifest}


def main() -> None:
    options = {
        "archive": {"type": "path", "required": True},
        "path": {"type": "path", "required": True},
        "program": {"type": "path", "required": True},
        "storage": {"type": "dict", "default": {}},
        "user": {"type": "str", "default": "mongodb"},
        "admin_user": {"type": "str", "required": True},
        "admin_password": {"type": "str", "required": True, "no_log": True},
    }
    run_module(options, restored, login=False)


if __name__ == "__main__":
    main()
