#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mongodb_backup
short_description: Back up a member of a MongoDB replica set
version_added: 0.1.0
description:
  - Locks the member (C(fsyncLock)), copies its data files to one archive (C(.tar.zst)) and unlocks it, whatever happens meanwhile. The archive
    is consistent, and M(scaleout.webapp.mongodb_restore) makes data of it again.
  - Runs on the member's host, as root. A secondary takes no writes while it is locked and catches up afterwards; a primary would make all
    writers wait.
  - With two voting members that hold data, and so with an arbiter beside them too, no write reaches a majority while one of them is locked.
    Writers that ask for C(w=majority), the default of most sets, wait then, or fail after their C(wtimeout). A warning says so before the
    lock, also in check mode. With three such members, or when a hidden one without a vote is backed up, nobody waits, unless others copy from
    the locked one; these look for another source after half a minute, and O(scaleout.webapp.mongodb_replicaset#module:settings) with
    C(chainingAllowed) false keeps them from it.
  - Beside the archive is a manifest with its checksum, its versions and the point in time; an archive without a manifest is not whole.
  - Every run makes an archive. One at a time writes to a folder, another one is refused.
options:
  data_path:
    description: The folder of the member's data.
    type: path
    required: true
  path:
    description: The folder of the archives. It is made with mode 0700.
    type: path
    required: true
  keep:
    description: How many archives of this replica set are kept there.
    type: int
    default: 7
extends_documentation_fragment:
  - scaleout.webapp.failure
  - scaleout.webapp.mongodb_login
  - scaleout.webapp.mongodb_password_before
attributes:
  check_mode:
    support: full
    description: Tells what would be removed; no archive is made.
  diff_mode:
    support: none
    description: There is nothing to compare.
requirements:
  - tar and zstd
seealso:
  - module: scaleout.webapp.mongodb_restore
author:
  - The scaleout.webapp builders (@scaleout)
"""

EXAMPLES = r"""
- name: Back up a secondary
  scaleout.webapp.mongodb_backup:
    login_user: admin
    login_password: "{{ mongodb_admin_password }}"
    data_path: /var/lib/mongodb
    path: /var/backups/mongodb
"""

RETURN = r"""
archive:
  description: The archive, empty in check mode.
  returned: success
  type: str
  sample: /var/backups/mongodb/rs0-20260101T000000Z.tar.zst
manifest:
  description: What is known of the archive, empty in check mode.
  returned: success
  type: dict
  sample: {replica_set: rs0, version: 6.0.5, feature_compatibility_version: "6.0", size: 1234567}
removed:
  description: Older archives that were removed, or would be.
  returned: success
  type: list
  elements: str
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scaleout.webapp.plugins.module_utils._alone import alone
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.client import Client, Login, NoDriver
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.module import (
    PASSWORD_BEFORE_SPEC,
    login_of,
    run_module,
    seed_of,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb_backup.backup import (
    back_up,
    clean,
    facts,
    lock_warning,
)


def accepted(login: Login, client: Client | NoDriver, address: str) -> Login:
    """With the password that counts now. Several connections are made, each with one."""
    if not login.user:
        return login
    client.command(address, "connectionStatus")
    if not login.password_before or client.accepts(address, login.user, login.password, login.database):
        return login
    return replace(login, password=login.password_before)


def backed_up(module: AnsibleModule, client: Client | NoDriver) -> dict[str, Any]:
    params = module.params
    keep, folder = params["keep"], Path(params["path"])
    if keep < 1:
        raise ScaleoutError(f"it is {keep}, and at least 1 archive is kept", "keep", "raise it")
    login = accepted(login_of(params), client, seed_of(params))
    place = (params["login_host"], params["login_port"])
    replica_set = facts(*place, login)["replica_set"]
    waiting = lock_warning(*place, login)
    if waiting:
        module.warn(f"{place[0]}:{place[1]}: {waiting}")
    if module.check_mode:
        removed = clean(folder, replica_set, keep, check=True)
        return {"changed": True, "archive": "", "manifest": {}, "removed": removed}
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # What an interrupted run left looks like what another one writes just now.
    busy = ScaleoutError("another backup is at work there", str(folder), "wait until it ends")
    with alone(folder, 0, busy):
        clean(folder, replica_set, keep, check=False)
        manifest = back_up(*place, login, Path(params["data_path"]), folder)
        removed = clean(folder, replica_set, keep, check=False)
    return {"changed": True, "archive": str(folder / manifest["archive"]), "manifest": manifest, "removed": removed}


def main() -> None:
    options = {
        "data_path": {"type": "path", "required": True},
        "path": {"type": "path", "required": True},
        "keep": {"type": "int", "default": 7},
        **PASSWORD_BEFORE_SPEC,
    }
    run_module(options, backed_up)


if __name__ == "__main__":
    main()
