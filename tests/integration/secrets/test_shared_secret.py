# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same secrets on every node, whatever they have before, through real runs of the role."""

from __future__ import annotations

import json
import os
import random
import re
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from tests.integration.secrets.nodes import KEYS, Nodes
from tests.support.full import FULL, LONG
from tests.support.parsers import seen
from tests.support.playbook import RECAP, Run, kill, start

NASTY = '{{ 7 * 7 }}{% raw %}\n$HOME %s ${x} \\n "quoted" it\'s `no` ü€😀 #\\ end'
# A dotenv file has no escapes: not all kinds of quotes at once.
NASTY_DOTENV = '{{ 7 * 7 }}{% raw %}\n$HOME %s ${x} \\n "quoted" it\'s ü€😀 #\\ end'
OLD = {"json": '{"other": 1}\n', "php": "<?php return array('other' => 1);\n", "dotenv": "OTHER=1\n"}


def value_in(format_: str, text: str) -> str:
    """What the program of the format sees there."""
    if format_ == "raw":
        return text.removesuffix("\n")
    found = seen(format_, [text])[0]
    key = KEYS[format_]
    for name in [key] if isinstance(key, str) else key:
        found = found[name]
    return str(found)


def recap(output: str) -> dict[str, tuple[int, ...]]:
    return {name: tuple(int(count) for count in counts) for name, *counts in RECAP.findall(output)}


def refused(done: Run, said: str) -> None:
    assert done.code != 0
    assert re.search(said, re.sub(r"\s+", " ", done.output)), done.output[-3000:]


def put(nodes: Nodes, values: str, name: str = "key.raw") -> None:
    """One letter for each host: its value, - for none."""
    for host, letter in zip(nodes.names, values):
        if letter != "-":
            nodes.path(host, name).write_text(letter * 40 + "\n")


def test_four_beats_in_every_format(nodes: Nodes) -> None:
    secrets = [nodes.secret(f"s_{format_}", format_) for format_ in KEYS]
    for format_, text in OLD.items():
        nodes.path("h2", f"s_{format_}.{format_}").write_text(text)
    before = nodes.tree()
    play = nodes.play(*secrets)
    assert nodes.run(play, "--check", "--diff").changed() == 5
    assert nodes.tree() == before, "check mode wrote"
    done = nodes.run(play, "--diff")
    assert done.changed() == 5
    after = nodes.tree()
    for format_ in KEYS:
        values = {host: value_in(format_, text) for host, text in nodes.texts(f"s_{format_}.{format_}").items()}
        assert len(values) == 5
        assert len(set(values.values())) == 1, f"{format_} differs"
        assert re.fullmatch("[0-9a-f]{64}", values["h1"])
        assert values["h1"] not in done.output
    assert seen("php", [nodes.path("h2", "s_php.php").read_text()])[0]["other"] == 1
    modes = {stat.S_IMODE(about[2]) for path, about in after.items() if not path.startswith("h2/s_")}
    assert modes == {0o600}
    assert nodes.run(play, "--diff").changed() == 0
    assert nodes.run(play, "--check", "--diff").changed() == 0
    assert nodes.tree() == after
    report = nodes.report()["s_json"]
    assert (report["source"], report["version"], report["agree"]) == ("nodes", 1, True)
    assert {about["state"] for about in report["holders"].values()} == {"agrees"}


@LONG
def test_given_values_that_look_like_templates_survive(nodes: Nodes) -> None:
    names = {f"s_{format_}": format_ for format_ in KEYS}
    nodes.given = {name: NASTY_DOTENV if format_ == "dotenv" else NASTY for name, format_ in names.items()}
    secrets = [nodes.secret(name, format_) for name, format_ in names.items()]
    use = {
        "name": "Make use of a value in a later task",
        "copy": {
            "content": "{{ shared_secrets_values.s_json }}",
            "dest": f"{nodes.folder}/{{{{ inventory_hostname }}}}/used",
        },
        "no_log": True,
    }
    play = nodes.play(*secrets, after=[use], shared_secrets_return_values=True)
    assert nodes.run(play).changed() == 10
    assert nodes.run(play).changed() == 0
    assert nodes.texts("used") == dict.fromkeys(nodes.names, NASTY)
    # What was given once is found on the nodes when it is given no more.
    nodes.given = {}
    assert nodes.have(*[nodes.secret(name, format_) for name, format_ in names.items()]).changed() == 0
    for name, format_ in names.items():
        for text in nodes.texts(f"{name}.{format_}").values():
            assert value_in(format_, text) == (NASTY_DOTENV if format_ == "dotenv" else NASTY)


