# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# What every module of nginx has around its own work: the options of the process, the client, the program, errors.

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.client import Client
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.model import NginxConfigError
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.process import fetch

# Documented in doc_fragments/nginx_process.py.
PROCESS_SPEC: dict[str, Any] = {
    "path": {"type": "path", "default": "/etc/nginx/nginx.conf"},
    "tree": {"type": "str", "default": "scaleout.d"},
    "generation_url": {"type": "str", "default": "http://127.0.0.1:8079/generation"},
    "executable": {"type": "str", "default": "nginx"},
    "pid_file": {"type": "path", "default": "/run/nginx.pid"},
    "error_log": {"type": "path", "default": "/var/log/nginx/error.log"},
    "timeout": {"type": "int", "default": 15},
}

# Documented by each module that has it.
SERVER_SPEC: dict[str, Any] = {
    "name": {"type": "str"},
    "host": {"type": "str"},
    "address": {"type": "str", "required": True},
    "port": {"type": "int", "required": True},
    "weight": {"type": "int"},
    "backup": {"type": "bool"},
}

# The work of a module: from its options, by way of the client and the program, which may be absent, to its result.
Work = Callable[[AnsibleModule, Client, "str | None"], "dict[str, Any]"]


def run_module(options: dict[str, Any], work: Work) -> None:
    module = AnsibleModule(argument_spec={**PROCESS_SPEC, **options}, supports_check_mode=True)
    executable = module.get_bin_path(module.params["executable"], opt_dirs=["/usr/sbin", "/usr/local/sbin"])
    try:
        result = work(module, _client_of(module), executable)
    except NginxConfigError as error:
        place = {"file": error.file, "line": error.line} if error.file else {}
        module.fail_json(msg=str(error), stage=error.stage, **place)
    except OSError as error:
        module.fail_json(msg=f"cannot read or write the configuration: {error}", stage="input")
    module.exit_json(**result)


def _client_of(module: AnsibleModule) -> Client:
    params = module.params

    def run_both(argv: list[str]) -> tuple[int, str]:
        code, out, err = module.run_command(argv)
        return code, out + err

    return Client(
        path=params["path"],
        tree=params["tree"],
        pid_file=params["pid_file"],
        error_log=params["error_log"],
        timeout=params["timeout"],
        run=run_both,
        fetch=lambda: fetch(params["generation_url"]),
    )
