# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A failed test prints what the run said, unless that shows a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.playbook import kill_at, run, start

SECRET = "a-secret-in-the-output"
PLAYBOOK = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Say it
      ansible.builtin.debug: {{msg: {text}}}
    - name: Fail
      ansible.builtin.fail: {{msg: on purpose}}
"""


@pytest.fixture
def playbook(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / "play.yml"
    path.write_text(PLAYBOOK.format(text=request.param))
    return path


@pytest.mark.parametrize(("playbook", "clean"), [(SECRET, False), ("harmless", True)], indirect=["playbook"])
def test_only_what_shows_no_secret_is_printed(playbook: Path, clean: bool) -> None:
    done = run(playbook, "-vvv", inventory="localhost,", secrets={"it": SECRET})
    with pytest.raises(AssertionError) as failed:
        done.recap()
    with pytest.raises(pytest.fail.Exception) as missed:
        kill_at(start(playbook, "-vvv", inventory="localhost,"), "no such task", secrets={"it": SECRET})
    for said in (str(failed.value), str(missed.value)):
        assert SECRET not in said
        assert ("on purpose" in said) is clean
        assert ("not printed, it shows it" in said) is not clean
    assert SECRET not in repr(done)
