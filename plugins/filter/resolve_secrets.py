# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replaces references to secrets by their values, in tasks with no_log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.plugin_utils._references import resolve_secrets as resolve


def resolve_secrets(value: Any, secrets: Any) -> Any:
    """The data with its references resolved. A value that looks like a template stays what it is."""
    if not isinstance(secrets, Mapping):
        raise AnsibleFilterError(
            "resolve_secrets: the secrets must be a dictionary of names and values, such as webapp_secrets"
        )
    try:
        return wrap_var(resolve(value, secrets))
    except ScaleoutError as error:
        raise AnsibleFilterError(f"resolve_secrets: {error}") from error


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """By name."""
        return {"resolve_secrets": resolve_secrets}