@pytest.mark.parametrize(
    ("down", "cases"),
    [
        ("", {"AAAAB": "AAAAA", "AAAA-": "AAAAA", "A----": "AAAAA", "BABBA": "BBBBB"}),
        pytest.param("h5", {"AAAA-": "AAAA-", "AAA--": "AAAA-", "AAABA": "AAAAA"}, marks=LONG),
    ],
    ids=["all are seen", "one is down"],
)
def test_five_hosts_get_what_most_of_them_have(nodes: Nodes, down: str, cases: dict[str, str]) -> None:
    for case in cases:
        put(nodes, case, f"{case}.raw")
    nodes.down = {down} - {""}
    secrets = [nodes.secret(case, "raw") for case in cases]
    for time_ in range(2):
        done = nodes.have(*secrets)
        ended = recap(done.output)
        assert {host for host, (_changed, unreachable, _failed) in ended.items() if unreachable} == nodes.down
        assert {failed for _changed, _unreachable, failed in ended.values()} == {0}
        changed = {host for host, (count, *_bad) in ended.items() if count}
        assert changed == {
            host
            for at, host in enumerate(nodes.names)
            if time_ == 0 and any(before[at] != after[at] for before, after in cases.items())
        }
        for case, after in cases.items():
            expected = {host: letter * 40 + "\n" for host, letter in zip(nodes.names, after) if letter != "-"}
            assert nodes.texts(f"{case}.raw") == expected
    for about in nodes.report().values():
        assert about["agree"] is not bool(down)
        assert not down or about["holders"][down]["state"] == "unseen"
    if down:
        nodes.down = set()
        assert nodes.have(*secrets).changed() == 1
        assert {text for case in cases for text in nodes.texts(f"{case}.raw").values()} == {"A" * 40 + "\n"}


@pytest.mark.parametrize(
    ("down", "cases"),
    [
        pytest.param(
            "",
            {"AABB-": r"its holders disagree.* (\w{10}) on h1, h2; (\w{10}) on h3, h4\. Give the right value"},
            id="all are seen",
            marks=LONG,
        ),
        pytest.param(
            "h5",
            {
                "AABB-": r"on h1, h2; \w{10} on h3, h4; h5 could not be asked",
                "AAB--": r"on h1, h2; \w{10} on h3; h5 could not be asked",
                "A----": "h2, h3, h4 has no value, and whether that of the others is the right one",
                "-----": "no holder that was seen has a value, and h5 could not be asked",
            },
            id="one is down",
        ),
    ],
)
def test_where_it_cannot_be_told_nothing_is_written(nodes: Nodes, down: str, cases: dict[str, str]) -> None:
    for case in cases:
        put(nodes, case, f"{case}.raw")
    nodes.down = {down} - {""}
    before = nodes.tree()
    other = nodes.secret("other", "json", holders=["h1"])
    play = nodes.play(*[nodes.secret(case, "raw") for case in cases], other)
    for arguments in ((), ("--check", "--diff")):
        done = nodes.run(play, *arguments)
        for case, said in cases.items():
            refused(done, f"{case}: .*{said}")
    assert nodes.tree() == before, "another secret was written all the same"
    # A report is no failure.
    assert nodes.have(*[nodes.secret(case, "raw") for case in cases], entry="report").code == 0
    for case, said in cases.items():
        about = nodes.report()[case]
        assert not about["agree"]
        assert re.search(said, about["problem"])
    assert nodes.tree() == before
    nodes.given = dict.fromkeys(cases, "G" * 40)
    nodes.have(*[nodes.secret(case, "raw") for case in cases])
    for case in cases:
        assert nodes.texts(f"{case}.raw") == {host: "G" * 40 + "\n" for host in nodes.names if host != down}


