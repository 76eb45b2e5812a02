# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a holder of the deploy lock is called dead, and what is no lock."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._lock.model import Holder, Process, dump, is_dead, load

HELD = Process("ops 1234 pid:[4026531836]", "boot-1", 4711, "100")
HERE = replace(HELD, pid=5000, start="300")


@pytest.mark.parametrize(
    ("holder", "here", "start_now", "dead"),
    [
        (HELD, HERE, "100", False),
        (HELD, HERE, "", True),
        (HELD, HERE, "250", True),
        (HELD, replace(HERE, boot="boot-2"), "100", True),
        (replace(HELD, machine="other"), HERE, "", False),
        (replace(HELD, machine=""), replace(HERE, machine=""), "", False),
        (replace(HELD, start=""), HERE, "", False),
        (replace(HELD, boot=""), HERE, "", False),
    ],
    ids=["alive", "gone", "number reused", "rebooted", "elsewhere", "unknown", "no start", "no boot"],
)
def test_dead_is_said_only_when_it_is_certain(holder: Process, here: Process, start_now: str, dead: bool) -> None:
    assert is_dead(holder, here, start_now) == dead


def test_a_lock_is_read_as_it_was_written() -> None:
    holder = Holder("r1", "alice@ops", "release 7", "2026-11-21T10:11:12Z", HELD, {"www": {"before": "r6"}})
    assert load(dump(holder), "/lock") == holder
    assert load("", "/lock") is None


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"version": 2}', '{"version": 1, "run": "r1"}'])
def test_what_is_no_lock_is_not_taken_for_one(text: str) -> None:
    with pytest.raises(ScaleoutError, match=r"/lock: it is no deploy lock .* then remove the file"):
        load(text, "/lock")
