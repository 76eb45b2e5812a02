#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits until URLs answer as they should."""

from __future__ import annotations

DOCUMENTATION = r"""
module: http_health
short_description: Wait until URLs answer as they should
version_added: 0.1.0
description:
  - Asks all URLs at once, again and again, until each gave the wanted answer.
  - When time is up it fails and names each one that did not, with its last answer.
  - Redirects are not followed, proxies are not used, and certificates are not verified.
author:
  - The scaleout.webapp builders (@scaleout)
options:
  checks:
    description: What to ask.
    type: list
    elements: dict
    required: true
    suboptions:
      url:
        description: The URL.
        type: str
        required: true
      status:
        description: Status that the answer must have.
        type: int
        default: 200
      timeout:
        description: Seconds that one attempt may take.
        type: float
        default: 5
      contains:
        description: Text that the answer must hold.
        type: str
        default: ""
  wait:
    description: Seconds to go on asking. With V(0) each is asked once.
    type: float
    default: 60
  pause:
    description: Seconds between two attempts.
    type: float
    default: 0.3
extends_documentation_fragment:
  - scaleout.webapp.attributes.read_only
"""

EXAMPLES = r"""
- name: See that both processes are well
  scaleout.webapp.http_health:
    checks:
      - {url: http://192.0.2.21:3000/healthz}
      - {url: http://192.0.2.21:3001/healthz, contains: ok}
    wait: 90
"""

RETURN = r"""
checks:
  description: Each check with the problem of its last attempt, which is empty when it passed.
  returned: always
  type: list
  elements: dict
  contains:
    url:
      description: The URL.
      type: str
    problem:
      description: What was wrong.
      type: str
    attempts:
      description: How often it was asked.
      type: int
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scaleout.webapp.plugins.module_utils._health.client import Check, describe, wait_all


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "checks": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "url": {"type": "str", "required": True},
                    "status": {"type": "int", "default": 200},
                    "timeout": {"type": "float", "default": 5},
                    "contains": {"type": "str", "default": ""},
                },
            },
            "wait": {"type": "float", "default": 60},
            "pause": {"type": "float", "default": 0.3},
        },
        supports_check_mode=True,
    )
    checks = [Check(**item) for item in module.params["checks"]]
    answers = wait_all(checks, module.params["wait"], module.params["pause"])
    shown = [{"url": item.check.url, "problem": item.problem, "attempts": item.attempts} for item in answers]
    problems = describe(answers)
    if problems:
        module.fail_json(msg=f"not well after {module.params['wait']:g} s: {problems}", checks=shown)
    module.exit_json(changed=False, checks=shown)


if __name__ == "__main__":
    main()
