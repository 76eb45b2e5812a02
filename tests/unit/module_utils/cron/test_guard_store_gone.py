# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guard whose store stops to answer at a bad moment."""

from __future__ import annotations

import getpass
import time
from datetime import datetime, timezone
from pathlib import Path

from cron_guard.fires import show
from cron_guard.guard import Guard, Settings
from cron_guard.records import Record, Store, StoreDown


class LosesAnswers(Store):
    """Does as it is told, and is gone before it says so."""

    def check(self) -> float:
        return time.time()

    def unsettled(self, job: str, before: str) -> list[Record]:
        return []

    def create(self, record: Record) -> bool:
        raise StoreDown("gone")


def test_what_runs_without_the_store_leaves_nothing_to_be_started_again(tmp_path: Path) -> None:
    settings = Settings(
        set="test",
        id="job",
        command=f"echo x >> {tmp_path}/marks",
        schedule={},
        store="",
        store_failure="run",
        node="app",
        user=getpass.getuser(),
        store_wait=0.1,
        lease_seconds=1,
        state_path=str(tmp_path / "state"),
    )
    assert Guard(settings, LosesAnswers()).fire(show(datetime.now(timezone.utc))) == 0
    assert (tmp_path / "marks").read_text() == "x\n"
    assert not list((tmp_path / "state").iterdir())
