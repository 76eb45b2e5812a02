#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes exactly these instances of an app's template units run, each with this configuration."""

from __future__ import annotations

DOCUMENTATION = r"""
module: systemd_instances
short_description: Run exactly these instances of an app's template units, each with this configuration
version_added: 0.1.0
description:
  - Starts and enables what is missing, restarts what runs with another configuration, stops and disables what is too much.
  - What a process runs with is asked from the process itself, by the variable C(SCALEOUT_CONFIG) in its environment. So a restart
    that an earlier run did not get to is done by the next one, and none is done without need.
  - Instances that do not run are started first. Those that run are restarted one at a time, each only when the one before is well;
    those that are unwell already come first.
  - A template belongs to the app when it has a section C([X-Scaleout]) with C(App=NAME). Its C(EnvironmentFile) must name
    O(instances[].digest_file), which this module writes after systemd has read the units.
author:
  - The scaleout.webapp builders (@scaleout)
options:
  app:
    description: Name of the app.
    type: str
    required: true
  instances:
    description: The instances that are to run on this host.
    type: list
    elements: dict
    required: true
    suboptions:
      unit:
        description: Name of the unit.
        type: str
        required: true
      digest:
        description: Text that changes whenever the configuration of the instance does.
        type: str
        required: true
      digest_file:
        description: File of the digest, the same for all instances of one template.
        type: path
        required: true
      url:
        description: URL that tells whether the instance is well. Without one it has to stay up for two seconds.
        type: str
        default: ""
      status:
        description: Status that O(instances[].url) answers.
        type: int
        default: 200
      timeout:
        description: Seconds that one attempt at O(instances[].url) may take.
        type: float
        default: 5
      start_timeout:
        description: Seconds until the instance must be well.
        type: float
        default: 90
      serial_start:
        description: Whether it must never start beside others of this host. The role app lets hosts with such instances take turns too.
        type: bool
        default: false
  takes_ports_of:
    description:
      - Names of other apps that yield their ports. An instance of theirs that has the port of one that is to be started is stopped and
        disabled before.
      - Without them such an instance is left alone, and the start fails.
    type: list
    elements: str
    default: []
  surplus:
    description:
      - What becomes of instances of the app that O(instances) does not name. V(keep) lets them run as they are, as long as balancers send
        requests to no others; one that has the port of an instance that is to be started is stopped all the same.
    type: str
    choices: [stop, keep]
    default: stop
attributes:
  check_mode:
    description: In check mode the units need not be there.
    support: full
  diff_mode:
    description: Shows what is done to which unit.
    support: full
"""

EXAMPLES = r"""
- name: Run two processes
  scaleout.webapp.systemd_instances:
    app: www
    instances:
      - unit: www-web@3000.service
        digest: 5d41402a
        digest_file: /etc/webapp/www/web.digest
        url: http://192.0.2.21:3000/healthz
      - unit: www-web@3001.service
        digest: 5d41402a
        digest_file: /etc/webapp/www/web.digest
        url: http://192.0.2.21:3001/healthz

- name: Stop all processes, and remove their units
  scaleout.webapp.systemd_instances:
    app: www
    instances: []
"""

RETURN = r"""
steps:
  description: What was done, or would be in check mode, in this order.
  returned: success
  type: list
  elements: dict
  sample: [{"action": "restart", "unit": "www-web@3000.service"}]
unwell:
  description: Instances to be restarted that did not answer as they should before that.
  returned: success
  type: list
  elements: str
noted:
  description: Whether the digests of O(instances) stood in their files before.
  returned: success
  type: bool
surplus:
  description: Instances of the app that run or are enabled without being among O(instances), before anything was done.
  returned: success
  type: list
  elements: str
  sample: [www-web@3002.service]
rolling:
  description: Whether something that ran is, or would be, restarted.
  returned: success
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._health.client import wait_all
from ansible_collections.scaleout.webapp.plugins.module_utils._instances.client import Client
from ansible_collections.scaleout.webapp.plugins.module_utils._instances.model import Wanted
from ansible_collections.scaleout.webapp.plugins.module_utils._instances.plan import outdated, plan, surplus_of


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "app": {"type": "str", "required": True},
            "instances": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "unit": {"type": "str", "required": True},
                    "digest": {"type": "str", "required": True, "no_log": True},
                    "digest_file": {"type": "path", "required": True},
                    "url": {"type": "str", "default": ""},
                    "status": {"type": "int", "default": 200},
                    "timeout": {"type": "float", "default": 5},
                    "start_timeout": {"type": "float", "default": 90},
                    "serial_start": {"type": "bool", "default": False},
                },
            },
            "takes_ports_of": {"type": "list", "elements": "str", "default": []},
            "surplus": {"type": "str", "choices": ["stop", "keep"], "default": "stop"},
        },
        supports_check_mode=True,
    )

    def run(argv: list[str]) -> str:
        code, out, err = module.run_command(argv)
        if code != 0:
            raise ScaleoutError(err.strip() or f"ended with {code}", " ".join(argv))
        return str(out)

    serial_start = {item["unit"] for item in module.params["instances"] if item.pop("serial_start")}
    wanted = [Wanted(**item) for item in module.params["instances"]]
    client = Client(module.params["app"], run, wait_all)
    try:
        templates = client.templates()
        live = client.live(wanted, templates)
        others = client.live([], client.templates_of(set(module.params["takes_ports_of"]) - {module.params["app"]}))
        unwell = client.unwell(outdated(wanted, live))
        todo = plan(
            wanted, live, templates, serial_start, unwell, others, keep_surplus=module.params["surplus"] == "keep"
        )
        noted = client.digests_noted(wanted)
        changed = bool(todo.steps) or not noted
        if changed and not module.check_mode:
            client.prepare(wanted)
            client.apply(todo, wanted)
    except ScaleoutError as error:
        module.fail_json(msg=str(error), **error.data())
    except OSError as error:
        module.fail_json(msg=f"cannot look at the units: {error}")

    steps = [{"action": step.action, "unit": step.unit} for step in todo.steps]
    module.exit_json(
        changed=changed,
        steps=steps,
        unwell=sorted(unwell),
        noted=noted,
        surplus=surplus_of(wanted, live),
        rolling=any(step.action == "restart" for step in todo.steps),
        diff={"before": "", "after": "".join(f"{step['action']} {step['unit']}\n" for step in steps)},
    )


if __name__ == "__main__":
    main()
