#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links what outlives a release into it, and makes folders of it writable."""

from __future__ import annotations

DOCUMENTATION = r"""
module: app_links
short_description: Link what outlives a release into it, and make folders of it writable
version_added: 0.1.0
description:
  - A file or folder of the release that stands where a link belongs is replaced. Targets are never emptied.
  - Missing folders that are linked to are made for the app's user; those that are there keep their owner and mode.
author:
  - The scaleout.webapp builders (@scaleout)
options:
  release:
    description: Folder of the release.
    type: path
    required: true
  user:
    description: User of the app.
    type: str
    required: true
  group:
    description: Group of the app.
    type: str
    required: true
  folders:
    description: Shared folders, by their path within the release.
    type: dict
    default: {}
  files:
    description: Files elsewhere, by their path within the release. They need not exist yet.
    type: dict
    default: {}
  writable:
    description: Folders of the release that the app's user may write to.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: In check mode the release need not be there.
    support: full
  diff_mode:
    description: Shows each link and each folder that differs.
    support: full
"""

EXAMPLES = r"""
- name: Share the uploads
  scaleout.webapp.app_links:
    release: /opt/webapp/www/releases/20260102T030405Z
    user: www
    group: www
    folders: {public/uploads: /srv/shared/www/uploads}
    files: {data/local.js: /etc/webapp/www/files/data/local.js}
    writable: [data/temp]
"""

RETURN = r"""
changes:
  description: What was made, or would be in check mode.
  returned: success
  type: list
  elements: str
"""

import grp
import pwd
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scaleout.webapp.plugins.module_utils._release.client import Links


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "release": {"type": "path", "required": True},
            "user": {"type": "str", "required": True},
            "group": {"type": "str", "required": True},
            "folders": {"type": "dict", "default": {}},
            "files": {"type": "dict", "default": {}},
            "writable": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        uid, gid = pwd.getpwnam(params["user"]).pw_uid, grp.getgrnam(params["group"]).gr_gid
    except KeyError as error:
        if not module.check_mode:
            module.fail_json(msg=f"{error.args[0]}: make this user and this group first")
        uid = gid = -1
    links = Links(Path(params["release"]), uid, gid, module.check_mode)
    try:
        for path, target in params["folders"].items():
            links.folder(Path(target))
            links.link(path, target)
        for path, target in params["files"].items():
            links.link(path, target)
        for path in params["writable"]:
            links.writable(path)
    except OSError as error:
        module.fail_json(msg=f"cannot link within {links.release}: {error}")
    diff = {"before": "", "after": "".join(f"{line}\n" for line in links.changes)}
    module.exit_json(changed=bool(links.changes), changes=links.changes, diff=diff)


if __name__ == "__main__":
    main()
