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
  main:
    description:
      - Content of the main file.
      - V(@TREE@) stands for the folder of O(files), relative to that of O(path); V(@GENERATION@) for the name of this configuration.
    type: str
    required: true
  files:
    description:
      - Content of the other files, by path relative to V(@TREE@). The placeholders serve here too.
      - V(@HTTP2_LISTEN@) at the end of a C(listen) and V(@HTTP2@) in a line of its own become what this version of nginx wants for HTTP/2.
      - They are world-readable; put no secret here.
    type: dict
    default: {}
  upstreams:
    description:
      - Pools of processes. The module renders them, and what sticky ones need, into C(@TREE@/upstreams.conf).
      - Servers that M(scaleout.webapp.nginx_upstream) drained stay drained.
      - For a sticky upstream C(NAME) with the cookie C(COOKIE), a location writes C(proxy_pass http://$COOKIE_upstream;),
        C(add_header Set-Cookie $COOKIE_set_cookie always;) and C(error_page 502 504 = @rescue;). The rescue answers with the
        status in C($COOKIE_give_up) where that is not empty, else it has C(proxy_pass http://NAME;).
    type: list
    elements: dict
    suboptions:
      name:
        description: Its name for C(proxy_pass).
        type: str
        required: true
      servers:
        description: The processes. Those of different addresses take turns, so that a retry goes to another host.
        type: list
        elements: dict
        required: true
        suboptions:
          name:
            description: Its name within the upstream. Address and port if absent.
            type: str
          host:
            description: Inventory name of its host, by which it can be drained.
            type: str
          address:
            description: IP address or host name. A sticky upstream needs IP addresses.
            type: str
            required: true
          port:
            description: TCP port.
            type: int
            required: true
          weight:
            description: Its share of the requests, beside the weights of the others. 1 if absent.
            type: int
          backup:
            description: Whether it gets requests only when no other server can take them. V(false) if absent.
            type: bool
      method:
        description: How requests are spread, as nginx calls it. V(round_robin) if absent.
        type: str
        choices: [round_robin, least_conn, ip_hash, hash]
      key:
        description: What the method V(hash) looks at, such as V($request_uri).
        type: str
      consistent:
        description: Whether the method V(hash) moves few keys when servers come and go. V(true) if absent.
        type: bool
      max_fails:
        description: Failed attempts within O(upstreams[].fail_timeout) after which a server is left out for as long. 3 if absent.
        type: int
      fail_timeout:
        description: Seconds; see O(upstreams[].max_fails). 5 if absent.
        type: int
      keepalive:
        description: Idle connections that a worker keeps; at least two per server are kept. 64 if absent.
        type: int
      keepalive_timeout:
        description: Seconds that an idle connection is kept; less than the server keeps it. 4 if absent.
        type: int
      sticky_cookie:
        description:
          - Name of the cookie that binds a visitor to the server that answered first. Not sticky if absent.
          - Nginx 1.29.6 and later does it by its own directive C(sticky).
        type: str
      sticky_secure:
        description: Whether the cookie is sent over TLS only. Otherwise the request's scheme decides, with nginx's own C(sticky) never.
        type: bool
      health_path:
        description: Path that a healthy server answers with O(upstreams[].health_status). A connection suffices if absent.
        type: str
      health_status:
        description: See O(upstreams[].health_path). 200 if absent.
        type: int
  certificates:
    description:
      - Certificates and keys, written as C(@TREE@/tls/NAME.crt) and C(@TREE@/tls/NAME.key), the key with mode 0600.
      - They are a part of the configuration, so a new certificate is tested, switched and, if need be, restored with it.
      - Before anything is written, a TLS handshake in memory shows that the key belongs to the certificate, and that it is valid now for each
        of the O(certificates[].domains).
      - M(scaleout.webapp.nginx_certificates) replaces them without touching the rest.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the files.
        type: str
        required: true
      certificate:
        description: The certificate and those of its issuers but the last, as PEM.
        type: str
      key:
        description: Its private key, as PEM and not encrypted.
        type: str
      certificate_file:
        description: File on the task's host, in place of O(certificates[].certificate).
        type: path
      key_file:
        description: File on the task's host, in place of O(certificates[].key).
        type: path
      domains:
        description: Host names that it must be valid for.
        type: list
        elements: str
        required: true
      provisional:
        description:
          - Whether the files may be absent, have expired or not serve for every domain yet, as before an ACME client has issued a certificate.
          - While they are absent, nginx keeps the certificate of that name that it has, or gets a self-signed one, made by C(openssl).
        type: bool
        default: false
attributes:
  check_mode:
    support: full
    description: Also in check mode nginx tests the new configuration, if it is installed.
  diff_mode:
    description: Shows the difference of each file.
    support: full
extends_documentation_fragment:
  - scaleout.webapp.nginx_process
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
  description: What failed. One of V(lock), V(input), V(test), V(reload) and V(restore); only the last one leaves nginx unlike before.
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

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.certificate import (
    check_certificate,
    placeholder,
    read_pair,
    tls_files,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.client import Client
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.converge import converge
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.live import with_upstreams
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.module import SERVER_SPEC, run_module
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.plan import (
    desire,
    for_version,
    generation_in,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.process import differences

UPSTREAM: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "servers": {"type": "list", "elements": "dict", "required": True, "options": SERVER_SPEC},
    "method": {"type": "str", "choices": ["round_robin", "least_conn", "ip_hash", "hash"]},
    "key": {"type": "str", "no_log": False},
    "consistent": {"type": "bool"},
    "max_fails": {"type": "int"},
    "fail_timeout": {"type": "int"},
    "keepalive": {"type": "int"},
    "keepalive_timeout": {"type": "int"},
    "sticky_cookie": {"type": "str"},
    "sticky_secure": {"type": "bool"},
    "health_path": {"type": "str"},
    "health_status": {"type": "int"},
}
CERTIFICATE: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "certificate": {"type": "str"},
    "key": {"type": "str", "no_log": True},
    "certificate_file": {"type": "path"},
    "key_file": {"type": "path", "no_log": False},
    "domains": {"type": "list", "elements": "str", "required": True},
    "provisional": {"type": "bool", "default": False},
}
EITHER = [("certificate", "certificate_file"), ("key", "key_file")]


def fit_to_serve(
    given: Mapping[str, Any], client: Client, live: Mapping[str, str], installed: bool
) -> tuple[dict[str, str], list[str]]:
    """The files of a certificate, and warnings."""
    name = given["name"]
    try:
        certificate, key = read_pair(given)
    except FileNotFoundError:
        if not given["provisional"]:
            raise
        kept = {path: live[path] for path in tls_files(name, "", "") if path in live}
        if kept or not installed:
            return kept, []
        certificate, key = placeholder(given["domains"], client.run)
    files = tls_files(name, certificate, key)
    served = all(live.get(path) == text for path, text in files.items())
    return files, check_certificate(name, certificate, key, [] if given["provisional"] else given["domains"], served)


def configure(module: AnsibleModule, client: Client, executable: str | None) -> dict[str, Any]:
    params = module.params
    version = client.version(executable)
    files = {
        path: for_version(text, version) if isinstance(text, str) else text for path, text in params["files"].items()
    }
    with client.alone():
        disk = client.read()
        warnings: list[str] = []
        live = disk.generations.get(generation_in(disk.main, params["tree"]) or "", {})
        for given in params["certificates"]:
            found, expired = fit_to_serve(given, client, live, executable is not None)
            files.update(found)
            warnings += expired
        if params["upstreams"] is not None:
            files = with_upstreams(files, params["upstreams"], disk, params["tree"], version)
        desired = desire(params["main"], files, params["tree"])
        outcome = converge(desired, client, executable, module.check_mode)
    for warning in [*warnings, *outcome.warnings]:
        module.warn(warning)
    return {
        "changed": outcome.plan.changed,
        "diff": differences(outcome.plan.changes),
        "generation": desired.generation,
        "running": outcome.running.pid is not None,
        "reloaded": outcome.plan.reload,
        "changed_files": [change.path for change in outcome.plan.changes],
    }


def main() -> None:
    options = {
        "main": {"type": "str", "required": True},
        "files": {"type": "dict", "default": {}},
        "upstreams": {"type": "list", "elements": "dict", "options": UPSTREAM},
        "certificates": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": CERTIFICATE,
            "required_one_of": EITHER,
            "mutually_exclusive": EITHER,
        },
    }
    run_module(options, configure)


if __name__ == "__main__":
    main()
