#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads and writes the secrets of one host, as the action plugin shared_secret says."""

from __future__ import annotations

DOCUMENTATION = r"""
module: shared_secret_files
short_description: Read and write the secrets of one host, for shared_secret
version_added: 0.1.0
description:
  - What M(scaleout.webapp.shared_secret) runs on a host. Not to be used in a task, which would show what it returns.
options:
  record:
    description: File in which the host notes the version of each secret.
    type: str
    required: true
  job:
    description: What to read or write, as a JSON text.
    type: str
    required: true
author:
  - The scaleout.webapp builders (@scaleout)
attributes:
  check_mode:
    description: Nothing is written.
    support: full
  diff_mode:
    description: The action M(scaleout.webapp.shared_secret) shows fingerprints.
    support: none
"""

EXAMPLES = r"""
- name: Never used like this
  scaleout.webapp.shared_secret_files:
    record: /var/lib/scaleout-webapp/secrets.json
    job: '{"read": {}}'
  no_log: true
"""

RETURN = r"""
shown:
  description: What the host has of each secret, values too.
  returned: when it read
  type: dict
open_to_all:
  description: Paths of the files that everybody may read.
  returned: when it read
  type: list
  elements: str
written:
  description: Paths of the files that differed.
  returned: when it wrote
  type: list
  elements: str
"""

import json
from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._secrets.client import Wanted, show, write
from ansible_collections.scaleout.webapp.plugins.module_utils._secrets.model import File, Record


def files(given: list[dict[str, Any]]) -> list[File]:
    return [File(**{**file, "key": tuple(file["key"]), "hosts": ()}) for file in given]


def read_all(job: dict[str, Any], record: str) -> dict[str, Any]:
    shown, open_to_all = show({name: files(given) for name, given in job["read"].items()}, record)
    return {"changed": False, "shown": {name: asdict(one) for name, one in shown.items()}, "open_to_all": open_to_all}


def write_all(job: dict[str, Any], record: str, check: bool) -> dict[str, Any]:
    wanted = [
        Wanted(
            name=one["name"],
            value=one["value"],
            files=files(one["files"]),
            record=Record(**one["record"]) if one["record"] else None,
            seen=one["seen"],
            given=one["given"],
        )
        for one in job["write"]
    ]
    written = write(wanted, record, check)
    return {"changed": bool(written), "written": written}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "record": {"type": "str", "required": True},
            "job": {"type": "str", "required": True, "no_log": True},
        },
        supports_check_mode=True,
    )
    job, record = json.loads(module.params["job"]), module.params["record"]
    try:
        done = read_all(job, record) if "read" in job else write_all(job, record, module.check_mode)
    except ScaleoutError as error:
        module.fail_json(msg=str(error), **error.data())
    module.exit_json(**done)


if __name__ == "__main__":
    main()
