#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_certificates
short_description: Let nginx serve the certificates that files on its host hold now
version_added: 0.1.0
description:
  - Replaces certificates and keys in the configuration that M(scaleout.webapp.nginx_config) wrote, and nothing else of it.
  - Nginx tests the new configuration first; one reload serves for all certificates. It is seen to run afterwards, and the earlier one is
    restored where it does not.
  - A certificate that the configuration does not have, or whose files are absent, is left to M(scaleout.webapp.nginx_config).
options:
  certificates:
    description: The certificates and keys.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name that M(scaleout.webapp.nginx_config) was given.
        type: str
        required: true
      certificate_file:
        description: File with the certificate and those of its issuers but the last, as PEM.
        type: path
        required: true
      key_file:
        description: File with its private key, as PEM and not encrypted.
        type: path
        required: true
attributes:
  check_mode:
    support: full
    description: Also in check mode nginx tests the new configuration.
  diff_mode:
    support: full
    description: Shows the difference of each certificate, never of a key.
extends_documentation_fragment:
  - scaleout.webapp.nginx_process
author:
  - The scaleout.webapp builders (@scaleout)
"""

EXAMPLES = r"""
- name: Serve what the ACME client has renewed
  scaleout.webapp.nginx_certificates:
    certificates:
      - name: www
        certificate_file: /etc/scaleout-webapp/certificates/www/fullchain.pem
        key_file: /etc/scaleout-webapp/certificates/www/privkey.pem
"""

RETURN = r"""
replaced:
  description: Names of the certificates that differed.
  returned: success
  type: list
  elements: str
  sample: [www]
reloaded:
  description: Whether nginx was reloaded, or would be in check mode.
  returned: success
  type: bool
stage:
  description: What failed. One of V(lock), V(input), V(test), V(reload) and V(restore); only the last one leaves nginx unlike before.
  returned: failure
  type: str
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.certificate import (
    check_certificate,
    read_pair,
    tls_files,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.client import Client
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.converge import converge
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.live import Live, read_live
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.module import run_module
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.process import differences


def renewed(certificates: Sequence[Mapping[str, Any]], live: Live) -> dict[str, dict[str, str]]:
    """The files that differ, by the name of the certificate."""
    found = {}
    for given in certificates:
        name = given["name"]
        try:
            certificate, key = read_pair(given)
        except FileNotFoundError:
            continue
        files = tls_files(name, certificate, key)
        if set(files) <= set(live.files) and any(live.files[path] != text for path, text in files.items()):
            check_certificate(name, certificate, key, [])
            found[name] = files
    return found


def replace(module: AnsibleModule, client: Client, executable: str | None) -> dict[str, Any]:
    params = module.params
    with client.alone():
        live = read_live(client.read(), params["tree"])
        if live is None:
            return {"changed": False, "replaced": [], "reloaded": False}
        found = renewed(params["certificates"], live)
        changed = {path: text for files in found.values() for path, text in files.items()}
        outcome = converge(live.with_files(changed, params["tree"]), client, executable, module.check_mode)
    return {
        "changed": outcome.plan.changed,
        "diff": differences(outcome.plan.changes),
        "replaced": list(found),
        "reloaded": outcome.plan.reload,
    }


def main() -> None:
    certificate = {
        "name": {"type": "str", "required": True},
        "certificate_file": {"type": "path", "required": True},
        "key_file": {"type": "path", "required": True, "no_log": False},
    }
    options = {"certificates": {"type": "list", "elements": "dict", "required": True, "options": certificate}}
    run_module(options, replace)


if __name__ == "__main__":
    main()
