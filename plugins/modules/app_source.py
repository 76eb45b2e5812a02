#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packs the source of an app on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: app_source
short_description: Pack the source of an app on the controller
version_added: 0.1.0
description:
  - Makes one archive of a folder or of one version in a Git repository, with one top folder.
  - Runs on the controller, with the rights and the Git credentials of who deploys. Hosts need neither.
author:
  - The scaleout.webapp builders (@scaleout)
options:
  dest:
    description: The archive to make, a C(.tar.gz).
    type: path
    required: true
  path:
    description: Folder to pack.
    type: path
  exclude:
    description: Names to leave out of O(path), wherever they stand. Wildcards are allowed.
    type: list
    elements: str
    default: [.git, node_modules]
  git:
    description: Repository to pack from. Submodules are left out.
    type: str
  version:
    description: Branch, tag or commit of O(git).
    type: str
    default: HEAD
attributes:
  check_mode:
    description: In check mode nothing is packed.
    support: full
  diff_mode:
    description: The content of archives is not shown.
    support: none
"""

EXAMPLES = r"""
- name: Pack a checkout
  scaleout.webapp.app_source:
    path: /home/me/site
    dest: /tmp/site.tar.gz
  delegate_to: localhost
"""

RETURN = r"""
revision:
  description: Commit that was packed.
  returned: success, with O(git)
  type: str
"""

import os
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._release.source import pack_folder, pack_git


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "dest": {"type": "path", "required": True},
            "path": {"type": "path"},
            "exclude": {"type": "list", "elements": "str", "default": [".git", "node_modules"]},
            "git": {"type": "str"},
            "version": {"type": "str", "default": "HEAD"},
        },
        required_one_of=[("path", "git")],
        mutually_exclusive=[("path", "git")],
        supports_check_mode=True,
    )
    params = module.params
    if module.check_mode:
        module.exit_json(changed=True)

    def run(argv: list[str]) -> str:
        code, out, err = module.run_command(argv, environ_update={"GIT_TERMINAL_PROMPT": "0"})
        if code != 0:
            raise ScaleoutError(err.strip() or f"git ended with {code}", f"{params['git']} {params['version']}")
        return str(out)

    result = {}
    try:
        if params["git"]:
            with tempfile.TemporaryDirectory(dir=os.path.dirname(params["dest"])) as folder:
                result["revision"] = pack_git(params["git"], params["version"], Path(folder), Path(params["dest"]), run)
        else:
            pack_folder(Path(params["path"]), params["exclude"], Path(params["dest"]))
    except ScaleoutError as error:
        module.fail_json(msg=f"cannot pack the source: {error}", **error.data())
    except OSError as error:
        module.fail_json(msg=f"cannot pack the source: {error}")
    module.exit_json(changed=True, **result)


if __name__ == "__main__":
    main()
