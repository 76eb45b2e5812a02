#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: certbot_certificates
short_description: Get certificates from an ACME server and renew them, by certbot
version_added: 0.1.0
description:
  - Runs certbot on the task's host. It answers the server's HTTP-01 challenges through files below O(webroot), which a web server has to
    serve for each of the domains.
  - A certificate is issued where there is none, where its domains, the server or O(webroot) changed, and where certbot finds it due. As long as nothing
    is to be issued, no server is asked.
  - Certbot has folders of its own here, so neither the timer of the distribution's package nor anybody else's certificates are touched.
  - All certificates are tried. When some cannot be issued the module fails in the end, with the words of the server; what was there before stays.
options:
  certificates:
    description: The certificates.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the certificate, and of its folder below O(config_path)C(/live).
        type: str
        required: true
      domains:
        description: Host names that it is for. The server has to reach each of them.
        type: list
        elements: str
        required: true
      email:
        description: Address for the account, in case the server has something to say. None if absent.
        type: str
      directory:
        description: URL of the server's directory.
        type: str
        required: true
  webroot:
    description: Folder that is served as the root of the domains. It exists.
    type: path
    required: true
  config_path:
    description: Folder with accounts, certificates and keys.
    type: path
    required: true
  work_path:
    description: Folder for what certbot works on.
    type: path
    required: true
  log_path:
    description: Folder for certbot's logs.
    type: path
    required: true
  ca_file:
    description: File with the certificates of authorities that the server's own certificate is checked against. The system's if absent.
    type: path
  force:
    description: Whether all are issued anew, due or not.
    type: bool
    default: false
attributes:
  check_mode:
    support: partial
    description: Whether a certificate is due is guessed.
    details: Certbot is not run. A certificate counts as due in the last third of its life, at most 30 days before its end.
  diff_mode:
    support: none
    description: RV(issued) tells what changed.
author:
  - The scaleout.webapp builders (@scaleout)
"""

EXAMPLES = r"""
- name: Get a certificate, or renew it if it is due
  scaleout.webapp.certbot_certificates:
    certificates:
      - name: www
        domains: [www.example.com, example.com]
        email: ops@example.com
        directory: https://acme-v02.api.letsencrypt.org/directory
    webroot: /var/lib/scaleout-webapp/acme
    config_path: /etc/scaleout-webapp/acme
    work_path: /var/lib/scaleout-webapp/certbot
    log_path: /var/log/scaleout-webapp-certbot
"""

RETURN = r"""
issued:
  description: Why each certificate was issued, or would be, by its name.
  returned: always
  type: dict
  sample: {www: example.com added}
failures:
  description: Why certificates could not be issued, by name.
  returned: always
  type: dict
  sample: {}
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scaleout.webapp.plugins.module_utils._certbot.client import Client
from ansible_collections.scaleout.webapp.plugins.module_utils._certbot.plan import Places, Wanted, seems_due, why_anew
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError


def converge(wanted: Wanted, client: Client, force: bool, check: bool) -> str:
    """Why it was issued, or would be; nothing if it was not."""
    found = client.find(wanted.name)
    why = why_anew(wanted, found, client.places.webroot, force)
    if check:
        return why or ("due" if found and seems_due(found, time.time()) else "")
    if why:
        client.issue(wanted)
        return why
    before = client.chain(wanted.name).read_bytes()
    client.renew_if_due(wanted)
    return "due" if client.chain(wanted.name).read_bytes() != before else ""


def main() -> None:
    path = {"type": "path", "required": True}
    module = AnsibleModule(
        argument_spec={
            "certificates": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "domains": {"type": "list", "elements": "str", "required": True},
                    "email": {"type": "str"},
                    "directory": {"type": "str", "required": True},
                },
            },
            "webroot": path,
            "config_path": path,
            "work_path": path,
            "log_path": path,
            "ca_file": {"type": "path"},
            "force": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    params = module.params
    trusted = {"REQUESTS_CA_BUNDLE": params["ca_file"]} if params["ca_file"] else {}

    def run(argv: list[str]) -> tuple[int, str]:
        code, out, err = module.run_command(argv, environ_update={"LC_ALL": "C.UTF-8", **trusted})
        return code, out + err

    client = Client(Places(*(params[name] for name in ("config_path", "work_path", "log_path", "webroot"))), run)
    issued, failures = {}, {}
    for given in params["certificates"]:
        wanted = Wanted(given["name"], given["domains"], given["directory"], given["email"] or "")
        try:
            why = converge(wanted, client, params["force"], module.check_mode)
        except (ScaleoutError, OSError) as error:
            failures[wanted.name] = str(error)
            continue
        if why:
            issued[wanted.name] = why
    result: dict[str, Any] = {"changed": bool(issued), "issued": issued, "failures": failures}
    if failures:
        told = "\n".join(f"{name}: {why}" for name, why in failures.items())
        module.fail_json(msg=f"no certificate could be issued for\n{told}", **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
