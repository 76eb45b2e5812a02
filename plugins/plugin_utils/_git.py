# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks git servers what they have, from the controller. Private to this collection."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from typing import Any

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.plugin_utils._schema import closest

TIMEOUT_SECONDS = 30
# A commit, and what git works out from one, is known to who has the repository only.
NO_REFERENCE = re.compile(r"[0-9a-f]{7,64}|.*-g[0-9a-f]{4,64}|.*[~^:@{].*")
PREFIXES = ("", "refs/", "refs/tags/", "refs/heads/")


def check_git(apps: Any, timeout: float = TIMEOUT_SECONDS) -> tuple[list[ScaleoutError], list[str]]:
    """Problems: branches and tags that are not there. Warnings: servers that do not say. Apps are unchecked here."""
    problems, warnings = [], []
    answers: dict[str, set[str] | str] = {}
    for name, app in apps.items() if isinstance(apps, Mapping) else ():
        source = app.get("source") if isinstance(app, Mapping) else None
        url, version = (source.get("git"), source.get("version")) if isinstance(source, Mapping) else (None, None)
        if not isinstance(url, str) or not isinstance(version, str):
            continue
        if url not in answers:
            answers[url] = _references(url, timeout)
        answer = answers[url]
        place = f"webapp_apps.{name}.source"
        if isinstance(answer, str):
            warnings.append(f"{place}.git: {url} does not answer, so no release can be built from it now: {answer}")
        elif not NO_REFERENCE.fullmatch(version) and not any(prefix + version in answer for prefix in PREFIXES):
            meant = closest(version, sorted(reference.split("/", 2)[-1] for reference in answer))
            fix = f"push it, or correct version{f' (did you mean {meant}?)' if meant else ''}"
            problems.append(ScaleoutError(f"{url} has no branch and no tag {version}", f"{place}.version", fix))
    return problems, warnings


def _references(url: str, timeout: float) -> set[str] | str:
    """The names of all references, or why there is no answer. Nobody is asked for a password."""
    try:
        done = subprocess.run(
            ["git", "ls-remote", "--quiet", "--", url],
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {timeout:g} s"
    except OSError as error:
        return str(error)
    if done.returncode:
        return " ".join(done.stderr.split()) or f"git ended with {done.returncode}"
    return {line.split("\t")[1] for line in done.stdout.splitlines()}
