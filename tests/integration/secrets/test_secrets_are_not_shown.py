# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No value stands in outputs, logs, process lists or temporary files, of failing runs too; a planted one is found."""

from __future__ import annotations

import re
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.integration.secrets.nodes import LOCAL, Nodes
from tests.support.full import LONG
from tests.support.playbook import Run
from tests.support.secrets import ProcessWatch, shown

WAYS = {
    "default callback": {"ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "ANSIBLE_PIPELINING": "true"},
    "json callback": {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_PIPELINING": "false"},
}
WAYS_OF_GATE = ["default callback", pytest.param("json callback", marks=LONG)]
# Prints what it is given, secrets and all, where that is to be written; otherwise it is a Python.
TALKATIVE = """#!/bin/sh
input=$(mktemp); trap 'rm -f "$input"' EXIT
if [ -f "$1" ]; then cat "$1" > "$input"; else cat > "$input"; fi
if grep -q 'write[\\\\"]*: ' "$input"; then cat "$input"; cat "$input" >&2; exit 1; fi
{python} - < "$input"
"""


def nasty() -> str:
    """Of this test alone: others may plant theirs in processes at the same time."""
    return f"{{{{ 7 * 7 }}}} {uuid.uuid4().hex} $HOME %s 'it' \"is\" long \\ enough ü€"


class Search:
    """Runs at the highest verbosity that people use, of which everything is kept that could show a value."""

    def __init__(self, nodes: Nodes, way: str) -> None:
        self.nodes = nodes
        self.log = nodes.folder / "ansible.log"
        self.temporary = nodes.folder / "temporary"
        self.temporary.mkdir()
        temporary = {"ANSIBLE_LOCAL_TEMP": str(self.temporary), "ANSIBLE_REMOTE_TEMP": str(self.temporary / "remote")}
        nodes.environment = {**WAYS[way], **temporary, "ANSIBLE_LOG_PATH": str(self.log)}
        self.texts: list[str] = []

    def run(self, play: Path, *arguments: str) -> Run:
        done = self.nodes.run(play, "-vvv", "--diff", *arguments)
        self.texts.append(done.output)
        return done

    def found(self, secrets: Mapping[str, str]) -> set[str]:
        left = [path.read_text(errors="replace") for path in self.temporary.rglob("*") if path.is_file()]
        return set(shown("\n".join([*self.texts, self.log.read_text(), *left]), secrets))


def values_of(nodes: Nodes, *names: str) -> dict[str, str]:
    return {name: nodes.path("h1", f"{name}.raw").read_text().removesuffix("\n") for name in names}


@pytest.mark.parametrize("way", WAYS_OF_GATE)
def test_no_value_is_shown(nodes: Nodes, way: str) -> None:
    search = Search(nodes, way)
    nodes.given = {"given": nasty(), "changed": "changed-value-0123456789"}
    for host in nodes.names:
        nodes.path(host, "copied.raw").write_text("copied-by-hand-0123456789\n")
        nodes.path(host, "changed.raw").write_text("the-one-of-before-0123456789\n")
    nodes.path("h5", "copied.raw").unlink()
    known = {**nodes.given, "copied": "copied-by-hand-0123456789", "before": "the-one-of-before-0123456789"}
    secrets = [nodes.secret(name, "raw") for name in ("given", "changed", "copied", "made")]
    play = nodes.play(*secrets, shared_secrets_return_values=True)

    with ProcessWatch(known, users=set()) as watch:
        assert search.run(play, "--check").code == 0
        assert search.run(play).code == 0
    made = values_of(nodes, "made")
    known.update(made)
    nodes.path("h5", "made.raw").unlink()
    nodes.path("h4", "made.raw").write_text("of-nobody-else-0123456789\n")
    known["other"] = "of-nobody-else-0123456789"
    with ProcessWatch(known, users=set()) as second:
        assert search.run(play).code == 0
        assert values_of(nodes, "made") == made

        # Tasks that fail: a tie, a place that cannot be written, a wrong argument, a host that prints what it is given.
        for host, value in zip(nodes.names, ["one-of-two-0123456789", "two-of-two-0123456789"]):
            nodes.path(host, "tied.raw").write_text(value)
            known[f"tied on {host}"] = value
        assert search.run(nodes.play(*secrets, nodes.secret("tied", "raw"))).code != 0
        nodes.path("h3", "made.raw").unlink()
        nodes.path("h3", "file").write_text("")
        blocked = nodes.secret("given", "raw", file="file/below")
        done = search.run(nodes.play(blocked))
        assert done.code != 0
        assert "below: it cannot be written: File exists" in done.output
        wrong = {**nodes.secret("given", "raw"), "encoding": "rot13"}
        assert "rot13" in search.run(nodes.play(wrong)).output
        program = nodes.folder / "talkative"
        program.write_text(TALKATIVE.format(python=sys.executable))
        program.chmod(0o755)
        talking = search.run(play, "-e", f"ansible_python_interpreter={program}")
        assert talking.code != 0
        assert "the rest may hold secrets" in re.sub(r"\s+", " ", talking.output)

    assert search.found(known) == set()
    assert watch.found == second.found == set()
    assert second.seen > 1000


@pytest.mark.parametrize("way", WAYS_OF_GATE)
def test_a_value_that_is_shown_is_found(nodes: Nodes, way: str) -> None:
    search = Search(nodes, way)
    nodes.given = {"given": nasty()}
    show = {"name": "A leak", "debug": {"var": "shared_secrets_values"}}
    use = {
        "name": "Another",
        "command": {"argv": ["sh", "-c", "sleep 2", "{{ shared_secrets_values.made }}"]},
        "no_log": True,
    }
    third = {
        "name": "And another",
        "command": "sleep 2",
        "environment": {"LEAK": "{{ shared_secrets_values.given }}"},
        "no_log": True,
    }
    secrets = [nodes.secret("given", "raw"), nodes.secret("made", "raw")]
    assert nodes.have(*secrets).code == 0
    known = {**nodes.given, **values_of(nodes, "made")}
    with ProcessWatch(known, users=set()) as watch:
        assert search.run(nodes.play(*secrets, after=[show, use, third], shared_secrets_return_values=True)).code == 0
    assert search.found(known) == {"given", "made"}
    assert {(where.split()[0], name) for where, name in watch.found} >= {
        ("arguments", "made"),
        ("environment", "given"),
    }


@pytest.mark.parametrize("setting", ["ANSIBLE_KEEP_REMOTE_FILES", "ANSIBLE_DEBUG"])
def test_it_refuses_where_values_would_be_kept(nodes: Nodes, setting: str) -> None:
    nodes.environment = {setting: "true"}
    done = nodes.have(nodes.secret("made", "raw"))
    assert done.code != 0
    assert f"{setting} is set, so that secrets would be kept or shown. Unset it." in done.output
    assert nodes.tree() == {}


@pytest.mark.parametrize("asked", [False, pytest.param(True, marks=LONG)])
def test_a_later_task_has_no_value_at_hand_that_was_not_asked_for(nodes: Nodes, asked: bool) -> None:
    keep = {
        "name": "Look for values",
        "copy": {
            "content": "{{ hostvars | string }}{{ hostvars.h1 | string }}{{ vars | string }}",
            "dest": str(nodes.folder / "all"),
        },
        "no_log": True,
        "run_once": True,
        "vars": LOCAL,
    }
    secret = nodes.secret("made", "raw")
    assert nodes.have(secret, after=[keep], shared_secrets_return_values=asked).code == 0
    found = shown((nodes.folder / "all").read_text(), values_of(nodes, "made"))
    assert found == (["made"] if asked else [])
