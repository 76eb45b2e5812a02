#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells which applications are on a host that do not belong there any more."""

from __future__ import annotations

DOCUMENTATION = r"""
module: app_leftovers
short_description: Tell which applications are on a host that do not belong there any more
version_added: 0.1.0
description:
  - An application is on the host as long as one of its template units says so in a section C([X-Scaleout]), or its folder below
    C(/etc/webapp) has an C(environment). The role P(scaleout.webapp.app#role) writes both, and its C(remove) removes both.
  - Those that are named in neither list may belong to another inventory. They are warned of and not returned.
author:
  - The scaleout.webapp builders (@scaleout)
options:
  here:
    description: Names of the applications that belong to this host.
    type: list
    elements: str
    required: true
  elsewhere:
    description: Names of the applications that the caller knows and may remove from hosts they do not belong to.
    type: list
    elements: str
    required: true
attributes:
  check_mode:
    description: Can run in check mode and return the same, as it changes nothing.
    support: full
  diff_mode:
    description: Nothing is changed, so there is no difference to show.
    support: none
"""

EXAMPLES = r"""
- name: Look for applications that do not belong here any more
  scaleout.webapp.app_leftovers:
    here: [www]
    elsewhere: [www, shop]
  register: leftovers
"""

RETURN = r"""
apps:
  description: Those of O(elsewhere) that are here without belonging here.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scaleout.webapp.plugins.module_utils._instances.client import apps_on_host


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "here": {"type": "list", "elements": "str", "required": True},
            "elsewhere": {"type": "list", "elements": "str", "required": True},
        },
        supports_check_mode=True,
    )
    try:
        found = apps_on_host() - set(module.params["here"])
    except OSError as error:
        module.fail_json(msg=f"cannot look at the units: {error}")
    strange = sorted(found - set(module.params["elsewhere"]))
    if strange:
        module.warn(
            f"{', '.join(strange)} runs here and is not in webapp_apps. If it is to be removed, name it in webapp_retired_apps"
        )
    module.exit_json(changed=False, apps=sorted(found - set(strange)))


if __name__ == "__main__":
    main()
