#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_config
short_description: Test, switch and reload an nginx configuration, and see that it runs
version_added: 0.1.0
description:
  - Owns the main file of an nginx and a folder of files that it includes.
  - Nginx itself tests the whole new configuration in a staging folder first. A configuration that it refuses never reaches the disk.
  - All files are written beside those that run; the rename of the main file then switches all of them at once.
  - After the reload the module waits until new workers answer with the new generation. Nginx accepts the signal also when it then
    cannot take the configuration, as when a port is in use; the earlier configuration is then restored.
  - A reload that an earlier run did not get to, or that died half-way, is noticed and done, since the running generation is asked for.
  - When nginx does not run, the files are tested and written, and nothing is started.
options:
  path:
    description: The main file that the nginx master reads. Relative includes start from its folder.
    type: path
    default: /etc/nginx/nginx.conf
  main:
    description:
      - Content of the main file.
      - V(@TREE@) stands for the folder of O(files), relative to that of O(path); V(@GENERATION@) for the name of this configuration.
    type: str
    required: true
  files:
    description:
      - Content of the other files, by path relative to V(@TREE@). The placeholders serve here too.
      - They are world-readable; put no secret here.
    type: dict
    default: {}
  tree:
    description: Name of the folder beside O(path) that holds the files, one folder per generation. It belongs to this module.
    type: str
    default: scaleout.d
  generation_url:
    description:
      - Where the running nginx answers with its generation, usually on loopback.
      - One of the files must say so, as with C(return 200 @GENERATION@;).
    type: str
    required: true
  executable:
    description: The nginx program.
    type: str
    default: nginx
  pid_file:
    description: Where the nginx master writes its process ID. The reload is a C(HUP) signal to it, with or without systemd.
    type: path
    default: /run/nginx.pid
  error_log:
    description: The error log of the running nginx, where the reason of a failed reload is read.
    type: path
    default: /var/log/nginx/error.log
  timeout:
    description: Seconds that a reload may take.
    type: int
    default: 15
attributes:
  check_mode:
    support: full
    description: Also in check mode nginx tests the new configuration, if it is installed.
  diff_mode:
    description: Shows the difference of each file.
    support: full
author:
  - The scaleout.webapp builders (@scaleout)
"""

EXAMPLES = r"""
- name: Configure nginx
  scaleout.webapp.nginx_config:
    main: |
      events {}
      http {
        include mime.types;
        include @TREE@/*.conf;
      }
    files:
      status.conf: |
        server {
          listen 127.0.0.1:8079;
          location = /generation { return 200 @GENERATION@; }
        }
      site.conf: |
        server {
          listen 80;
          location / { proxy_pass http://127.0.0.1:3000; }
        }
    generation_url: http://127.0.0.1:8079/generation
"""

RETURN = r"""
generation:
  description: Name of the wanted configuration, made from its content.
  returned: success
  type: str
  sample: 3f2a9c01d4e5b677
running:
  description: Whether nginx runs.
  returned: success
  type: bool
reloaded:
  description: Whether nginx was reloaded, or would be in check mode.
  returned: success
  type: bool
changed_files:
  description: The files that differed.
  returned: success
  type: list
  elements: str
  sample: [nginx.conf, scaleout.d/site.conf]
stage:
  description: What failed. One of V(input), V(test), V(reload) and V(restore); only the last one leaves nginx unlike before.
  returned: failure
  type: str
file:
  description: The file that nginx complains about. It is not on disk, since it was refused.
  returned: when nginx refuses a configuration and names a place
  type: str
line:
  description: The line that nginx complains about.
  returned: when nginx refuses a configuration and names a place
  type: int
"""

from http.client import HTTPException

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import open_url
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.client import Client
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.converge import converge
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.model import Change, NginxConfigError
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.plan import desire


def fetch(url: str) -> str | None:
    try:
        with open_url(url, timeout=2, use_proxy=False, force=True) as answer:
            return answer.read(100).decode(errors="replace")
    except (OSError, ValueError, HTTPException):
        return None


def difference(change: Change) -> dict[str, str]:
    return {
        "before_header": change.path,
        "after_header": change.path,
        "before": change.before or "",
        "after": change.after or "",
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "default": "/etc/nginx/nginx.conf"},
            "main": {"type": "str", "required": True},
            "files": {"type": "dict", "default": {}},
            "tree": {"type": "str", "default": "scaleout.d"},
            "generation_url": {"type": "str", "required": True},
            "executable": {"type": "str", "default": "nginx"},
            "pid_file": {"type": "path", "default": "/run/nginx.pid"},
            "error_log": {"type": "path", "default": "/var/log/nginx/error.log"},
            "timeout": {"type": "int", "default": 15},
        },
        supports_check_mode=True,
    )

    def run(argv: list[str]) -> tuple[int, str]:
        code, out, err = module.run_command(argv)
        return code, out + err

    params = module.params
    client = Client(
        path=params["path"],
        tree=params["tree"],
        pid_file=params["pid_file"],
        error_log=params["error_log"],
        timeout=params["timeout"],
        run=run,
        fetch=lambda: fetch(params["generation_url"]),
    )
    executable = module.get_bin_path(params["executable"], opt_dirs=["/usr/sbin", "/usr/local/sbin"])
    try:
        desired = desire(params["main"], params["files"], params["tree"])
        outcome = converge(desired, client, executable, module.check_mode)
    except NginxConfigError as error:
        place = {"file": error.file, "line": error.line} if error.file else {}
        module.fail_json(msg=str(error), stage=error.stage, **place)
    except OSError as error:
        module.fail_json(msg=f"cannot read or write the configuration: {error}", stage="input")

    for warning in outcome.warnings:
        module.warn(warning)
    module.exit_json(
        changed=outcome.plan.changed,
        diff=[difference(change) for change in outcome.plan.changes],
        generation=desired.generation,
        running=outcome.running.pid is not None,
        reloaded=outcome.plan.reload,
        changed_files=[change.path for change in outcome.plan.changes],
    )


if __name__ == "__main__":
    main()
