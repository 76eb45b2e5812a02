# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which value all holders are to have: the given one, the majority's, a new one, or none."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import replace

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._secrets.generate import generate
from ansible_collections.scaleout.webapp.plugins.module_utils._secrets.model import (
    ENCODINGS,
    KEYFILE,
    Decision,
    File,
    Prints,
    Record,
    Secret,
    Shown,
    dump_records,
    load_records,
    noted,
    record_of,
    secrets_of,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._secrets.plan import decide
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.full import EXAMPLES

THOROUGH = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
HOSTS = ("h1", "h2", "h3", "h4", "h5")
PRINTS = Prints(b"of this run")
NEW = "new-value"
NOW = "2026-11-21T10:00:00Z"


def secret(*holders: str, files: int = 1, value: str | None = None, make: bool = True) -> Secret:
    places = tuple(File(f"/f{at}", "raw", (), None, None, None, holders) for at in range(files))
    return Secret("session", holders, places, value, make, 32, "hex")


def decided(
    wanted: Secret, shown: Mapping[str, Shown | None], in_run: tuple[str, ...] = HOSTS, now: str = NOW
) -> Decision:
    return decide(wanted, shown, in_run, now, lambda _secret: NEW, PRINTS)


def of(text: str, given_value: str | None = None, in_run: tuple[str, ...] = HOSTS) -> Decision:
    """One letter for each holder: its value, - for none, ? for one that was not seen."""
    hosts = HOSTS[: len(text)]
    shown = {
        host: None if letter == "?" else Shown((None if letter == "-" else letter,))
        for host, letter in zip(hosts, text)
    }
    return decided(secret(*hosts, value=given_value), shown, in_run)


@pytest.mark.parametrize(
    ("holders", "value", "source", "writes"),
    [
        ("-----", NEW, "generated", HOSTS),
        ("-", NEW, "generated", ("h1",)),
        ("AAAAA", "A", "nodes", ()),
        ("AAAAB", "A", "nodes", ("h5",)),
        ("AAAA-", "A", "nodes", ("h5",)),
        ("AAAA?", "A", "nodes", ("h5",)),
        ("A----", "A", "nodes", HOSTS[1:]),
        ("AAABB", "A", "nodes", ("h4", "h5")),
        ("AA-B", "A", "nodes", ("h3", "h4")),
        ("AAAB?", "A", "nodes", ("h4", "h5")),
        ("AA-?", "A", "nodes", ("h3", "h4")),
        ("A?", "A", "nodes", ("h2",)),
        ("A????", "A", "nodes", HOSTS[1:]),
    ],
)
def test_a_value_is_found(holders: str, value: str, source: str, writes: tuple[str, ...]) -> None:
    decision = of(holders)
    assert decision.problem is None
    assert (decision.value, decision.source, decision.writes) == (value, source, writes)


@pytest.mark.parametrize(
    ("holders", "said"),
    [
        ("AABB-", r"session: its holders disagree.*: \w+ on h1, h2; \w+ on h3, h4\. Give the right value"),
        ("AABB?", r"\w+ on h1, h2; \w+ on h3, h4; h5 could not be asked"),
        ("AB", r"\w+ on h1; \w+ on h2"),
        ("AABC-", "disagree"),
        ("AABCD", "disagree"),
        ("AAB??", "h4, h5 could not be asked"),
        ("AAB-?", "disagree"),
        ("----?", "no holder that was seen has a value, and h5 could not be asked"),
        ("?????", "no holder that was seen"),
        ("A-?", "h2 has no value, and whether that of the others is the right one"),
        ("A-???", "cannot be told while h3, h4, h5 cannot be asked"),
    ],
)
def test_what_cannot_be_told_is_refused(holders: str, said: str) -> None:
    decision = of(holders)
    assert (decision.value, decision.source, decision.writes) == (None, "none", ())
    with pytest.raises(ScaleoutError, match=said):
        raise decision.problem or AssertionError("not refused")
    assert not re.search(r"\b[A-D]\b", str(decision.problem)), "a value is shown"
    told = of(holders, given_value="G")
    assert (told.value, told.source, told.writes) == ("G", "given", HOSTS[: len(holders)])


@pytest.mark.parametrize(
    ("holders", "refused"), [("AAA", True), ("AAB", True), ("A--", True), ("A-?", True), ("---", False), ("AB-", False)]
)
def test_a_given_value_that_may_not_replace_another(holders: str, refused: bool) -> None:
    """Where most holders have one, whoever checks it knows that. Elsewhere it ends the doubt, and may be given."""
    hosts = HOSTS[: len(holders)]
    shown = {
        host: None if letter == "?" else Shown((None if letter == "-" else letter,))
        for host, letter in zip(hosts, holders)
    }
    careful = replace(secret(*hosts, value="G"), replace=False)
    told = decided(careful, shown)
    assert bool(told.problem) == refused
    assert told.writes == (() if refused else hosts)
    if refused:
        assert re.search(
            r"session: the given value \(\w+\) is another one than that of h1.* \(\w+\)", str(told.problem)
        )
    same = decided(replace(careful, value="A"), shown)
    assert same.problem is None
    assert (same.value, same.source) == ("A", "given")


def test_what_is_not_to_be_made_must_be_there_or_given() -> None:
    shown = {host: Shown((None,)) for host in HOSTS}
    decision = decided(secret(*HOSTS, make=False), shown)
    assert "none is made for it: h1, h2, h3, h4, h5. Give its value" in str(decision.problem)
    assert decided(secret(*HOSTS, make=False, value="G"), shown).value == "G"
    assert decided(secret(*HOSTS, make=False), {**shown, "h1": Shown(("A",))}).value == "A"


def test_hosts_outside_the_run_count_and_are_not_written_to() -> None:
    assert of("AAB", in_run=("h3",)).writes == ("h3",)
    assert of("AAB", in_run=("h1",)).writes == ()
    assert of("---", in_run=("h1",)).writes == ("h1",)
    assert of("A-?", in_run=("h1",)).problem is None, "nothing is to be written, so nothing can be wrong"


def test_a_file_that_is_not_understood_is_never_written_over() -> None:
    shown = {"h1": Shown((None,), problems=("/f: it is no JSON",)), "h2": Shown(("A",))}
    for value in (None, "G"):
        decision = decided(secret("h1", "h2", value=value), shown)
        assert "session: h1: /f: it is no JSON" in str(decision.problem)


def test_a_holder_whose_own_files_disagree_has_no_vote_and_counts() -> None:
    both = secret("h1", "h2", "h3", files=2)
    divided, whole, half = Shown(("A", "B")), Shown(("A", "A")), Shown(("A", None))
    assert decided(both, {"h1": divided, "h2": whole, "h3": whole}).writes == ("h1",)
    assert decided(both, {"h1": half, "h2": Shown((None, None)), "h3": Shown((None, None))}).writes == (
        "h1",
        "h2",
        "h3",
    )
    problem = decided(both, {"h1": divided, "h2": whole, "h3": Shown((None, None))}).problem
    assert "h1: /f0, h2;" in str(problem)
    assert "h1: /f1" in str(problem)


def test_the_age_goes_with_the_value() -> None:
    old, new = Record(3, "2026-01-01T00:00:00Z"), Record(4, NOW)
    three = secret("h1", "h2", "h3")
    fresh = {host: Shown((None,)) for host in three.holders}
    assert decided(three, fresh).record == Record(1, NOW)
    with_old = {host: Shown(("A",), old, 3) for host in three.holders}
    assert decided(three, with_old).writes == ()
    assert decided(three, {**with_old, "h3": Shown((None,))}).record == old, "a host that joins learns the age"
    assert decided(replace(three, value="G"), with_old).record == new
    unknown = {host: Shown(("A",)) for host in three.holders}
    assert decided(three, unknown).writes == (), "hand-copied secrets are adopted without a change"
    assert decided(three, unknown).record is None
    assert decided(replace(three, value="A"), unknown).writes == ()
    half = {"h1": Shown(("G",), new, 4), "h2": Shown(("A",), old, 3), "h3": Shown(("A",), old, 3)}
    again = decided(replace(three, value="G"), half, now="2026-12-01T00:00:00Z")
    assert (again.record, again.writes) == (new, ("h2", "h3")), "a change that was interrupted is one change"
    lost = {**with_old, "h2": Shown(("A",), None, 0)}
    assert decided(three, lost).writes == ("h2",), "a lost record is written again"


SHOWN = st.one_of(
    st.none(),
    st.builds(
        Shown,
        st.tuples(*[st.sampled_from([None, "A", "B", "C"])] * 2),
        st.sampled_from([None, Record(1, "2026-01-01"), Record(2, "2026-02-01")]),
        st.integers(0, 3),
        st.booleans(),
    ),
)
CLUSTERS = st.fixed_dictionaries(dict.fromkeys(HOSTS, SHOWN))


@THOROUGH
@given(CLUSTERS, st.sampled_from([None, "A", "G"]), st.sets(st.sampled_from(HOSTS)), st.booleans())
def test_whatever_holders_show(shown: dict[str, Shown | None], value: str | None, in_run: set[str], make: bool) -> None:
    wanted = secret(*HOSTS, files=2, value=value, make=make)
    decision = decided(wanted, shown, tuple(host for host in HOSTS if host in in_run))
    seen = {host: found for host, found in shown.items() if found}
    full = [found for found in seen.values() if not found.empty]
    votes = [found.vote for found in full]
    assert set(decision.writes) <= in_run
    if value:
        assert (decision.value, decision.source) == (value, "given")
    elif decision.source == "generated":
        assert len(seen) == len(HOSTS)
        assert not full
        assert make
    elif decision.source == "nodes":
        known = {held for found in full for held in found.values if held}
        changed = [host for host in decision.writes if host in seen and not seen[host].holds(str(decision.value))]
        if len(known) > 1 or any(seen[host].empty for host in changed):
            possible = len(full) + len(HOSTS) - len(seen)
            assert 2 * votes.count(decision.value) > possible, "less than a majority, whatever the unseen ones hold"
    else:
        assert decision.problem
        assert decision.writes == ()
        return
    # What is written is there the next time, wherever the run was killed, and then nothing is left to do.
    for upto in range(len(decision.writes) + 1):
        after = dict(shown)
        for host in decision.writes[:upto]:
            after[host] = Shown((decision.value, decision.value), decision.record, 9)
        again = decided(wanted, after, tuple(sorted(in_run)), now="2027-01-01")
        if upto == len(decision.writes):
            assert (again.value, again.writes) == (decision.value, ())
            assert again.record == decision.record or not decision.writes
        elif again.problem is None and again.source != "generated":
            assert again.value == decision.value


def test_a_print_is_of_one_run_and_one_secret() -> None:
    assert PRINTS("a", "value") == PRINTS("a", "value") != PRINTS("b", "value")
    assert Prints(b"of another run")("a", "value") != PRINTS("a", "value")
    assert PRINTS("a", None) == ""


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("size", [16, 32, 768])
def test_what_is_made_is_new_each_time_and_fits(encoding: str, size: int) -> None:
    wanted = replace(secret("h1"), bytes=size, encoding=encoding)
    made = {generate(wanted) for _time in range(20)}
    assert len(made) == 20
    for value in made:
        assert encoding != "keyfile" or KEYFILE.fullmatch(value)
        assert len(value) >= size


def entry(**more: object) -> dict[str, object]:
    file = {"path": "/etc/x.json", "format": "json", "key": "a"}
    return {"name": "s", "files": [file], "generate": True, "bytes": 32, "encoding": "hex", **more}


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (entry(files=[]), "s: has no file"),
        (entry(files=[{"path": "x", "format": "raw"}]), "x is no absolute path"),
        (entry(files=[{"path": "/x", "format": "raw", "key": "a"}]), "/x is raw and has a key"),
        (entry(files=[{"path": "/x", "format": "json"}]), "/x has no key"),
        (entry(files=[{"path": "/x", "format": "json", "key": [1]}]), "no list of names"),
        (entry(files=[{"path": "/x", "format": "raw", "mode": "rw"}]), "the mode of /x is 'rw'"),
        (entry(files=[{"path": "/x", "format": "raw", "hosts": ["h1"]}]), "h2 is a holder and has none of its files"),
        (entry(holders=["h1"], files=[{"path": "/x", "format": "raw", "hosts": ["h1", "h2"]}]), "on h2, no holder"),
        (entry(value=""), "its value is empty"),
        (entry(value="\ud800"), "no valid Unicode"),
        (entry(value="not base64!", encoding="keyfile"), "no key of MongoDB"),
        (entry(bytes=769, encoding="keyfile"), "bytes is 769. Give 8 to 768"),
        (entry(bytes=7), "bytes is 7"),
    ],
)
def test_a_wrong_wish_is_refused(option: dict[str, object], said: str) -> None:
    with pytest.raises(ScaleoutError) as refused:
        secrets_of([option], ["h1", "h2"])
    assert said in str(refused.value)
    assert "not base64" not in str(refused.value), "a value is shown"


