#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: plan
short_description: Plan the cluster from what the inventory declares
version_added: 0.1.0
description:
  - Turns the groups C(loadbalancer), C(app), C(cache) and C(mongodb), declared host variables, the C(webapp_*) variables and the
    profiles of the applications into one plan. See C(docs/architecture.md) for what is in it.
  - Runs on the controller, connects to no host and reads no facts, so it works with C(--limit) and in check mode. Use it with C(run_once).
  - Reports everything that is wrong at once. Never sees the value of a secret; where one belongs, the plan has a reference, C(${secrets.NAME}).
author:
  - The scaleout.webapp builders (@scaleout)
options:
  files:
    description:
      - Files and folders on the controller that the inventory names, V(source), V(runtime) and V(install), are looked for beside the
        inventory and beside the playbook, and their checksums compared. V(require) refuses a plan where one is missing.
      - V(warn) warns, for those who only look at the plan.
    type: str
    choices: [require, warn]
    default: require
  git:
    description:
      - Whether to ask the git servers of the applications' sources, from the controller, for the branch or tag that C(version) names.
        One that is not there is refused; commits cannot be asked for.
      - A server that does not answer within ten seconds is a warning, as a release may not have to be built.
    type: bool
    default: false
  uses:
    description:
      - What the playbook uses of that, and the tags under which it does, first the one that all tasks concerned have. Without tags it
        is used always. What C(--tags) and C(--skip-tags) of the run leave out is not looked at.
      - Without this option everything is.
    type: dict
    suboptions:
      source:
        description: The sources of applications, files and git repositories.
        type: list
        elements: str
      runtime:
        description: The archives of their runtimes.
        type: list
        elements: str
      tls:
        description: Certificates and keys of their sites.
        type: list
        elements: str
      mongodb:
        description: What MongoDB is installed from.
        type: list
        elements: str
  hosts:
    description:
      - The hosts of the run. What only others would get is not looked at. The plan is the same.
      - Without this option all hosts count.
    type: list
    elements: str
notes:
  - "Variables of the whole inventory: C(webapp_apps), C(webapp_mongodb), C(webapp_redis), C(webapp_memcached), C(webapp_vip), C(webapp_firewall),
    C(webapp_build_environment), C(webapp_retired_apps)."
  - "Variables of a host: C(webapp_address) (where others reach it; C(ansible_host) if absent), C(webapp_zone), C(webapp_instances)
    (C({APP: {SERVICE: NUMBER}})), C(mongodb_member). C(ansible_port) says where firewalls let SSH in,
    and no app may be called as C(ansible_user) is."
  - A profile is looked for in C(profiles/) beside the inventory, beside the playbook and in this collection.
extends_documentation_fragment:
  - scaleout.webapp.attributes.read_only
attributes:
  action:
    description: Has an action plugin on the controller, and no module on the hosts.
    support: full
"""

EXAMPLES = r"""
- name: Plan the cluster
  scaleout.webapp.plan:
    uses:
      mongodb: [mongodb, mongodb_install]
    hosts: "{{ ansible_play_hosts_all }}"
  register: planned
  run_once: true

- name: Show the plan
  ansible.builtin.debug:
    msg: "{{ planned.text.splitlines() }}"
  run_once: true
"""

RETURN = r"""
plan:
  description: The plan, as C(docs/architecture.md) describes it.
  returned: success
  type: dict
text:
  description: The plan as readable text.
  returned: success
  type: str
"""
