#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes folders and writes small files, a set at a time."""

from __future__ import annotations

DOCUMENTATION = r"""
module: app_files
short_description: Make folders and write small files, a set at a time
version_added: 0.1.0
description:
  - Writes each file in one move, with its owner and mode, and makes the folders above it.
  - Set C(no_log) on the task when a file holds a secret.
author:
  - The scaleout.webapp builders (@scaleout)
options:
  folders:
    description: Folders to be there first.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      owner:
        description: User that owns the folder.
        type: str
        default: root
      group:
        description: Group that owns the folder.
        type: str
        default: root
      mode:
        description: Mode in octal digits.
        type: str
        default: "0755"
  files:
    description: The files.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      content:
        description: The whole content.
        type: str
        required: true
      owner:
        description: User that owns the file.
        type: str
        default: root
      group:
        description: Group that owns the file.
        type: str
        default: root
      mode:
        description: Mode in octal digits.
        type: str
        default: "0640"
  absent:
    description: Files and folders that are not to be there. Shell wildcards are allowed.
    type: list
    elements: path
    default: []
attributes:
  check_mode:
    description: In check mode owners, groups and folders need not be there.
    support: full
  diff_mode:
    description: Shows the content.
    support: full
"""

EXAMPLES = r"""
- name: Write the environment
  scaleout.webapp.app_files:
    files:
      - {path: /etc/webapp/www/environment, content: "NODE_ENV=\"production\"\n", group: www}
  no_log: true
"""

RETURN = r"""
written:
  description: Paths of the folders and files that differed.
  returned: success
  type: list
  elements: str
removed:
  description: Paths of the files and folders that were removed.
  returned: success
  type: list
  elements: str
"""

import glob
import os
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scaleout.webapp.plugins.module_utils._release.client import remove


def content_of(path: Path) -> str | None:
    return path.read_text(encoding="utf-8", errors="surrogateescape") if path.is_file() else None


def write(module: AnsibleModule, file: dict[str, Any]) -> None:
    """The content never stands anywhere with a wider mode than the file's."""
    path = Path(file["path"])
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=module.tmpdir)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as opened:
        opened.write(file["content"])
    attributes(module, file, temporary)
    module.atomic_move(temporary, str(path), keep_dest_attrs=False)


def attributes(module: AnsibleModule, file: dict[str, Any], path: str) -> bool:
    wanted = {"path": path, **{name: file[name] for name in ("owner", "group", "mode")}}
    return bool(module.set_fs_attributes_if_different(module.load_file_common_arguments(wanted), False))


def place(mode: str) -> dict[str, dict[str, Any]]:
    return {
        "path": {"type": "path", "required": True},
        "owner": {"type": "str", "default": "root"},
        "group": {"type": "str", "default": "root"},
        "mode": {"type": "str", "default": mode},
    }


def make(module: AnsibleModule, folder: dict[str, Any]) -> bool:
    """Whether it differed."""
    path = Path(folder["path"])
    absent = not path.is_dir()
    if absent and not module.check_mode:
        path.mkdir(parents=True, exist_ok=True)
    return attributes(module, folder, str(path)) or absent


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "files": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {**place("0640"), "content": {"type": "str", "required": True}},
            },
            "folders": {"type": "list", "elements": "dict", "default": [], "options": place("0755")},
            "absent": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    written, diffs = [], []
    for folder in module.params["folders"]:
        try:
            if make(module, folder):
                written.append(folder["path"])
        except OSError as error:
            module.fail_json(msg=f"cannot make the folder {folder['path']}: {error}", written=written)
    for file in module.params["files"]:
        path = Path(file["path"])
        try:
            before = content_of(path)
            differs = before != file["content"]
            if differs and not module.check_mode:
                write(module, file)
            if attributes(module, file, str(path)) or differs:
                written.append(str(path))
        except OSError as error:
            module.fail_json(msg=f"cannot write {path}: {error}", written=written)
        if differs:
            header = str(path)
            diffs.append(
                {"before_header": header, "before": before or "", "after_header": header, "after": file["content"]}
            )
    removed = [path for pattern in module.params["absent"] for path in sorted(glob.glob(pattern))]
    try:
        for path in [] if module.check_mode else removed:
            remove(Path(path))
    except OSError as error:
        module.fail_json(msg=f"cannot remove what is not to be there: {error}", written=written)
    module.exit_json(changed=bool(written or removed), written=written, removed=removed, diff=diffs)


if __name__ == "__main__":
    main()
