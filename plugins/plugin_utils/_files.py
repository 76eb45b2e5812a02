# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and folders on the controller that the inventory names. Private to this collection."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.plugin_utils._usage import Usage

URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
DOWNLOAD = re.compile(r"https?://")
SHA256 = re.compile(r"(sha256:)?([0-9a-f]{64})")


@dataclass(frozen=True)
class Named:
    """Keys down to a value that names a file or folder, and the key beside it that may hold its checksum."""

    part: str
    keys: tuple[str, ...]
    checksum: str = ""
    folder: bool = False
    hosts_download: bool = False
    """Whether it may be a URL, which the hosts fetch themselves."""


OF_AN_APP = (
    Named("source", ("source", "path"), folder=True),
    Named("source", ("source", "archive"), "checksum"),
    Named("runtime", ("runtime", "archive"), "checksum"),
)
OF_TLS = (Named("tls", ("tls", "certificate")), Named("tls", ("tls", "key")))
OF_MONGODB = {
    "packages": Named("mongodb", ("install", "repository", "key"), hosts_download=True),
    "archive": Named("mongodb", ("install", "archive"), "archive_checksum", hosts_download=True),
    "binary": Named("mongodb", ("install", "binary")),
}


def with_files(
    settings: Mapping[str, Any], folders: Sequence[Path], usage: Usage
) -> tuple[dict[str, Any], list[ScaleoutError]]:
    """The settings with absolute paths, and what is wrong with files that are used. Settings are unchecked here."""
    files = _Files(folders)
    changed = dict(settings)
    apps, mongodb = settings.get("webapp_apps"), settings.get("webapp_mongodb")
    if isinstance(apps, Mapping):
        changed["webapp_apps"] = {
            name: files.resolved(app, _named_by(app), f"webapp_apps.{name}", usage.of_app(app))
            for name, app in apps.items()
        }
    install = [named for method, named in OF_MONGODB.items() if method == _method(mongodb)]
    changed["webapp_mongodb"] = files.resolved(mongodb, install, "webapp_mongodb", usage.of_mongodb())
    return changed, files.problems


def _named_by(app: Any) -> tuple[Named, ...]:
    tls = app.get("tls") if isinstance(app, Mapping) else None
    here = isinstance(tls, Mapping) and not tls.get("on_host")
    return OF_AN_APP + OF_TLS if here else OF_AN_APP


def _method(mongodb: Any) -> Any:
    install = mongodb.get("install") if isinstance(mongodb, Mapping) else None
    return (install.get("method") if isinstance(install, Mapping) else None) or "packages"


class _Files:
    """Looks in the folders, the first one first."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = folders
        self.problems: list[ScaleoutError] = []

    def resolved(self, data: Any, wanted: Sequence[Named], place: str, used: Collection[str]) -> Any:
        """The data with the wanted values as absolute paths; only the used ones can be wrong."""
        for named in wanted:
            data = self._changed(data, named.keys, named, place, named.part in used)
        return data

    def _changed(self, data: Any, keys: Sequence[str], named: Named, place: str, used: bool) -> Any:
        if not isinstance(data, Mapping) or data.get(keys[0]) is None:
            return data
        key, value = keys[0], data[keys[0]]
        if len(keys) > 1:
            return {**data, key: self._changed(value, keys[1:], named, f"{place}.{key}", used)}
        if not isinstance(value, str) or (named.hosts_download and DOWNLOAD.match(value)):
            return data
        path = self._found(value, named)
        if used and path is None:
            self._miss(value, named, f"{place}.{key}")
        elif used and path and named.checksum in data:
            self._compare(path, data[named.checksum], f"{place}.{named.checksum}")
        return {**data, key: str(path or self._places(value)[0])}

    def _places(self, given: str) -> list[Path]:
        return list(dict.fromkeys((folder / Path(given).expanduser()).absolute() for folder in self.folders))

    def _found(self, given: str, named: Named) -> Path | None:
        for place in () if URL.match(given) else self._places(given):
            if place.is_dir() if named.folder else place.is_file():
                return place.resolve()
        return None

    def _miss(self, given: str, named: Named, where: str) -> None:
        kind = "folder" if named.folder else "file"
        if URL.match(given):
            what, fix = f"is the URL {given}, must be a {kind} on this machine", "fetch it, and write where it is"
        else:
            what, fix = f"there is no {kind} {given}", f"looked at {', '.join(map(str, self._places(given)))}"
        self.problems.append(ScaleoutError(what, where, fix))

    def _compare(self, path: Path, wanted: Any, where: str) -> None:
        checksum = SHA256.fullmatch(wanted) if isinstance(wanted, str) else None
        if checksum is None:
            return
        with path.open("rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
        if actual != checksum[2]:
            what = f"{path} has the SHA-256 {actual}, not {checksum[2]}"
            self.problems.append(ScaleoutError(what, where, "fetch the file again, or correct the checksum"))