def test_hand_copied_secrets_are_adopted_without_a_change(nodes: Nodes) -> None:
    texts = {
        "s_json": '{"modules" : {"express":{"secret" :"copied \\u00fc"}}, "z":[]}',
        "s_php": "<?php\n# by hand\nreturn array('secret' => \"copied\\x21\") ;",
        "s_javascript": "'use strict'\nmodule.exports = {session: {secret: `copied`, n: 1}}",
        "s_dotenv": 'export SECRET = "copied" # by hand',
        "s_raw": "copied",
    }
    for at, host in enumerate(nodes.names):
        for name, text in texts.items():
            path = nodes.path(host, f"{name}.{name[2:]}")
            path.write_text(text + ("\n" if at % 2 and name == "s_raw" else ""))
            os.chown(path, at, at)
            path.chmod(0o640 + at)
    before = nodes.tree()
    secrets = [nodes.secret(name, name[2:], generate=False) for name in texts]
    for arguments in (("--check",), (), ("--diff",)):
        done = nodes.run(nodes.play(*secrets), *arguments)
        assert done.changed() == 0
        assert nodes.tree() == before
    report = nodes.report()
    assert all(about["agree"] and about["version"] is None for about in report.values())
    assert "h2/s_raw.raw on h2 can be read" not in done.output
    assert "s_raw.raw on h5 can be read by everybody" in re.sub(r"\s+", " ", done.output)


@LONG
def test_owner_and_mode_are_mended(nodes: Nodes) -> None:
    put(nodes, "AAAAA")
    nodes.path("h3", "key.raw").chmod(0o644)
    os.chown(nodes.path("h4", "key.raw"), 1, 1)
    secret = nodes.secret("key", "raw", owner="root", group="root", mode="0600")
    os.chmod(nodes.path("h1", "key.raw"), 0o600)
    assert nodes.run(nodes.play(secret), "--check").changed() == 4
    assert nodes.have(secret).changed() == 4
    states = [nodes.path(host, "key.raw").stat() for host in nodes.names]
    assert {(state.st_uid, state.st_gid, stat.S_IMODE(state.st_mode)) for state in states} == {(0, 0, 0o600)}
    assert nodes.have(secret).changed() == 0
    assert set(nodes.texts("key.raw").values()) == {"A" * 40 + "\n"}


@LONG
def test_holders_outside_the_limit_are_asked_and_not_written_to(nodes: Nodes) -> None:
    put(nodes, "--AAA")
    secret = nodes.secret("key", "raw")
    play = nodes.play(secret)
    done = nodes.run(play, "--limit", "h1")
    assert recap(done.output) == {"h1": (1, 0, 0)}
    assert nodes.texts("key.raw").keys() == {"h1", "h3", "h4", "h5"}
    assert len(set(nodes.texts("key.raw").values())) == 1
    assert nodes.run(play, "--limit", "h1:h3").changed() == 0
    nodes.down = {"h4"}
    nodes.path("h3", "key.raw").unlink()
    assert nodes.run(play, "--limit", "h1,h3").changed() == 1, "h1 and h5 have it, h4 alone is no majority against them"
    nodes.path("h3", "key.raw").unlink()
    nodes.path("h5", "key.raw").unlink()
    refused(nodes.run(play, "--limit", "h3"), "whether that of the others is the right one cannot be told while h4")
    nodes.clear()
    refused(nodes.run(play, "--limit", "h1"), "no holder that was seen has a value, and h4 could not be asked")
    assert nodes.tree() == {}
    nodes.down = set()
    assert nodes.run(play, "--limit", "h1").changed() == 1
    assert nodes.texts("key.raw").keys() == {"h1"}
    assert nodes.have(secret).changed() == 4
    assert len(set(nodes.texts("key.raw").values())) == 1
    nameless = {**secret, "files": [{"path": str(nodes.folder / "all"), "format": "raw"}]}
    del nameless["holders"]
    refused(nodes.run(nodes.play(nameless), "--limit", "h1"), "key names no holders, and --limit leaves hosts out")


def test_what_differs_by_host_has_to_be_said(nodes: Nodes) -> None:
    files = [{"path": str(nodes.folder) + "/{{ inventory_hostname }}/x", "format": "raw"}]
    refused(
        nodes.have({"name": "key", "holders": nodes.names, "files": files}), "the list of secrets is another one for h2"
    )
    assert nodes.tree() == {}


def test_a_file_that_is_not_understood_stops_everything(nodes: Nodes) -> None:
    nodes.path("h2", "a.json").write_text("{broken")
    nodes.path("h4", "b.php").write_text("<?php return ['secret' => getenv('X')];")
    os.symlink("elsewhere", nodes.path("h5", "c.raw"))
    before = nodes.tree()
    done = nodes.have(nodes.secret("a", "json"), nodes.secret("b", "php"), nodes.secret("c", "raw"))
    for said in (
        r"a: h2: \S+/h2/a\.json, line 1: it is no JSON",
        r"b: h4: \S+/h4/b\.php, line 1: secret is no text in quotes",
        r"c: h5: \S+/h5/c\.raw: it is a symbolic link\. Name the file itself",
    ):
        refused(done, said)
    assert nodes.tree() == before


