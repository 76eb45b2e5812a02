# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks git servers what they have, from the controller. Private to this collection."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.plugin_utils._schema import closest
from ansible_collections.scaleout.webapp.plugins.plugin_utils._usage import Usage

TIMEOUT_SECONDS = 10
AT_ONCE = 8
# A commit, and what git works out from one, is known to who has the repository only.
NO_REFERENCE = re.compile(r"[0-9a-f]{7,64}|.*-g[0-9a-f]{4,64}|.*[~^:@{].*")
PREFIXES = ("", "refs/", "refs/tags/", "refs/heads/")


def check_git(apps: Any, usage: Usage, timeout: float = TIMEOUT_SECONDS) -> tuple[list[ScaleoutError], list[str]]:
    """Problems: branches and tags that are not there. Warnings: servers that do not say. Apps are unchecked here."""
    problems, warnings = [], []
    wanted = _wanted(apps, usage)
    urls = sorted({url for url, _version in wanted.values()})
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = dict(zip(urls, pool.map(lambda url: _references(url, timeout), urls)))
    for name, (url, version) in wanted.items():
        answer = answers[url]
        place = f"webapp_apps.{name}.source"
        if isinstance(answer, str):
            warnings.append(f"{place}.git: {url} does not answer, so no release can be built from it now: {answer}")
        elif not NO_REFERENCE.fullmatch(version) and not any(prefix + version in answer for prefix in PREFIXES):
            meant = closest(version, sorted(reference.split("/", 2)[-1] for reference in answer))
            fix = f"push it, or correct version{f' (did you mean {meant}?)' if meant else ''}"
            problems.append(ScaleoutError(f"{url} has no branch and no tag {version}", f"{place}.version", fix))
    return problems, warnings


def _wanted(apps: Any, usage: Usage) -> dict[str, tuple[str, str]]:
    """URL and version of the apps whose source is used."""
    wanted = {}
    for name, app in apps.items() if isinstance(apps, Mapping) else ():
        source = app.get("source") if isinstance(app, Mapping) and "source" in usage.of_app(app) else None
        url, version = (source.get("git"), source.get("version")) if isinstance(source, Mapping) else (None, None)
        if isinstance(url, str) and isinstance(version, str):
            wanted[str(name)] = (url, version)
    return wanted


def _references(url: str, timeout: float) -> set[str] | str:
    """The names of all references, or why there is no answer. Nobody is asked for a password."""
    try:
        process = subprocess.Popen(
            ["git", "ls-remote", "--quiet", "--", url],
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    except OSError as error:
        return str(error)
    with process:
        try:
            said, complaint = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            # With the helper or SSH that git started: they would wait on.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            return f"no answer within {timeout:g} s"
    if process.returncode:
        return " ".join(complaint.split()) or f"git ended with {process.returncode}"
    return {line.split("\t")[1] for line in said.splitlines()}
