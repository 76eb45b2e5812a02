#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: certbot_certificates_info
short_description: Read certificates and their private keys, as certbot has them
version_added: 0.1.0
description:
  - Reads what M(scaleout.webapp.certbot_certificates) got, so that other hosts may have it too.
  - The keys are in the result. Set C(no_log) on the task.
options:
  config_path:
    description: Folder with certificates and keys.
    type: path
    required: true
  names:
    description: The certificates to read. Those that are not there are left out.
    type: list
    elements: str
    required: true
attributes:
  check_mode:
    support: full
    description: It only reads.
  diff_mode:
    support: N/A
    description: It only reads.
author:
  - The scaleout.webapp builders (@scaleout)
"""

EXAMPLES = r"""
- name: Read the certificate of www on the host that renews it
  scaleout.webapp.certbot_certificates_info:
    config_path: /etc/letsencrypt
    names: [www]
  delegate_to: lb1
  register: found
  no_log: true
"""

RETURN = r"""
certificates:
  description: The certificates, with those of their issuers, and their keys, as PEM.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
      sample: www
    certificate:
      description: The certificate and those of its issuers but the last.
      type: str
    key:
      description: Its private key.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scaleout.webapp.plugins.module_utils._certbot.client import read_pair


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "config_path": {"type": "path", "required": True},
            "names": {"type": "list", "elements": "str", "required": True},
        },
        supports_check_mode=True,
    )
    found = []
    try:
        for name in module.params["names"]:
            pair = read_pair(module.params["config_path"], name)
            if pair:
                found.append({"name": name, "certificate": pair[0], "key": pair[1]})
    except OSError as error:
        module.fail_json(msg=f"cannot read a certificate: {error}")
    module.exit_json(changed=False, certificates=found)


if __name__ == "__main__":
    main()
