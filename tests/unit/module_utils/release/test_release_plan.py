"""Which release is decided on, from what the hosts hold."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._release.model import Seen, Wanted
from ansible_collections.scaleout.webapp.plugins.module_utils._release.plan import decide, surplus
from hypothesis import given
from hypothesis import strategies as st

NEW = "20260109T000000Z"


def holding(*labels: str, current: str | None = None, libc: str = "2.36") -> Seen:
    """A host with these complete releases; their labels are their stamps."""
    made = {label: label for label in labels}
    return Seen(current, made, made, {label: f"sum of {label}" for label in labels}, libc=libc)


def wanted(seen: dict[str, Seen | None], **more: object) -> Wanted:
    hosts = [name for name, host in seen.items() if host is not None]
    return replace(Wanted(seen, hosts, NEW, source=True), **more)  # type: ignore[arg-type]


def test_first_release_is_built_where_the_c_library_is_oldest() -> None:
    decision = decide(wanted({"a": Seen(libc="2.41"), "b": Seen(libc="2.9"), "c": Seen(libc="2.36")}))
    assert decision.label == decision.made == NEW
    assert decision.build_host == decision.holder == "b"
    assert decision.receivers == ["a", "c"]


def test_an_unseen_host_may_hold_the_first_release() -> None:
    with pytest.raises(ScaleoutError, match=r"no release was found, but b did not answer.*app_release"):
        decide(wanted({"a": Seen(), "b": None}))


def test_a_name_of_ones_own_makes_a_first_release_beside_an_unseen_host() -> None:
    assert decide(wanted({"a": Seen(), "b": None}, pinned="v1")).build_host == "a"


def test_an_unseen_host_does_not_matter_once_a_release_is_known() -> None:
    decision = decide(wanted({"a": holding("1", current="1"), "b": None}))
    assert (decision.label, decision.unseen, decision.build_host) == ("1", ["b"], None)


def test_what_most_hosts_run_wins() -> None:
    seen = {name: holding("1", "2", current=label) for name, label in zip("abc", "112")}
    assert decide(wanted({**seen})).label == "1"


def test_where_hosts_differ_what_ran_before_counts_as_running() -> None:
    seen = {name: holding("1", "2", "3", current=label) for name, label in zip("abc", "122")}
    assert decide(wanted({**seen}, pinned="3")).running == "2"
    assert decide(wanted({**seen}, pinned="3", before="1")).running == "1"
    assert decide(wanted({**seen}, pinned="3", before="gone")).running == "2"


def test_what_an_interrupted_run_left_on_the_only_host_does_not_count_as_running() -> None:
    host = replace(holding("1", "2", "3", current="2"), verified=["1"])
    assert decide(wanted({"a": host}, pinned="3", before="1")).running == "1"
    assert decide(wanted({"a": replace(host, verified=["1", "2"])}, pinned="3", before="1")).running == "2"


def test_one_that_never_was_well_does_not_win_over_one_that_was() -> None:
    """A deploy of 2 was killed, or lost a host, after it had switched some: nobody saw 2 well."""
    for switched in ("12", "122"):
        seen = {name: replace(holding("1", "2", current=at), verified=["1"]) for name, at in zip("abc", switched)}
        assert decide(wanted({**seen})).label == "1"
    seen["c"] = replace(seen["c"], verified=["1", "2"])
    assert decide(wanted({**seen})).label == "2"


def test_who_goes_back_leaves_newer_releases_for_good() -> None:
    host = replace(holding("1", "2", "3", current="3"), verified=["1", "2", "3"])
    assert decide(wanted({"a": host}, pinned="1")).distrusted == ["2", "3"]
    assert decide(wanted({"a": host}, new=True)).distrusted == []
    assert decide(wanted({"a": host})).distrusted == []


def test_all_hosts_agree_whatever_an_old_note_says() -> None:
    host = replace(holding("1", "2", current="2"), verified=["2"])
    assert decide(wanted({"a": host}, before="1")).running == "2"
    assert decide(wanted({"a": Seen()}, before="1")).running == ""


def test_the_previous_release_ran_well_and_is_older() -> None:
    host = replace(holding("1", "2", "3", "4", current="3"), verified=["1", "3", "4"])
    assert decide(wanted({"a": host}, previous=True)).label == "1"


@pytest.mark.parametrize("before", ["2", ""], ids=["the lock tells", "nobody looked yet"])
def test_who_rolls_back_an_interrupted_deploy_gets_what_ran_before_it(before: str) -> None:
    at = {"a": "3", "b": "2"}
    seen = {name: replace(holding("1", "2", "3", current=label), verified=["2"]) for name, label in at.items()}
    assert decide(wanted({**seen}, previous=True, before=before)).label == "2"
    well = {name: replace(host, verified=["1", "2", "3"]) for name, host in seen.items()}
    assert decide(wanted({**well}, previous=True, before="2")).label == "2"


def test_an_interrupted_rollback_goes_on() -> None:
    at = {"a": "1", "b": "2"}
    seen = {name: replace(holding("1", "2", current=label), verified=["1", "2"]) for name, label in at.items()}
    assert decide(wanted({**seen}, previous=True, before="2")).label == "1"


@pytest.mark.parametrize("verified", [[], ["2"], ["gone"]])
def test_without_a_previous_release_there_is_no_way_back(verified: list[str]) -> None:
    host = replace(holding("1", "2", current="2"), verified=verified)
    with pytest.raises(ScaleoutError, match=r"no release that ran before 2\. There are: 2, 1\. Name the release"):
        decide(wanted({"a": host}, previous=True))
    with pytest.raises(ScaleoutError, match=r"as nothing runs\. There are: none"):
        decide(wanted({"a": Seen(verified=verified)}, previous=True))


def test_the_newest_wins_a_tie() -> None:
    assert decide(wanted({"a": holding("1", current="1"), "b": holding("1", "2", current="2")})).label == "2"


def test_the_time_decides_which_is_newest_and_not_the_name() -> None:
    host = Seen(releases={"v10": "20260102", "v9": "20260101"}, artifacts={"v10": "20260102"}, checksums={"v10": "x"})
    assert decide(wanted({"a": host})).label == "v10"


def test_a_complete_release_that_nobody_runs_yet_is_taken() -> None:
    assert decide(wanted({"a": holding("1"), "b": Seen()})).receivers == ["b"]


def test_an_interrupted_build_is_taken_up_under_its_name_where_it_was() -> None:
    decision = decide(wanted({"a": Seen(libc="2.36"), "b": Seen(unfinished=["20260101T000000Z"], libc="2.36")}))
    assert (decision.label, decision.build_host) == ("20260101T000000Z", "b")


def test_a_new_release_is_made_on_request_only() -> None:
    seen: dict[str, Seen | None] = {"a": holding("1", current="1")}
    assert decide(wanted(seen)).label == "1"
    assert decide(wanted(seen, new=True)).label == NEW


def test_a_new_release_takes_up_an_interrupted_build() -> None:
    host = replace(holding("1", current="1"), unfinished=["20251231T000000Z"])
    assert decide(wanted({"a": host}, new=True)).label == "20251231T000000Z"


def test_a_new_release_is_not_called_by_the_name_that_was_given_to_another() -> None:
    host = replace(holding("1", current="1"), unfinished=["2.1"])
    decision = decide(wanted({"a": host}, new=True))
    assert (decision.label, "releases/2.1" in decision.surplus["a"]) == (NEW, True)


def test_a_link_to_a_release_that_is_not_there_counts_for_nothing() -> None:
    assert decide(wanted({"a": replace(holding("1"), current="0")})).label == "1"


def test_a_pinned_release_that_is_nowhere_needs_a_source() -> None:
    with pytest.raises(ScaleoutError, match=r"no host holds the release v7 \(b did not answer\)"):
        decide(wanted({"a": Seen(), "b": None}, pinned="v7", source=False))


def test_a_name_that_nobody_holds_beside_other_releases_is_refused() -> None:
    seen: dict[str, Seen | None] = {"a": holding("1", "2", current="2"), "b": None}
    message = r"no host holds the release 3 \(b did not answer\)\. There are: 2, 1.*app_new_release=true"
    with pytest.raises(ScaleoutError, match=message):
        decide(wanted(seen, pinned="3"))
    assert decide(wanted(seen, pinned="3", new=True)).build_host == "a"
    assert decide(wanted(seen, pinned="1")).label == "1"


def test_a_build_that_an_earlier_run_began_is_known_by_its_name() -> None:
    host = replace(holding("1", current="1"), unfinished=["2"])
    assert decide(wanted({"a": host}, pinned="2")).build_host == "a"


def test_nothing_to_build_from() -> None:
    with pytest.raises(ScaleoutError, match="app_source"):
        decide(wanted({"a": Seen()}, source=False))


@pytest.mark.parametrize("label", ["../etc", "a/b", ".hidden", "a b", "x" * 65])
def test_labels_are_names_of_folders(label: str) -> None:
    with pytest.raises(ScaleoutError, match="cannot be the name of a release"):
        decide(wanted({"a": Seen()}, pinned=label))


def test_a_lost_artefact_is_packed_again() -> None:
    bare = Seen("1", {"1": "1"})
    decision = decide(wanted({"a": Seen(), "b": bare}))
    assert (decision.build_host, decision.pack_host, decision.holder, decision.checksum) == (None, "b", "b", None)


def test_a_host_outside_of_the_run_may_be_the_only_holder() -> None:
    seen: dict[str, Seen | None] = {"a": Seen(), "b": holding("1", current="1")}
    decision = decide(wanted(seen, play_hosts=["a"]))
    assert (decision.holder, decision.checksum, decision.receivers) == ("b", "sum of 1", ["a"])
    assert set(decision.surplus) == {"a"}


def test_steps_that_any_host_knows_as_done_are_not_done_again() -> None:
    seen = {"a": holding("1", current="1"), "b": replace(holding("1", current="1"), steps={"1": ["migrate"]})}
    assert decide(wanted({**seen}, steps=["migrate", "admin"])).steps == ["admin"]


def test_a_release_that_ran_well_gets_no_step_of_a_newer_one() -> None:
    a, b = holding("1", "2", current="2"), replace(holding("1", "2", current="2"), verified=["1", "2"])
    back = decide(wanted({"a": a, "b": b}, steps=["migrate", "newer"], previous=True))
    assert (back.label, back.steps) == ("1", [])
    assert decide(wanted({"a": a, "b": b}, steps=["migrate", "newer"])).steps == []
    assert decide(wanted({"a": a, "b": b}, steps=["migrate", "newer"], new=True)).steps == ["migrate", "newer"]


def test_surplus_keeps_the_wanted_the_current_and_the_newest() -> None:
    host = replace(holding("1", "2", "3", "4", current="1"), unfinished=["0"], steps={"2": ["migrate"]})
    gone = {path.partition("/")[2].partition(".")[0] for path in surplus(host, "4", keep=3)}
    assert gone == {"0", "2"}


def test_releases_that_failed_do_not_push_out_the_one_to_roll_back_to() -> None:
    host = replace(holding("1", "2", "3", "4", "5", current="2"), verified=["1", "2"])
    gone = {path.partition("/")[2].partition(".")[0] for path in surplus(host, "5", keep=3)}
    assert gone == {"3", "4"}


@given(
    st.dictionaries(
        st.sampled_from("abcde"),
        st.none()
        | st.builds(
            lambda labels, at: holding(*labels, current=(labels or [None])[at % max(len(labels), 1)]),
            st.lists(st.sampled_from("12345"), unique=True),
            st.integers(0, 4),
        ),
        min_size=1,
    ),
    st.integers(1, 4),
)
def test_every_decision_can_be_carried_out(seen: dict[str, Seen | None], keep: int) -> None:
    """Whoever lacks the release gets it from somebody, and nothing in use is removed."""
    try:
        decision = decide(wanted(seen, keep=keep))
    except ScaleoutError:
        assert None in seen.values()
        return
    for name, host in seen.items():
        if host is None:
            continue
        has = decision.label in host.releases
        assert has or name == decision.build_host or (name in decision.receivers and decision.holder)
        kept = set(host.releases) - {path.partition("/")[2] for path in decision.surplus[name]}
        assert kept >= set(host.releases) & {decision.label, host.current}
        assert len(kept) <= max(keep, 2)
