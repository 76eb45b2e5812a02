"""Instances as systemctl and /proc show them."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._health.client import Answer, Check
from ansible_collections.scaleout.webapp.plugins.module_utils._instances.client import Client, apps_on_host
from ansible_collections.scaleout.webapp.plugins.module_utils._instances.model import Live, Plan, Step, Wanted

UNIT = "www-web@3000.service"


class Host:
    """Answers systemctl from what is set here, and notes what it was told."""

    def __init__(self, folder: Path) -> None:
        self.units = folder / "units"
        self.proc = folder / "proc"
        self.digest_file = folder / "web.digest"
        self.properties: dict[str, dict[str, str]] = {}
        self.calls: list[str] = []
        self.problem = ""
        (self.units / "multi-user.target.wants").mkdir(parents=True)
        (self.units / "www-web@.service").write_text("[Service]\n\n[X-Scaleout]\nApp=www\n")
        (self.units / "www2-web@.service").write_text("[Service]\n\n[X-Scaleout]\nApp=www2\n")
        (self.proc / "42").mkdir(parents=True)
        (self.proc / "42/environ").write_bytes(b"A=1\0SCALEOUT_CONFIG=abc\0B=2\0")

    def client(self) -> Client:
        return Client("www", self.run, self.wait, self.units, self.proc, lambda _seconds: None)

    def wanted(self, url: str = "") -> Wanted:
        return Wanted(UNIT, "abc", str(self.digest_file), url)

    def run(self, argv: list[str]) -> str:
        if argv[1] == "list-units":
            return "".join(f"{name} loaded active running x\n" for name in self.properties)
        if argv[1] == "show":
            blocks = [
                {"Id": name, **self.properties.get(name, {"ActiveState": "inactive", "MainPID": "0"})}
                for name in argv[3:]
            ]
            return "\n".join("".join(f"{key}={value}\n" for key, value in block.items()) for block in blocks)
        self.calls.append(" ".join(argv[1:]))
        return ""

    def wait(self, checks: list[Check], _seconds: float) -> list[Answer]:
        return [Answer(check, self.problem, 1) for check in checks]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_apps_are_known_by_their_units_or_their_configuration(host: Host, tmp_path: Path) -> None:
    (host.units / "getty@.service").write_text("[Service]\nExecStart=getty\n")
    (tmp_path / "etc/shop").mkdir(parents=True)
    (tmp_path / "etc/shop/environment").write_text("")
    (tmp_path / "etc/empty").mkdir()
    assert apps_on_host(host.units, tmp_path / "etc") == {"www", "www2", "shop"}
    assert apps_on_host(tmp_path / "absent", tmp_path / "absent") == set()


def test_only_templates_of_this_app_are_its_own(host: Host) -> None:
    assert host.client().templates() == {"www-web@.service"}
    assert host.client().templates_of({"www2", "www3"}) == {"www2-web@.service"}
    assert host.client().templates_of(set()) == set()


def test_live_instances_are_found_also_when_only_enabled(host: Host) -> None:
    (host.units / "multi-user.target.wants/www-web@3009.service").symlink_to("../www-web@.service")
    host.properties[UNIT] = {"ActiveState": "active", "MainPID": "42", "UnitFileState": "enabled"}
    found = host.client().live([host.wanted()], {"www-web@.service"})
    assert found[UNIT] == Live(UNIT, True, True, "abc")
    assert found["www-web@3009.service"] == Live("www-web@3009.service")


def test_a_process_that_is_gone_has_no_digest(host: Host) -> None:
    host.properties[UNIT] = {"ActiveState": "activating", "SubState": "auto-restart", "MainPID": "0"}
    assert host.client().live([host.wanted()], set())[UNIT] == Live(UNIT)


def test_the_digest_is_noted_after_systemd_has_read_the_units(host: Host) -> None:
    host.properties[UNIT] = {"ActiveState": "active", "MainPID": "42", "NeedDaemonReload": "yes"}
    client = host.client()
    assert not client.digests_noted([host.wanted()])
    client.prepare([host.wanted()])
    assert host.calls == ["daemon-reload"]
    assert host.digest_file.read_text() == "SCALEOUT_CONFIG=abc\n"
    assert host.digest_file.stat().st_mode & 0o777 == 0o600
    assert client.digests_noted([host.wanted()])


def test_an_unhealthy_instance_stops_the_rest(host: Host) -> None:
    other = "www-web@3001.service"
    host.properties[UNIT] = {"ActiveState": "active", "SubState": "running", "MainPID": "42"}
    host.problem = "answered 500, not 200"
    wanted = [host.wanted("http://h/x"), Wanted(other, "abc", str(host.digest_file), "http://h/y")]
    with pytest.raises(
        ScaleoutError, match=r"http://h/x answered 500, not 200.*active/running.*journalctl -u www-web@3000"
    ):
        host.client().apply(Plan([[Step("restart", UNIT)], [Step("restart", other)]]), wanted)
    assert host.calls == [f"restart {UNIT}"]


@pytest.mark.parametrize("url", ["", "http://h/x"])
def test_an_instance_that_systemd_had_to_restart_did_not_stay_up(host: Host, url: str) -> None:
    host.properties[UNIT] = {"ActiveState": "active", "SubState": "running", "MainPID": "42", "NRestarts": "3"}
    with pytest.raises(ScaleoutError, match=r"did not stay up.*restarted 3 times"):
        host.client().apply(Plan([[Step("start", UNIT)]]), [host.wanted(url)])


def test_a_failed_start_names_what_had_to_yield_for_it(host: Host) -> None:
    host.properties[UNIT] = {"ActiveState": "active", "SubState": "running", "MainPID": "42", "NRestarts": "3"}
    with pytest.raises(ScaleoutError, match=r"other-web@3000.service had been stopped and disabled before"):
        host.client().apply(Plan([[Step("stop", "other-web@3000.service")], [Step("start", UNIT)]]), [host.wanted()])


def test_stopping_and_forgetting(host: Host) -> None:
    host.client().apply(Plan([[Step("stop", UNIT)], [Step("forget", "www-web@.service")]]), [])
    assert host.calls == [f"disable --now {UNIT}", "daemon-reload"]
    assert not (host.units / "www-web@.service").exists()
