# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  path:
    description: The main file that the nginx master reads. Relative includes start from its folder.
    type: path
    default: /etc/nginx/nginx.conf
  tree:
    description: Name of the folder beside O(path) that holds the files. It belongs to the modules.
    type: str
    default: scaleout.d
  generation_url:
    description:
      - Where the running nginx answers with its generation, usually on loopback.
      - One of the files must say so, as with C(return 200 @GENERATION@;).
    type: str
    default: http://127.0.0.1:8079/generation
  executable:
    description: The nginx program.
    type: str
    default: nginx
  pid_file:
    description: Where the nginx master writes its process ID. A reload is a C(HUP) signal to it.
    type: path
    default: /run/nginx.pid
  error_log:
    description: The error log of the running nginx, where the reason of a failed reload is read.
    type: path
    default: /var/log/nginx/error.log
  timeout:
    description:
      - Seconds that a reload may take.
      - One of these modules at a time works on the files of O(path); another one waits up to eight times as long.
    type: int
    default: 15
"""
