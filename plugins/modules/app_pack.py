#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finishes a built release and packs it for the other hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: app_pack
short_description: Finish a built release and pack it for the other hosts
version_added: 0.1.0
description:
  - Takes the release from the user that built it, marks it as complete, and packs it into C(artifacts/LABEL.tar.zst).
  - The note beside the artefact, with its SHA-256, is written last. An artefact without it does not count.
author:
  - The scaleout.webapp builders (@scaleout)
options:
  root:
    description: Folder of the app.
    type: path
    required: true
  label:
    description: Name of the release.
    type: str
    required: true
  made:
    description: UTC stamp by which releases are ordered. A release that is complete keeps its own.
    type: str
    required: true
  group:
    description: Group that may read the release.
    type: str
    default: root
attributes:
  check_mode:
    description: In check mode nothing is packed.
    support: full
  diff_mode:
    description: The content of artefacts is not shown.
    support: none
"""

EXAMPLES = r"""
- name: Pack what was built
  scaleout.webapp.app_pack:
    root: /opt/webapp/www
    label: 20260102T030405Z
    made: 20260102T030405Z
    group: www
"""

RETURN = r"""
checksum:
  description: SHA-256 of the artefact.
  returned: success, not in check mode
  type: str
"""

import grp
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._release.client import finish, pack


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "required": True},
            "label": {"type": "str", "required": True},
            "made": {"type": "str", "required": True},
            "group": {"type": "str", "default": "root"},
        },
        supports_check_mode=True,
    )
    params = module.params
    if module.check_mode:
        module.exit_json(changed=True)
    release = Path(params["root"]) / "releases" / params["label"]

    def run(argv: list[str]) -> str:
        code, out, err = module.run_command(argv)
        if code != 0:
            raise ScaleoutError(err.strip()[-1000:] or f"tar ended with {code}", str(release))
        return str(out)

    try:
        finish(release, params["made"], grp.getgrnam(params["group"]).gr_gid)
        checksum = pack(release, Path(params["root"]) / "artifacts", run)
    except KeyError:
        module.fail_json(msg=f"there is no group {params['group']}: make it first")
    except ScaleoutError as error:
        module.fail_json(msg=f"cannot pack {error}", **error.data())
    except OSError as error:
        module.fail_json(msg=f"cannot pack {release}: {error}")
    module.exit_json(changed=True, checksum=checksum)


if __name__ == "__main__":
    main()
