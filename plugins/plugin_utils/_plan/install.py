# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How mongod comes to its hosts. Private to this collection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.scaleout.webapp.plugins.plugin_utils._schema import Place, Problems

PLACE = Place(path="webapp_mongodb") / "install"
NEEDS = {"packages": (), "archive": ("archive", "archive_checksum"), "binary": ("binary",)}
METHOD_OF = {
    "packages": "packages",
    "version": "packages",
    "repository": "packages",
    "archive": "archive",
    "archive_checksum": "archive",
    "binary": "binary",
}


def check_install(install: Mapping[str, Any], problems: Problems) -> None:
    """What the method needs is there, and nothing that it would not look at."""
    method = install["method"]
    for key in NEEDS.get(method, ()):
        if key not in install:
            problems.add(f"is required by method: {method} and missing", PLACE / key, f"add {key}, or change method")
    for key, owner in METHOD_OF.items():
        if key in install and method in NEEDS and owner != method:
            problems.add(
                f"is not looked at with method: {method}", PLACE / key, f"set method: {owner}, or take {key} away"
            )


def install_warnings(install: Mapping[str, Any]) -> Iterator[str]:
    """No supported distribution has MongoDB's server."""
    if install["method"] == "packages" and "repository" not in install:
        packages = ", ".join(install.get("packages", ["mongodb-org-server"]))
        yield (
            f"MongoDB comes from packages ({packages}) and webapp_mongodb.install has no repository: Debian and Ubuntu "
            "have no MongoDB server, so the hosts must know a repository with it already. "
            "Add repository: {url, suite, components, key}, or set method to archive or binary."
        )
