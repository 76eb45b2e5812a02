#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps one tree with the static folders of all kept releases."""

from __future__ import annotations

DOCUMENTATION = r"""
module: app_static
short_description: Keep one tree with the static folders of all kept releases
version_added: 0.1.0
description:
  - C(static) below O(root) holds hard links to the static files of every release that some host of the app keeps. Of a path that several
    releases have, the wanted release's is served, else the newest.
  - Files are added or replaced one by one in one move each, and those of no kept release are removed last. So no request misses a file
    during the change, and pages of an older release find their files until no host of the app keeps it.
  - Says which releases this host lacks. M(scaleout.webapp.app_unpack) with its option C(only) brings them; then run this again.
  - What does not belong to root is left out, as the app may write there.
  - What interrupted runs left behind in C(releases) is removed.
author:
  - The scaleout.webapp builders (@scaleout)
options:
  root:
    description: Folder of the app.
    type: path
    required: true
  folders:
    description: Folders of a release, relative to it.
    type: list
    elements: str
    required: true
  seen:
    description: For each host of the app its RV(scaleout.webapp.app_release_info#module:release), or empty if it did not answer.
    type: dict
    required: true
  label:
    description: Name of the release that is wanted. The one that most hosts run when empty.
    type: str
    default: ""
  keep:
    description: Number of releases that the hosts of the app keep.
    type: int
    default: 5
  prune:
    description: Whether to remove complete releases too that no host of the app keeps, as this host does not run the app.
    type: bool
    default: false
attributes:
  check_mode:
    description: In check mode the folder of the app need not be there.
    support: full
  diff_mode:
    description: Shows the files that are added or replaced, and those that are removed.
    support: full
"""

EXAMPLES = r"""
- name: Serve the static files of all releases
  scaleout.webapp.app_static:
    root: /opt/webapp/www
    folders: [public]
    seen:
      app1: "{{ hostvars.app1.seen.release }}"
      app2: "{{ hostvars.app2.seen.release }}"
"""

RETURN = r"""
releases:
  description: Labels of the releases that are to be served, the most wanted first.
  returned: success
  type: list
  elements: str
missing:
  description:
    - Those that this host lacks and another has, each with its C(label), a C(holder) of its artefact and its C(checksum).
  returned: success
  type: list
  elements: dict
added:
  description: Number of files and folders that were added or replaced, or would be.
  returned: success
  type: int
removed:
  description: Number of files and folders that were removed, or would be.
  returned: success
  type: int
"""

import os
from dataclasses import asdict
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._release.client import read_host, remove
from ansible_collections.scaleout.webapp.plugins.module_utils._release.model import Seen
from ansible_collections.scaleout.webapp.plugins.module_utils._release.plan import served
from ansible_collections.scaleout.webapp.plugins.module_utils._release.static import StaticTree, wanted_tree


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "required": True},
            "folders": {"type": "list", "elements": "str", "required": True},
            "seen": {"type": "dict", "required": True},
            "label": {"type": "str", "default": ""},
            "keep": {"type": "int", "default": 5},
            "prune": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    params = module.params
    root, folders = Path(params["root"]), params["folders"]
    seen = {name: Seen(**found) if found else None for name, found in params["seen"].items()}
    try:
        leftovers = sorted((root / "releases").glob(".*"))
        releases = served(seen, params["label"], params["keep"])
        if not releases:
            module.exit_json(changed=False, releases=[], missing=[], added=0, removed=0)
        here = read_host(str(root))
        labels = [release.label for release in releases]
        prunable = here.partial.keys() | (here.releases.keys() if params["prune"] else set())
        if None in seen.values():
            labels += sorted(prunable - set(labels), reverse=True)
        lacked = [
            item for item in releases if item.label not in here.releases and here.partial.get(item.label) != folders
        ]
        sources = [root / "releases" / label for label in labels if label in here.releases or label in here.partial]
        tree = StaticTree(root / "static", wanted_tree(sources, folders, os.geteuid()))
        surplus = [root / "releases" / label for label in sorted(prunable - set(labels))] + leftovers
        if not module.check_mode:
            tree.apply()
            for path in surplus:
                remove(path)
    except ScaleoutError as error:
        module.fail_json(msg=str(error), **error.data())
    except OSError as error:
        module.fail_json(msg=f"cannot keep the static files of {root}: {error}")
    module.exit_json(
        changed=bool(tree.added or tree.removed or surplus),
        releases=labels,
        missing=[asdict(item) for item in lacked if item.holder],
        added=len(tree.added),
        removed=len(tree.removed),
        diff={
            "before": "".join(f"{path}\n" for path in sorted(tree.removed)),
            "after": "".join(f"{path}\n" for path in sorted(tree.added)),
        },
    )


if __name__ == "__main__":
    main()
