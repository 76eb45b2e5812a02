#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: app_render
short_description: Render the files of one app for one host
version_added: 0.1.0
description:
  - Fills in references such as C(${release.path}), and makes environment files, configuration files, units, commands and the list of
    instances for M(scaleout.webapp.systemd_instances). It touches nothing.
  - Messages of errors name a variable and never show its value. Set C(no_log) on the task, since what it returns may hold secrets.
author:
  - The scaleout.webapp builders (@scaleout)
options:
  name:
    description: Name of the app.
    type: str
    required: true
  user:
    description: User of the app.
    type: str
    required: true
  group:
    description: Group of the app.
    type: str
    required: true
  root:
    description: Folder of the app.
    type: str
    required: true
  config_dir:
    description: Folder of its configuration.
    type: str
    required: true
  release:
    description: Name of the release. May be empty with O(check_only=true).
    type: str
    required: true
  runtime_bin:
    description: Folder of the runtime's programs, the first in PATH.
    type: str
    required: true
  address:
    description: Address of the host, where instances are asked whether they are well.
    type: str
    required: true
  environment:
    description: Environment of all services and steps.
    type: dict
    default: {}
  build_environment:
    description: What O(build) gets on top of it.
    type: dict
    default: {}
  files:
    description: Configuration files, as in P(scaleout.webapp.app#role).
    type: list
    elements: dict
    default: []
  services:
    description: The services, as in P(scaleout.webapp.app#role).
    type: dict
    default: {}
  build:
    description: Commands that build a release.
    type: list
    elements: dict
    default: []
  release_steps:
    description: Commands that are run once for a release.
    type: list
    elements: dict
    default: []
  shared_paths:
    description: Folders that outlive a release.
    type: list
    elements: dict
    default: []
  writable_paths:
    description: Folders of the release that the services may write to.
    type: list
    elements: str
    default: []
  enforce_memory:
    description: Whether a service is killed when it takes more memory than it declares.
    type: bool
    default: false
  check_only:
    description:
      - Only look for a mistake, and return that instead of failing, and nothing of what was made.
      - So the task can have C(no_log), and another say what is wrong.
    type: bool
    default: false
extends_documentation_fragment:
  - scaleout.webapp.attributes.read_only
attributes:
  action:
    description: Runs on the controller.
    support: full
"""

EXAMPLES = r"""
- name: Look for mistakes
  scaleout.webapp.app_render:
    name: www
    user: www
    group: www
    root: /opt/webapp/www
    config_dir: /etc/webapp/www
    release: ""
    runtime_bin: /usr/bin
    address: 192.0.2.21
    services: {web: {command: node server.js, port_variable: PORT, ports: [3000]}}
    check_only: true
"""

RETURN = r"""
mistake:
  description: What is wrong, with the name of the variable and never its value. Empty if nothing is.
  returned: O(check_only=true)
  type: str
  sample: "app_services.web.command: is empty. Give it a command"
files:
  description: The configuration files.
  returned: unless O(check_only=true)
  type: list
  elements: dict
environment:
  description: The environment files.
  returned: unless O(check_only=true)
  type: list
  elements: dict
units:
  description: The template units.
  returned: unless O(check_only=true)
  type: list
  elements: dict
instances:
  description: What is to run on this host.
  returned: unless O(check_only=true)
  type: list
  elements: dict
checks:
  description: The same for M(scaleout.webapp.http_health).
  returned: unless O(check_only=true)
  type: list
  elements: dict
build:
  description: Commands with their environment files.
  returned: unless O(check_only=true)
  type: list
  elements: dict
release_steps:
  description: Commands with their environment files.
  returned: unless O(check_only=true)
  type: list
  elements: dict
links:
  description: Shared folders with their targets.
  returned: unless O(check_only=true)
  type: list
  elements: dict
"""
