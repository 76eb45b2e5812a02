#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: app_release
short_description: Decide which release all hosts of an app are to run
version_added: 0.1.0
description:
  - Takes what M(scaleout.webapp.app_release_info) saw on every host, decides on one release for all, and says who builds, packs and
    receives it. It touches nothing.
  - It is O(label); else with O(previous) the one that ran before; else the release that most hosts run, the newest of several; else the
    newest that is complete; else the one that an interrupted run began to build; else a new one, named by the UTC time.
  - A O(label) that no host holds while they hold other releases is refused, as it may be mistyped, unless O(new=true) or an
    interrupted run began to build it.
  - Where nothing is found it refuses to make a first release as long as a host has not been seen, as that one may hold one.
author:
  - The scaleout.webapp builders (@scaleout)
options:
  seen:
    description: For each host of the app its RV(scaleout.webapp.app_release_info#module:release), or null if it did not answer.
    type: dict
    required: true
  hosts:
    description: The hosts of this run, in the order of preference.
    type: list
    elements: str
    required: true
  label:
    description: Name of the release that is wanted.
    type: str
    default: ""
  new:
    description: Whether to make a new release though there is one, under the name O(label) if that is set and not there yet.
    type: bool
    default: false
  previous:
    description:
      - Whether to go back to the newest release that was made before the running one and with which all instances of a host were well once.
      - O(label) and O(new) go before it.
    type: bool
    default: false
  before:
    description: The release that ran when an interrupted run began. It is the running one where the hosts differ.
    type: str
    default: ""
  source:
    description: Whether there is a source to build from.
    type: bool
    default: false
  steps:
    description: Names of the steps that belong to a release.
    type: list
    elements: str
    default: []
  keep:
    description: Number of releases to keep on each host.
    type: int
    default: 5
extends_documentation_fragment:
  - scaleout.webapp.attributes.read_only
attributes:
  action:
    description: Runs on the controller.
    support: full
"""

EXAMPLES = r"""
- name: Decide
  scaleout.webapp.app_release:
    hosts: [app1, app2]
    seen:
      app1: "{{ hostvars.app1.seen.release }}"
      app2: "{{ hostvars.app2.seen.release }}"
    source: true
  run_once: true
"""

RETURN = r"""
label:
  description: Name of the release.
  returned: success
  type: str
  sample: 20260102T030405Z
why:
  description: Why it is this one.
  returned: success
  type: str
  sample: 2 of 2 hosts run it
running:
  description: Name of the release that runs, or most hosts run. Empty if none does.
  returned: success
  type: str
  sample: 20260101T020304Z
made:
  description: UTC stamp by which the release is ordered.
  returned: success
  type: str
build_host:
  description: Host that has to build it, the one with the oldest C library. None if it is there.
  returned: success
  type: str
pack_host:
  description: Host that has to pack it again, if it is there and its artefact is not.
  returned: success
  type: str
holder:
  description: Host that the artefact can be fetched from, once it is built or packed.
  returned: success
  type: str
checksum:
  description: SHA-256 of the artefact, if there is one already.
  returned: success
  type: str
receivers:
  description: Hosts of this run that lack the release.
  returned: success
  type: list
  elements: str
steps:
  description: Those of O(steps) that no host knows as done.
  returned: success
  type: list
  elements: str
step_host:
  description: Host that has to do them.
  returned: success
  type: str
unseen:
  description: Hosts that did not answer.
  returned: success
  type: list
  elements: str
distrusted:
  description: Newer releases that ran well. Whoever goes back to this one does not mean to run them again.
  returned: success
  type: list
  elements: str
surplus:
  description: For each host of this run the paths that may be removed.
  returned: success
  type: dict
"""
