# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""New values. Private to this collection."""

from __future__ import annotations

import base64
import math
import secrets
import string

from ansible_collections.scaleout.webapp.plugins.module_utils._secrets.model import Secret

ALPHANUMERIC = string.ascii_letters + string.digits


def generate(secret: Secret) -> str:
    """A value of as many random bytes as the secret wants, in its encoding."""
    if secret.encoding == "hex":
        return secrets.token_hex(secret.bytes)
    if secret.encoding == "alphanumeric":
        length = math.ceil(secret.bytes * 8 / math.log2(len(ALPHANUMERIC)))
        return "".join(secrets.choice(ALPHANUMERIC) for _at in range(length))
    return base64.b64encode(secrets.token_bytes(secret.bytes)).decode()
