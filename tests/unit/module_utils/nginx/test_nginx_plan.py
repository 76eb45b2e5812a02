from __future__ import annotations

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.model import (
    Change,
    Desired,
    Disk,
    NginxConfigError,
    Running,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.plan import (
    desire,
    emergencies,
    explain,
    make_plan,
    warnings_of,
)
from hypothesis import given
from hypothesis import strategies as st

MAIN = "events {}\nhttp { include @TREE@/*.conf; }\n"
STATUS = "server { location = /generation { return 200 @GENERATION@; } }\n"


def wanted(site: str = "a") -> Desired:
    return desire(MAIN, {"status.conf": STATUS, "site.conf": f"# {site}\n"}, "managed")


def disk(desired: Desired, rollback: str | None = None) -> Disk:
    return Disk(desired.main, {desired.generation: dict(desired.files)}, rollback)


class TestDesire:
    def test_fills_in_placeholders(self) -> None:
        desired = wanted()
        assert f"include managed/{desired.generation}/*.conf;" in desired.main
        assert f"return 200 {desired.generation};" in desired.files["status.conf"]

    @given(st.dictionaries(st.sampled_from(["a.conf", "b.conf", "sub/c.conf"]), st.text(), max_size=3), st.text())
    def test_generation_names_the_content(self, files: dict[str, str], more: str) -> None:
        main = MAIN + "@GENERATION@"
        one = desire(main, files, "managed")
        assert desire(main, dict(reversed(list(files.items()))), "managed") == one
        if more:
            assert desire(main + more, files, "managed").generation != one.generation

    @pytest.mark.parametrize("path", ["/etc/passwd", "../a.conf", "a/../b.conf", "a b.conf", "", "a//b"])
    def test_refuses_paths(self, path: str) -> None:
        with pytest.raises(NginxConfigError, match="relative path without spaces"):
            desire(MAIN, {path: STATUS}, "managed")

    @pytest.mark.parametrize("tree", ["", "/etc", "a/b", "..", ".hidden"])
    def test_refuses_trees(self, tree: str) -> None:
        with pytest.raises(NginxConfigError, match="name of one folder"):
            desire(MAIN, {"status.conf": STATUS}, tree)

    def test_refuses_what_is_not_text(self) -> None:
        with pytest.raises(NginxConfigError, match=r"'a.conf' must be text, not list"):
            desire(MAIN, {"a.conf": []}, "managed")  # type: ignore[dict-item]

    def test_refuses_files_that_are_never_included(self) -> None:
        with pytest.raises(NginxConfigError, match="main never includes files"):
            desire("http {}", {"status.conf": STATUS}, "managed")

    def test_refuses_a_configuration_that_cannot_be_recognised(self) -> None:
        with pytest.raises(NginxConfigError, match="nothing answers with the generation"):
            desire(MAIN, {"site.conf": ""}, "managed")


class TestPlan:
    def test_nothing_to_do(self) -> None:
        new = wanted()
        plan = make_plan(new, disk(new), Running(7, new.generation), "nginx.conf")
        assert not plan.changed
        assert plan.changes == []

    def test_first_time(self) -> None:
        new = wanted()
        plan = make_plan(new, Disk("default"), Running(7, None), "nginx.conf")
        assert (plan.write, plan.reload, plan.previous) == (True, True, "default")
        assert [change.path for change in plan.changes] == ["managed/site.conf", "managed/status.conf", "nginx.conf"]

    def test_nothing_runs(self) -> None:
        plan = make_plan(wanted(), Disk(None), Running(None, None), "nginx.conf")
        assert (plan.write, plan.reload) == (True, False)

    def test_change_is_compared_with_the_generation_it_replaces(self) -> None:
        old, new = wanted("a"), wanted("b")
        plan = make_plan(new, disk(old), Running(7, old.generation), "nginx.conf")
        assert plan.changes == [Change("managed/site.conf", "# a\n", "# b\n")]
        assert plan.stale == [old.generation]
        assert plan.previous == old.main

    def test_drift(self) -> None:
        new = wanted()
        files = {**new.files, "site.conf": "edited", "extra.conf": "dropped in"}
        plan = make_plan(new, Disk(new.main, {new.generation: files}), Running(7, new.generation), "nginx.conf")
        assert plan.reload
        assert [(change.path, change.after) for change in plan.changes] == [
            ("managed/extra.conf", None),
            ("managed/site.conf", "# a\n"),
        ]

    def test_reload_pending_since_a_run_died(self) -> None:
        old, new = wanted("a"), wanted("b")
        on_disk = Disk(new.main, {old.generation: old.files, new.generation: new.files}, rollback=old.main)
        plan = make_plan(new, on_disk, Running(7, old.generation), "nginx.conf")
        assert (plan.write, plan.reload, plan.previous) == (False, True, old.main)

    def test_goes_back_to_what_ran_not_to_what_a_dead_run_left(self) -> None:
        old, dead, new = wanted("a"), wanted("b"), wanted("c")
        on_disk = Disk(dead.main, {old.generation: old.files, dead.generation: dead.files}, rollback=old.main)
        assert make_plan(new, on_disk, Running(7, old.generation), "nginx.conf").previous == old.main
        assert make_plan(new, on_disk, Running(7, dead.generation), "nginx.conf").previous == dead.main

    def test_leftovers_are_a_change(self) -> None:
        old, new = wanted("a"), wanted("b")
        leftovers = Disk(new.main, {old.generation: old.files, new.generation: new.files})
        plan = make_plan(new, leftovers, Running(7, new.generation), "nginx.conf")
        assert (plan.write, plan.reload, plan.stale, plan.changed) == (False, False, [old.generation], True)


class TestWords:
    def test_place_and_line(self) -> None:
        output = (
            'nginx: [emerg] unknown directive "lissen" in /tmp/x/managed/1/site.conf:2\n'
            "nginx: configuration file /tmp/x/nginx.conf test failed\n"
        )
        error = explain(output, "/tmp/x", "/etc/nginx", {"managed/1/site.conf": "server {\n  lissen 80;\n}\n"})
        assert (error.stage, error.file, error.line) == ("test", "/etc/nginx/managed/1/site.conf", 2)
        assert str(error) == (
            'nginx refuses this configuration: unknown directive "lissen" in /etc/nginx/managed/1/site.conf:2\n'
            "line 2: lissen 80;"
        )

    def test_no_place(self) -> None:
        for mark in ("nginx: [emerg] ", "2026/01/02 03:04:05 [emerg] 7#7: "):
            error = explain(f"{mark}open() failed\n", "/tmp/x", "/etc/nginx", {})
            assert (str(error), error.file) == ("nginx refuses this configuration: open() failed", None)

    def test_place_in_a_file_that_is_not_ours(self) -> None:
        error = explain("nginx: [emerg] bad in /etc/other.conf:9\n", "/tmp/x", "/etc/nginx", {})
        assert (error.file, error.line) == ("/etc/other.conf", 9)

    def test_warnings(self) -> None:
        output = 'nginx: [warn] conflicting server name "a" in /tmp/x/a.conf:1\nnoise\n'
        assert warnings_of(output, "/tmp/x", "/etc/nginx") == [
            'nginx: [warn] conflicting server name "a" in /etc/nginx/a.conf:1'
        ]

    def test_emergencies_of_this_master_only(self) -> None:
        stamp = "2026/01/02 03:04:05 [emerg]"
        bind = "bind() to 0.0.0.0:80 failed (98: Address already in use)"
        log = f"{stamp} 8#8: other\n{stamp} 7#7: {bind}\n{stamp} 7#7: {bind}\n"
        assert emergencies(log, 7) == ([bind], False)
        assert emergencies(f"{log}{stamp} 7#7: still could not bind()\n", 7) == ([bind, "still could not bind()"], True)
