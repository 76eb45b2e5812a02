#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unpacks an archive on a host, all of it or nothing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: app_unpack
short_description: Unpack an archive on a host, all of it or nothing
version_added: 0.1.0
description:
  - Unpacks beside the destination and moves the result there, so a folder that is there is whole.
  - A single top folder of the archive is left out, as source and runtime archives have one.
author:
  - The scaleout.webapp builders (@scaleout)
options:
  src:
    description: The archive on the host, in any compression that tar and the host know.
    type: path
    required: true
  checksum:
    description: SHA-256 that the archive must have. Not compared when empty.
    type: str
    default: ""
  dest:
    description: The folder. What stood there is replaced.
    type: path
    required: true
  creates:
    description: Path within O(dest). Nothing is done when it is there.
    type: str
  owner:
    description: User that owns the result.
    type: str
    default: root
  group:
    description: Group that owns the result and may read it.
    type: str
    default: root
  only:
    description: Folders to unpack, all when empty. The result then does not count as a complete release.
    type: list
    elements: str
    default: []
  finished:
    description: V(false) for a source that is still to be built.
    type: bool
    default: true
attributes:
  check_mode:
    description: In check mode the archive need not be there.
    support: full
  diff_mode:
    description: The content of archives is not shown.
    support: none
"""

EXAMPLES = r"""
- name: Unpack a runtime
  scaleout.webapp.app_unpack:
    src: /opt/webapp/runtimes/node.tar.gz
    dest: /opt/webapp/runtimes/node-22.20.0
    creates: bin
"""

RETURN = r"""
dest:
  description: The folder.
  returned: success
  type: str
  sample: /opt/webapp/runtimes/node-22.20.0
"""

import grp
import pwd
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._release.client import sha256, unpack

FIX = "remove it, and the one it was copied from; or correct the checksum"


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "src": {"type": "path", "required": True},
            "checksum": {"type": "str", "default": ""},
            "dest": {"type": "path", "required": True},
            "creates": {"type": "str"},
            "owner": {"type": "str", "default": "root"},
            "group": {"type": "str", "default": "root"},
            "only": {"type": "list", "elements": "str", "default": []},
            "finished": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    source, target = Path(params["src"]), Path(params["dest"])
    there = params["creates"] is not None and (target / params["creates"]).exists()
    if there or module.check_mode:
        module.exit_json(changed=not there, dest=str(target))

    def run(argv: list[str]) -> str:
        code, out, err = module.run_command(argv)
        if code != 0:
            raise ScaleoutError(err.strip()[-1000:] or f"tar ended with {code}", str(source))
        return str(out)

    try:
        if params["checksum"] and sha256(source) != params["checksum"]:
            raise ScaleoutError("its SHA-256 is not the one noted", str(source), FIX)
        uid, gid = pwd.getpwnam(params["owner"]).pw_uid, grp.getgrnam(params["group"]).gr_gid
        unpack(source, target, run, params["only"], params["finished"], uid, gid)
    except KeyError as error:
        module.fail_json(msg=f"{error.args[0]}: make this user and this group first")
    except ScaleoutError as error:
        module.fail_json(msg=f"cannot unpack {error}", **error.data())
    except OSError as error:
        module.fail_json(msg=f"cannot unpack {source} to {target}: {error}")
    module.exit_json(changed=True, dest=str(target))


if __name__ == "__main__":
    main()