def test_places_do_not_clash() -> None:
    def two(one: Mapping[str, object], other: Mapping[str, object]) -> list[dict[str, object]]:
        return [entry(files=[one]), entry(name="t", files=[other])]

    a = {"path": "/x", "format": "json", "key": "a"}
    assert len(secrets_of(two(a, {**a, "key": "b"}), ["h1"])) == 2
    apart = two({**a, "hosts": ["h1"]}, {**a, "hosts": ["h2"]})
    assert len(secrets_of([{**one, "holders": one["files"][0]["hosts"]} for one in apart], ["h1", "h2"])) == 2  # type: ignore[index]
    clashing: list[tuple[Mapping[str, object], str]] = [
        (a, "no place of its own for t"),
        ({**a, "key": ["a", "b"]}, "no place of its own for t"),
        ({**a, "key": "b", "mode": "0600"}, "different formats, owners, groups or modes"),
        ({"path": "/x", "format": "raw"}, "different formats"),
    ]
    for other, said in clashing:
        with pytest.raises(ScaleoutError, match=said):
            secrets_of(two(a, other), ["h1"])
    with pytest.raises(ScaleoutError, match="s: is there twice"):
        secrets_of([entry(), entry()], ["h1"])


def test_many_secrets_of_many_hosts_are_checked_at_once() -> None:
    """Each host of a run does it: what grows with the square of them is seen here (it was 3.5 s)."""
    hosts = [f"h{at}" for at in range(1000)]
    file = {"path": "/etc/x.json", "format": "json"}
    options = [entry(name=f"s{at}", files=[{**file, "key": f"s{at}"}]) for at in range(50)]
    began = time.process_time()
    assert len(secrets_of(options, hosts)) == 50
    assert time.process_time() - began < 1
    with pytest.raises(ScaleoutError, match="no place of its own for last"):
        secrets_of([*options, entry(name="last", files=[{**file, "key": "s7"}], holders=hosts[-1:])], hosts)


def test_a_record_is_about_one_value_and_keeps_what_others_add() -> None:
    record = Record(2, NOW)
    data = {"format": 1, "later": 1, "secrets": {"s": {"phase": "both", "version": 1}, "t": {"version": 7}}}
    after = load_records(dump_records(noted(data, "s", "value", record, "salt")), "/r")
    assert record_of(after, "s", "value") == record
    assert record_of(after, "s", "changed by hand") is None
    assert record_of(after, "u", "value") is None
    assert (after["later"], after["secrets"]["s"]["phase"], after["secrets"]["t"]) == (1, "both", {"version": 7})
    assert "value" not in dump_records(after).replace('"value"', "")
    assert load_records(None, "/r") == load_records("", "/r") == {"format": 1, "secrets": {}}


@pytest.mark.parametrize(
    "text", ["{", "[]", "null", '{"format": 2, "secrets": {}}', '{"format": 1, "secrets": {"a": 1}}']
)
def test_what_is_no_record_is_not_taken_for_one(text: str) -> None:
    with pytest.raises(ScaleoutError, match="/r: it is no record of secrets"):
        load_records(text, "/r")
