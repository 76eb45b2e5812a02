#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells which releases of an app a host holds."""

from __future__ import annotations

DOCUMENTATION = r"""
module: app_release_info
short_description: Tell which releases of an app a host holds
version_added: 0.1.0
description:
  - Reads the folders that the role P(scaleout.webapp.app#role) makes, and changes nothing.
  - A release counts as complete when it has its last file, so one that an interrupted run left behind is told as unfinished.
author:
  - The scaleout.webapp builders (@scaleout)
options:
  root:
    description: Folder of the app. It need not exist.
    type: path
    required: true
extends_documentation_fragment:
  - scaleout.webapp.attributes.read_only
"""

EXAMPLES = r"""
- name: See what is there
  scaleout.webapp.app_release_info:
    root: /opt/webapp/www
  register: seen
"""

RETURN = r"""
release:
  description: What the host holds.
  returned: always
  type: dict
  contains:
    current:
      description: Label that the link C(current) points to.
      type: str
      sample: 20260102T030405Z
    releases:
      description: Complete releases, each with the UTC stamp of when it was made.
      type: dict
    artifacts:
      description: Packed releases, each with the same stamp.
      type: dict
    checksums:
      description: SHA-256 of each of RV(release.artifacts).
      type: dict
    partial:
      description: Releases of which only some folders were unpacked, with these.
      type: dict
    unfinished:
      description: Releases whose build or copy was interrupted.
      type: list
      elements: str
    steps:
      description: The steps that were done for each release.
      type: dict
    verified:
      description: Releases with which all instances of this host were well once.
      type: list
      elements: str
    libc:
      description: Version of the C library.
      type: str
      sample: "2.36"
"""

from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scaleout.webapp.plugins.module_utils._release.client import read_host


def main() -> None:
    module = AnsibleModule(argument_spec={"root": {"type": "path", "required": True}}, supports_check_mode=True)
    try:
        seen = read_host(module.params["root"])
    except OSError as error:
        module.fail_json(msg=f"cannot read the releases: {error}")
    module.exit_json(changed=False, release=asdict(seen))


if __name__ == "__main__":
    main()
