"""What systemd and the app are given to read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._release.references import fill
from ansible_collections.scaleout.webapp.plugins.module_utils._release.render import App, links, render, steps
from ansible_collections.scaleout.webapp.plugins.module_utils._release.step import masked, read_environment
from ansible_collections.scaleout.webapp.plugins.module_utils._release.systemd import (
    arguments,
    environment_text,
    environment_values,
    exec_line,
)
from hypothesis import given
from hypothesis import strategies as st

WEB: dict[str, Any] = {
    "command": "node server.js --port ${service.port}",
    "port_variable": "PORT",
    "ports": [3000, 3001],
    "health": {"path": "/healthz"},
}
APP = App(
    name="www",
    user="www",
    group="www",
    root="/opt/webapp/www",
    config_dir="/etc/webapp/www",
    release="v1",
    runtime_bin="/opt/node/bin",
    address="192.0.2.1",
    environment={"RELEASE": "${release.id}"},
    services={"web": WEB},
)
ONE_LINE = st.text(st.characters(exclude_categories=["Cs", "Cc"]))


def systemd_reads(text: str) -> dict[str, str]:
    """A value in double quotes as the parser of EnvironmentFile= takes it (src/basic/env-file.c)."""
    found = {}
    for line in text.split("\n")[:-1]:
        name, _equals, rest = line.partition("=")
        assert rest[0] == rest[-1] == '"'
        value, at, body = "", 0, rest[1:-1]
        while at < len(body):
            if body[at] == "\\":
                at += 1
                value += body[at] if body[at] in '"\\`$' else "\\" + body[at]
            else:
                assert body[at] != '"', "the value ends too early"
                value += body[at]
            at += 1
        found[name] = value
    return found


@given(ONE_LINE)
def test_every_value_survives_the_environment_file(value: str) -> None:
    text = environment_text({"A": value, "B": "after"})
    assert systemd_reads(text) == {"A": value, "B": "after"}
    assert read_environment(text) == {"A": value, "B": "after"}


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\0b", "a\x1b"])
def test_control_characters_are_refused_without_showing_the_value(value: str) -> None:
    with pytest.raises(ScaleoutError) as caught:
        environment_values({"SECRET": f"hunter2{value}"}, {}, "app_environment")
    assert "app_environment.SECRET" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (False, "false"), (8, "8"), (1.5, "1.5"), ("", ""), ("True", "True")]
)
def test_plain_values_become_text(value: Any, text: str) -> None:
    assert environment_values({"A": value}, {}, "x") == {"A": text}


@pytest.mark.parametrize("environment", [{"A": None}, {"A": [1]}, {"A": {}}, {"1A": "x"}, {"A B": "x"}])
def test_what_is_no_text_is_refused(environment: dict[str, Any]) -> None:
    with pytest.raises(ScaleoutError):
        environment_values(environment, {}, "x")


def test_unknown_references_are_named_and_the_value_is_not_shown() -> None:
    with pytest.raises(ScaleoutError, match=r"nothing is called \$\{release\.nmae\} here") as caught:
        fill("hunter2 ${release.nmae}", {"release.id": "v1"}, "app_environment.A")
    assert "hunter2" not in str(caught.value)
    assert "release.id" in str(caught.value)


def test_what_only_looks_like_a_reference_stays() -> None:
    assert fill("$a ${b} $${ ${} p${x", {}, "x") == "$a ${b} $${ ${} p${x"


def test_commands_are_split_before_references_are_filled_in() -> None:
    assert arguments("run '${a.b}' ${a.b}/c", {"a.b": "two words"}, "x") == ["run", "two words", "two words/c"]


@pytest.mark.parametrize("command", ["", "  ", "run 'open", "a\nb"])
def test_broken_commands_are_refused(command: str) -> None:
    with pytest.raises(ScaleoutError):
        arguments(command, {}, "x")


def test_words_of_a_command_mean_nothing_to_systemd() -> None:
    assert exec_line(["a", "50%", "$HOME", 'say "x"', "", "c\\d"]) == 'a "50%%" "$$HOME" "say \\"x\\"" "" "c\\\\d"'


def test_the_unit_knows_its_port_release_and_app() -> None:
    unit = render(APP).units[0]
    assert unit.path == "/etc/systemd/system/www-web@.service"
    lines = unit.content.splitlines()
    assert 'ExecStart=/usr/bin/env node server.js --port "%i"' in lines
    assert 'Environment="PORT=%i"' in lines
    assert "WorkingDirectory=/opt/webapp/www/releases/v1" in lines
    assert "App=www" in lines
    assert not any(line.startswith(("MemoryMax", "SuccessExitStatus", "MemoryDenyWriteExecute")) for line in lines)


def test_memory_is_enforced_on_request_only() -> None:
    app = replace(APP, services={"web": {**WEB, "memory_mb": 300}}, enforce_memory=True)
    assert "MemoryMax=300M" in render(app).units[0].content


def test_secrets_of_a_service_are_not_in_its_unit() -> None:
    app = replace(APP, services={"web": {**WEB, "environment": {"KEY": "hunter2", "URL": "http://x:${service.port}"}}})
    rendered = render(app)
    assert "hunter2" not in rendered.units[0].content
    assert 'Environment="URL=http://x:%i"' in rendered.units[0].content
    own = next(file for file in rendered.environment if file.path.endswith("/web.environment"))
    assert (own.content, own.mode, own.group) == ('KEY="hunter2"\n', "0640", "www")


def test_the_runtime_is_first_in_the_path() -> None:
    content = render(APP).environment[0].content
    assert 'PATH="/opt/node/bin:/usr/local/sbin:' in content
    assert 'RELEASE="v1"' in content


def test_instances_and_checks() -> None:
    rendered = render(replace(APP, address="2001:db8::1"))
    assert [item["unit"] for item in rendered.instances] == ["www-web@3000.service", "www-web@3001.service"]
    assert rendered.checks[0] == {"url": "http://[2001:db8::1]:3000/healthz", "status": 200, "timeout": 5}


@pytest.mark.parametrize(
    "change",
    [
        {"environment": {"RELEASE": "other"}},
        {"release": "v2"},
        {"files": [{"path": "a.json", "content": {"a": 1}}]},
        {"services": {"web": {**WEB, "stop_timeout": 5}}},
        {"services": {"web": {**WEB, "environment": {"A": "b"}}}},
    ],
)
def test_every_change_changes_the_digest(change: dict[str, Any]) -> None:
    before, after = (render(app).instances[0]["digest"] for app in (APP, replace(APP, **change)))
    assert before != after
    assert before == render(APP).instances[0]["digest"]


def test_files_are_text_or_json_with_references() -> None:
    files: list[dict[str, Any]] = [
        {"path": "data/a.json", "content": {"id": "${release.id}"}},
        {"path": "b", "content": "x", "mode": "0600"},
    ]
    made = render(replace(APP, files=files)).files
    assert made[0].path == "/etc/webapp/www/files/data/a.json"
    assert made[0].content == '{\n  "id": "v1"\n}\n'
    assert [file.mode for file in made] == ["0640", "0600"]


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "", ".", "a\nb"])
def test_paths_stay_within_the_release(path: str) -> None:
    with pytest.raises(ScaleoutError, match="not a path within the release"):
        render(replace(APP, files=[{"path": path, "content": ""}]))
    with pytest.raises(ScaleoutError):
        links(replace(APP, shared_paths=[{"path": path, "target": None}]))


def test_shared_paths_have_a_place_of_their_own_unless_given() -> None:
    app = replace(APP, shared_paths=[{"path": "a/b", "target": None}, {"path": "c", "target": "/srv/c"}])
    assert [item["target"] for item in links(app)] == ["/opt/webapp/www/shared/a/b", "/srv/c"]
    assert 'RequiresMountsFor="/opt/webapp/www/shared/a/b" "/srv/c"' in render(app).units[0].content


@pytest.mark.parametrize(
    "services",
    [
        {"web": {**WEB, "ports": [80]}},
        {"web": WEB, "api": WEB},
        {"a@b": WEB},
        {"web": {"command": "node server.js"}},
        {"web": {"ports": [3000]}},
    ],
)
def test_services_that_cannot_run_are_refused(services: dict[str, Any]) -> None:
    with pytest.raises(ScaleoutError, match="app_services"):
        render(replace(APP, services=services))


def test_steps_have_the_apps_environment_and_their_own_on_top() -> None:
    item = {"name": "x", "command": "echo ${release.path}", "environment": {"RELEASE": "mine"}}
    made = steps(APP, [item], {"CA": "/ca"}, "app_build")
    assert made[0]["command"] == ["echo", "/opt/webapp/www/releases/v1"]
    assert read_environment(made[0]["environment"]).items() >= {"RELEASE": "mine", "CA": "/ca"}.items()
    with pytest.raises(ScaleoutError, match="two steps are called x"):
        steps(APP, [item, item], {}, "app_build")


def test_output_shows_names_for_the_values_of_the_environment() -> None:
    environment = {
        "KEY": "hunter2hunter2",
        "LONG": "hunter2hunter2-more",
        "SHORT": "abc",
        "HOME": "/opt/webapp/www/home",
    }
    text = "hunter2hunter2-more hunter2hunter2 abc /opt/webapp/www/home mongodb://www:p%40ss@db1/x"
    assert masked(text, environment) == "$LONG $KEY abc /opt/webapp/www/home mongodb://www:***@db1/x"
