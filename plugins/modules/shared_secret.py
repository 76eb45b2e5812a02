#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: shared_secret
short_description: Have the same secrets on every node
version_added: 0.1.0
description:
  - Takes a list of secrets, and sees to it that all holders of each have the same value, in the files where programs read it.
  - The value is the first of these - one that is given; the one that more than half of the holders have; a new one, made once, if every
    holder was seen and none has one. Where that leaves a doubt nothing is written anywhere.
  - Nothing is kept on the controller.
  - It works in three steps, O(step=read) on every holder, O(step=decide) once, O(step=write) on every holder. The role
    P(scaleout.webapp.shared_secrets#role) has them as tasks and is what to use; it also asks the holders that are not in the run.
  - No value stands in arguments or environments of processes, in a difference, a log, or what a task shows at any verbosity. Values are
    told apart by fingerprints, which are made with a key that is random in each run.
  - Refuses to run with E(ANSIBLE_KEEP_REMOTE_FILES) or E(ANSIBLE_DEBUG), which keep or show all arguments of all modules.
options:
  step:
    description:
      - V(read) sees what this host has. The result is hidden from output.
      - V(decide) says for each secret what it is to be. To be run once, on no particular host. The result is hidden from output.
      - V(write) makes it so on this host. A host that has everything already is not connected to.
    type: str
    choices: [read, decide, write]
    required: true
  secrets:
    description: The secrets. The list has to be the same for all hosts.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name, for messages and for the record of its age.
        type: str
        required: true
      value:
        description: The value, from an encrypted file. It is written to all holders whatever they have.
        type: str
      replace:
        description:
          - Whether O(secrets[].value) may take the place of another value that most holders have. If not, that is refused, as for a
            password that the server does not change by itself.
        type: bool
        default: true
      holders:
        description: The hosts that are to have it, as the inventory calls them. By default all of O(hosts).
        type: list
        elements: str
      files:
        description: The files that hold it, usually one.
        type: list
        elements: dict
        required: true
        suboptions:
          path:
            description: Absolute path. A symbolic link is refused; name the file itself. Missing folders are made.
            type: str
            required: true
          format:
            description:
              - V(json) is an object; V(php) is C(return [...]) or C(return array(...)); V(javascript) is C(module.exports = {...}) or
                C(export default {...}); V(dotenv) is read as the package dotenv of npm and as Node.js do it; V(raw) is the secret itself
                and one line end.
              - In PHP and JavaScript only literal texts can be read and replaced. What depends on something is refused.
            type: str
            choices: [json, dotenv, php, javascript, raw]
            required: true
          key:
            description:
              - Name of the entry that holds the secret, or a list of names from the outermost on. What is missing is added, the rest of the
                file stays byte for byte.
              - Not with O(secrets[].files[].format=raw).
            type: raw
          owner:
            description: User that owns the file. By default it stays as it is; a new file is the connecting user's.
            type: str
          group:
            description: Group that owns the file. By default it stays as it is.
            type: str
          mode:
            description: Mode in octal digits. By default it stays as it is; a new file has C(0600).
            type: str
          hosts:
            description: The holders on which this file is. By default all holders of the secret.
            type: list
            elements: str
      generate:
        description: Whether a value is made where no holder has one. If not, it has to be there or given.
        type: bool
        default: true
      bytes:
        description: How many random bytes a new value has, before it is encoded. From 8 to 4096, to 768 for a V(keyfile).
        type: int
        default: 32
      encoding:
        description:
          - How a new value is written. V(keyfile) is V(base64) as MongoDB wants it, and a given value is checked for that too.
          - V(alphanumeric) has as many letters and digits as hold that many bytes.
        type: str
        choices: [hex, base64, alphanumeric, keyfile]
        default: hex
  hosts:
    description: The holders of secrets that name none. By default all hosts of the play; with C(--limit) that is refused.
    type: list
    elements: str
  holder:
    description: The host that is read or written, for a task that is delegated.
    type: str
  seen:
    description: What the holders showed, by host; the results of O(step=read). A host that is missing, or was unreachable, was not seen.
    type: dict
    default: {}
  in_run:
    description: With O(step=decide), the hosts that may be written to. By default those of the play's batch that have not failed.
    type: list
    elements: str
  return_values:
    description: With O(step=decide), whether to return RV(secret_values).
    type: bool
    default: false
  refuse:
    description: With O(step=decide), whether to fail when one of the secrets leaves a doubt. If not, RV(report) tells.
    type: bool
    default: true
  decided:
    description: With O(step=write), the result of O(step=decide).
    type: dict
    default: {}
  record:
    description:
      - File in which each host notes the version of each secret and when it changed. It holds neither values nor anything to find them by;
        only root may read it all the same.
      - Secrets that were there already have no entry until they change.
    type: str
    default: /var/lib/scaleout-webapp/secrets.json
author:
  - The scaleout.webapp builders (@scaleout)
attributes:
  action:
    description: Runs on the controller, and M(scaleout.webapp.shared_secret_files) on the host to read and to write.
    support: full
  check_mode:
    description: Nothing is written. A secret that no holder has gets a value for the time of the run.
    support: full
  diff_mode:
    description: Fingerprints only.
    support: full
seealso:
  - plugin: scaleout.webapp.resolve_secrets
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Have the same secrets on every app host
  ansible.builtin.include_role:
    name: scaleout.webapp.shared_secrets
  vars:
    shared_secrets_list:
      - name: session
        holders: "{{ groups.app }}"
        files:
          - {path: /srv/www/data/session.json, format: json, key: [modules, session, secret], owner: www, mode: "0600"}
      - name: mongodb_keyfile
        holders: "{{ groups.mongodb }}"
        bytes: 756
        encoding: keyfile
        files:
          - {path: /etc/mongodb.key, format: raw, owner: mongodb, group: mongodb, mode: "0400"}

- name: See what this host has
  scaleout.webapp.shared_secret:
    step: read
    secrets: "{{ secrets }}"
  register: shown

- name: Decide what they are to be
  scaleout.webapp.shared_secret:
    step: decide
    secrets: "{{ secrets }}"
    seen: "{{ dict(ansible_play_hosts | zip(ansible_play_hosts | map('extract', hostvars, 'shown'))) }}"
  register: decided
  run_once: true

- name: Make it so
  scaleout.webapp.shared_secret:
    step: write
    secrets: "{{ secrets }}"
    decided: "{{ decided }}"
"""

RETURN = r"""
shown:
  description: What this host has. Hidden from output.
  returned: step is read
  type: dict
report:
  description: How all holders stand to each secret, and what speaks against writing. No values.
  returned: step is decide
  type: dict
  sample:
    session:
      source: nodes
      fingerprint: 9f2c41d07a
      version: 2
      changed_at: "2026-11-21T10:11:12Z"
      agree: false
      problem: ""
      holders:
        app1: {state: agrees, fingerprint: 9f2c41d07a, version: 2, changed_at: "2026-11-21T10:11:12Z", write: false, mistake: ""}
        app2: {state: absent, fingerprint: "", version: null, changed_at: null, write: true, mistake: ""}
secret_values:
  description: The values, by name. Hidden from output, to be used in tasks with C(no_log) only.
  returned: O(step=decide) and O(return_values=true)
  type: dict
secrets:
  description: How this host stood to each secret of its own before anything was written, and whether that differed.
  returned: step is write
  type: dict
  sample: {session: {state: absent, source: nodes, fingerprint: 9f2c41d07a, version: 2, changed: true}}
written:
  description: Paths of the files that differed, in content, owner or mode.
  returned: step is write
  type: list
  elements: str
"""
