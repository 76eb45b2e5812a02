# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.

from __future__ import annotations

import socket
from collections.abc import Sequence
from http.client import HTTPException

from ansible.module_utils.urls import open_url
from ansible_collections.scaleout.webapp.plugins.module_utils._health.client import Check, ask
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.model import Change
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.plan import is_secret
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.upstreams import DATA_FILE, Server, Upstream

PROBE_TIMEOUT = 2


def fetch(url: str) -> str | None:
    try:
        with open_url(url, timeout=2, use_proxy=False, force=True) as answer:
            return str(answer.read(100).decode(errors="replace"))
    except (OSError, ValueError, HTTPException):
        return None


def answers(upstream: Upstream, server: Server) -> bool:
    """Whether a server is there for requests: by its health path, or by a connection where it has none."""
    if upstream.health_path:
        url = f"http://{server.endpoint}{upstream.health_path}"
        return not ask(Check(url, upstream.health_status, PROBE_TIMEOUT))
    try:
        socket.create_connection((server.address.strip("[]"), server.port), PROBE_TIMEOUT).close()
    except OSError:
        return False
    return True


def differences(changes: Sequence[Change]) -> list[dict[str, str]]:
    """For --diff: no private key, nor the data of upstreams that their text shows already."""
    return [
        {
            "before_header": change.path,
            "after_header": change.path,
            "before": change.before or "",
            "after": change.after or "",
        }
        for change in changes
        if not change.path.endswith(f"/{DATA_FILE}") and not is_secret(change.path)
    ]
