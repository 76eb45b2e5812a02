#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one command of a build or a release as the app's user."""

from __future__ import annotations

DOCUMENTATION = r"""
module: app_step
short_description: Run one command of a build or a release as the app's user
version_added: 0.1.0
description:
  - Runs the command as a transient systemd unit, so nothing that belongs to it is left over, and a command that an interrupted
    run left behind is stopped before the next begins.
  - The environment comes from a file and never stands in a command line. Values of it are masked in the output that an error shows.
  - The command may write to O(writable), its home and a temporary folder of its own.
author:
  - The scaleout.webapp builders (@scaleout)
options:
  unit:
    description: Name of the transient unit.
    type: str
    required: true
  state:
    description: V(stopped) only stops what an earlier run left behind.
    type: str
    choices: [done, stopped]
    default: done
  command:
    description: The command and its arguments. Required to be V(done).
    type: list
    elements: str
  user:
    description: User to run as. Required to be V(done).
    type: str
  group:
    description: Group to run as. Required to be V(done).
    type: str
  chdir:
    description: Working directory. Required to be V(done).
    type: path
  environment_file:
    description:
      - File with the environment, on the file system of F(/run). It is moved into the unit's own directory there, which systemd removes when
        the command has ended. Required to be V(done).
    type: path
  log:
    description: File for the output. Required to be V(done).
    type: path
  writable:
    description: Folders that the command may write to.
    type: list
    elements: path
    default: []
  timeout:
    description: Seconds that the command may take.
    type: int
    default: 3600
attributes:
  check_mode:
    description: In check mode the command is not run.
    support: full
  diff_mode:
    description: What a command does cannot be shown.
    support: none
"""

EXAMPLES = r"""
- name: Install the packages
  scaleout.webapp.app_step:
    unit: webapp-www-step
    command: [npm, ci]
    user: www
    group: www
    chdir: /opt/webapp/www/releases/20260102T030405Z
    environment_file: /run/www.environment
    log: /opt/webapp/www/logs/install.log
    writable: [/opt/webapp/www/releases/20260102T030405Z]
"""

RETURN = r"""
seconds:
  description: How long it took.
  returned: when it was run
  type: int
output:
  description: The end of the output, where values of the environment are replaced by their names.
  returned: when the command failed
  type: str
"""

import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scaleout.webapp.plugins.module_utils._release.step import (
    argv_of,
    environment_of,
    masked,
    read_environment,
)

NEEDED = ["command", "user", "group", "chdir", "environment_file", "log"]
UNKNOWN_UNIT = 5
SHOWN = 3000


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "unit": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["done", "stopped"], "default": "done"},
            "command": {"type": "list", "elements": "str"},
            "user": {"type": "str"},
            "group": {"type": "str"},
            "chdir": {"type": "path"},
            "environment_file": {"type": "path"},
            "log": {"type": "path"},
            "writable": {"type": "list", "elements": "path", "default": []},
            "timeout": {"type": "int", "default": 3600},
        },
        required_if=[("state", "done", NEEDED)],
        supports_check_mode=True,
    )
    params = module.params
    if module.check_mode:
        module.exit_json(changed=params["state"] == "done")
    code, _out, err = module.run_command(["systemctl", "stop", params["unit"]])
    if code not in (0, UNKNOWN_UNIT):
        module.fail_json(msg=f"cannot stop what an earlier run left behind, {params['unit']}: {err.strip()}")
    if params["state"] == "stopped":
        module.exit_json(changed=False)

    environment_file, log = environment_of(params["unit"]), Path(params["log"])
    began = time.monotonic()
    try:
        environment_file.parent.mkdir(mode=0o700, exist_ok=True)
        Path(params["environment_file"]).replace(environment_file)
        environment = read_environment(environment_file.read_text())
        log.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        code, _out, err = module.run_command(argv_of(params))
    except OSError as error:
        module.fail_json(msg=f"cannot run the command: {error}")
    finally:
        environment_file.unlink(missing_ok=True)
    seconds = int(time.monotonic() - began)
    if code != 0:
        said = log.read_text(errors="replace") if log.exists() else ""
        output = masked((said + err)[-SHOWN:], environment)
        module.fail_json(
            msg=f"`{' '.join(params['command'])}` ended with {code} after {seconds} s. All of its output is in {log}; the end:\n{output}",
            output=output,
            seconds=seconds,
        )
    module.exit_json(changed=True, seconds=seconds)


if __name__ == "__main__":
    main()