@LONG
def test_values_are_told_apart_by_marks_of_one_run_only(nodes: Nodes) -> None:
    put(nodes, "AAAAB")
    marks = set()
    for _run in range(2):
        nodes.run(nodes.play(nodes.secret("key", "raw")), "--check")
        holders = nodes.report()["key"]["holders"]
        assert holders["h1"]["fingerprint"] == holders["h2"]["fingerprint"] != holders["h5"]["fingerprint"]
        assert holders["h5"]["state"] == "differs"
        marks.add(holders["h1"]["fingerprint"])
    assert len(marks) == 2


@LONG
def test_versions_count_changes(nodes: Nodes) -> None:
    secret = nodes.secret("key", "raw")
    nodes.have(secret)
    since = []
    for value in ("G" * 40, "H" * 40):
        nodes.given = {"key": value}
        nodes.have(nodes.secret("key", "raw"))
        nodes.given = {}
        nodes.have(secret, entry="report")
        since.append(nodes.report()["key"])
    assert [about["version"] for about in since] == [2, 3]
    assert all(about["agree"] and about["changed_at"].startswith("20") for about in since)
    record = json.loads(nodes.path("h1", "record.json").read_text())
    assert set(record["secrets"]["key"]) == {"version", "changed_at", "salt", "tag"}


def killed(nodes: Nodes, play: Path, secrets: list[dict[str, Any]], after: float) -> int:
    """Kill a run some time after it began to write, and count the files that are there."""
    process = start(play, inventory=nodes.inventory(), ANSIBLE_FORKS="1")
    deadline = time.monotonic() + 60
    while not list(nodes.folder.glob("h*/record.json")):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(after)
    kill(process)
    process.communicate()
    return len(
        [path for path in nodes.folder.glob("h*/*.*") if path.suffix in (".raw", ".json") and path.stem != "record"]
    )


def test_the_next_run_ends_what_a_killed_one_began(nodes: Nodes) -> None:
    secrets = [nodes.secret("key", "raw"), nodes.secret("session", "json")]
    play = nodes.play(*secrets)
    counts = []
    for _time in range(12 if FULL else 1):
        nodes.clear()
        counts.append(killed(nodes, play, secrets, random.uniform(0, 1.5)))
        first = nodes.texts("key.raw")
        assert len(set(first.values())) <= 1
        assert nodes.run(play).code == 0
        for name in ("key.raw", "session.json"):
            assert len(nodes.texts(name)) == 5
            assert len(set(nodes.texts(name).values())) == 1
        assert set(first.values()) <= set(nodes.texts("key.raw").values()), "what was written was not adopted"
        assert nodes.run(play).changed() == 0
        assert not list(nodes.folder.glob("h*/.*.scaleout-new"))
        assert len({about["version"] for about in nodes.report()["key"]["holders"].values()}) == 1
    assert min(counts) < 10, "no run was killed half-way"


@LONG
def test_the_number_of_tasks_does_not_depend_on_that_of_secrets(tmp_path: Path) -> None:
    """All hosts are this machine and share the files, as 20 machines would have the same paths."""
    nodes = Nodes(tmp_path, 20)
    shared = str(tmp_path / "all.json")
    tasks = []
    for count in (1, 50):
        files = [[{"path": shared, "format": "json", "key": f"s{at}"}] for at in range(count)]
        secrets = [{"name": f"s{at}", "holders": nodes.names, "files": named} for at, named in enumerate(files)]
        play = nodes.play(*secrets, shared_secrets_record=str(tmp_path / "record.json"))
        done = nodes.run(play)
        tasks.append(done.output.count("\nTASK ["))
        assert done.changed() > 0
    assert len(set(json.loads(Path(shared).read_text()).values())) == 50
    began = time.monotonic()
    assert nodes.run(play).changed() == 0
    print(f"50 secrets on 20 hosts, nothing to do: {time.monotonic() - began:.1f} s, {tasks[1]} tasks")
    assert tasks[0] == tasks[1] <= 8
