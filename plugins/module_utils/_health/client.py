# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks URLs until all answer as they should. Private to this collection."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from typing import Callable
from urllib.error import HTTPError

from ansible.module_utils.urls import open_url

MOST_READ = 1 << 20


@dataclass(frozen=True)
class Check:
    """One URL and what it should answer. `timeout` is that of one attempt."""

    url: str
    status: int = 200
    timeout: float = 5
    contains: str = ""


@dataclass(frozen=True)
class Answer:
    """What the last attempt gave; `problem` is empty when it is as it should be."""

    check: Check
    problem: str
    attempts: int


Ask = Callable[[Check], str]


def ask(check: Check) -> str:
    """One attempt. Returns what is wrong with the answer, nothing when it is right."""
    try:
        with open_url(
            check.url, timeout=check.timeout, follow_redirects="none", use_proxy=False, force=True, validate_certs=False
        ) as answer:
            status, body = answer.status, answer.read(MOST_READ).decode(errors="replace")
    except HTTPError as error:
        status, body = error.code, error.read(MOST_READ).decode(errors="replace")
    except (OSError, HTTPException, ValueError) as error:
        return str(getattr(error, "reason", error)) or type(error).__name__
    if status != check.status:
        return f"answered {status}, not {check.status}"
    return "" if check.contains in body else f"answered {status}, but without {check.contains!r}"


def wait_one(check: Check, deadline: float, pause: float = 0.3, one: Ask = ask) -> Answer:
    """Ask until it is right, at least once."""
    attempts = 0
    while True:
        attempts += 1
        problem = one(check)
        if not problem or time.monotonic() + pause > deadline:
            return Answer(check, problem, attempts)
        time.sleep(pause)


def wait_all(checks: list[Check], seconds: float, pause: float = 0.3, one: Ask = ask) -> list[Answer]:
    """All at once; takes no longer than the slowest."""
    if not checks:
        return []
    deadline = time.monotonic() + seconds
    with ThreadPoolExecutor(max_workers=min(32, len(checks))) as pool:
        return list(pool.map(lambda check: wait_one(check, deadline, pause, one), checks))


def describe(answers: list[Answer]) -> str:
    """Those that failed, each with its last answer."""
    return "; ".join(f"{answer.check.url} {answer.problem}" for answer in answers if answer.problem)
