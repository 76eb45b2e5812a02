# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# Pure: text in, decisions out.

from __future__ import annotations

import hashlib
import json
import re

from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.model import (
    Change,
    Desired,
    Disk,
    NginxConfigError,
    Plan,
    Running,
)

TREE = "@TREE@"
GENERATION = "@GENERATION@"
HTTP2 = "@HTTP2@"
HTTP2_LISTEN = "@HTTP2_LISTEN@"
HTTP2_DIRECTIVE = (1, 25, 1)

_MARK = re.compile(r"^.*?\[emerg\] (\d+#\d+: )?")
_PLACE = re.compile(r" in (?P<file>/\S+):(?P<line>\d+)$", re.MULTILINE)


def is_generation(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{16}", text) is not None


def is_secret(path: str) -> bool:
    """Whether a file holds a private key: only root reads it, and no difference shows it."""
    return path.endswith(".key")


def for_version(text: str, version: tuple[int, ...]) -> str:
    """HTTP/2 as this version wants it."""
    own_directive = version >= HTTP2_DIRECTIVE
    return text.replace(HTTP2_LISTEN, "" if own_directive else " http2").replace(
        HTTP2, "http2 on;" if own_directive else ""
    )


def desire(main: str, files: dict[str, str], tree: str) -> Desired:
    """Name the configuration after its content and fill in the placeholders."""
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", tree):
        raise NginxConfigError(f"tree must be the name of one folder, not {tree!r}", stage="input")
    for path, content in files.items():
        if not isinstance(content, str):
            raise NginxConfigError(f"files: {path!r} must be text, not {type(content).__name__}", stage="input")
        if not re.fullmatch(r"[A-Za-z0-9_.@/-]+", path) or any(part in ("", ".", "..") for part in path.split("/")):
            raise NginxConfigError(
                f"files: {path!r} must be a relative path without spaces and without ..", stage="input"
            )
    if files and TREE not in main:
        raise NginxConfigError(
            f"main never includes files: write include {TREE}/*.conf; where they belong", stage="input"
        )
    if not any(GENERATION in text for text in (main, *files.values())):
        raise NginxConfigError(
            f"nothing answers with the generation: add a location with return 200 {GENERATION};"
            " and name it in generation_url",
            stage="input",
        )
    identity = json.dumps([main, files, tree], sort_keys=True).encode()
    generation = hashlib.sha256(identity).hexdigest()[:16]

    def fill(text: str) -> str:
        return text.replace(TREE, f"{tree}/{generation}").replace(GENERATION, generation)

    return Desired(fill(main), {path: fill(text) for path, text in files.items()}, tree, generation)


def generation_in(main: str | None, tree: str) -> str | None:
    """The generation that a main file includes."""
    found = re.search(rf"\b{re.escape(tree)}/([0-9a-f]{{16}})\b", main or "")
    return found.group(1) if found else None


def make_plan(desired: Desired, disk: Disk, running: Running, main_name: str) -> Plan:
    """Compare what is wanted with the disk and with what runs."""
    live = generation_in(disk.main, desired.tree)
    write = disk.main != desired.main or disk.generations.get(desired.generation, {}) != desired.files
    stale = sorted(set(disk.generations) - {desired.generation})
    return Plan(
        changes=_changes(desired, disk, live, main_name) if write else [],
        write=write,
        reload=running.pid is not None and (write or running.generation != desired.generation),
        previous=_previous(disk, running, live),
        stale=stale,
        clean=bool(stale) or disk.rollback is not None,
    )


def _changes(desired: Desired, disk: Disk, live: str | None, main_name: str) -> list[Change]:
    """Compare each file with its namesake of the generation that it replaces; that name itself is no difference."""

    def texts(main: str | None, files: dict[str, str], generation: str | None) -> dict[str, str]:
        found = {f"{desired.tree}/{path}": text for path, text in files.items()}
        if main is not None:
            found[main_name] = main
        return {path: text.replace(generation, GENERATION) if generation else text for path, text in found.items()}

    before = texts(disk.main, disk.generations.get(live or "", {}), live)
    after = texts(desired.main, desired.files, desired.generation)
    return [
        Change(path, before.get(path), after.get(path))
        for path in sorted({*before, *after})
        if before.get(path) != after.get(path)
    ]


def _previous(disk: Disk, running: Running, live: str | None) -> str | None:
    """The main file to go back to: that of what runs, which a run that died may have replaced on disk already."""
    if disk.rollback is None or (running.generation is not None and running.generation == live):
        return disk.main
    return disk.rollback


def explain(output: str, stage: str, root: str, contents: dict[str, str]) -> NginxConfigError:
    """Turn the words of `nginx -t` about the staged tree into ones about the real one, with the line in question."""
    lines = [line for line in output.splitlines() if "[emerg]" in line] or output.splitlines()
    message = "\n".join(_MARK.sub("", line) for line in lines).replace(stage, root).strip()
    place = _PLACE.search(message)
    if not place:
        return NginxConfigError(f"nginx refuses this configuration: {message}", stage="test")
    file, number = place.group("file"), int(place.group("line"))
    source = contents.get(file[len(root) + 1 :], "").splitlines()
    quoted = f"\nline {number}: {source[number - 1].strip()}" if number <= len(source) else ""
    return NginxConfigError(f"nginx refuses this configuration: {message}{quoted}", "test", file, number)


def warnings_of(output: str, stage: str, root: str) -> list[str]:
    return [line.replace(stage, root) for line in output.splitlines() if "[warn]" in line]


def emergencies(log: str, pid: int) -> tuple[list[str], bool]:
    """What the master wrote when it could not take a configuration, and whether it has given up."""
    lines = [line.split(f" {pid}#{pid}: ", 1)[1] for line in log.splitlines() if f"[emerg] {pid}#{pid}: " in line]
    # It tries to bind five times in 2.5 s before it gives up.
    return list(dict.fromkeys(lines)), any(not line.startswith("bind() to ") for line in lines)
