# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files on the controller that the inventory names: found, compared, or reported with every place looked at."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.scaleout.webapp.plugins.plugin_utils._files import with_files
from ansible_collections.scaleout.webapp.plugins.plugin_utils._usage import Usage

DIGEST = hashlib.sha256(b"x").hexdigest()


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Beside the inventory, then beside the playbook."""
    places = [tmp_path / "inventory", tmp_path / "playbooks"]
    for place in places:
        place.mkdir()
    return places


def settings(mongodb: dict[str, Any] | None = None, **app: Any) -> dict[str, Any]:
    return {"webapp_apps": {"www": app}, "webapp_mongodb": {"install": mongodb} if mongodb else None}


def test_beside_the_inventory_first_then_beside_the_playbook(folders: list[Path]) -> None:
    (folders[1] / "node.tar.gz").write_text("x")
    given = settings(runtime={"archive": "node.tar.gz", "version": ">=22"})
    changed, problems = with_files(given, folders, Usage())
    assert not problems
    assert changed["webapp_apps"]["www"]["runtime"] == {"archive": str(folders[1] / "node.tar.gz"), "version": ">=22"}
    (folders[0] / "node.tar.gz").write_text("x")
    changed, _problems = with_files(given, folders, Usage())
    assert changed["webapp_apps"]["www"]["runtime"]["archive"] == str(folders[0] / "node.tar.gz")
    assert given["webapp_apps"]["www"]["runtime"]["archive"] == "node.tar.gz", "what the inventory gave was changed"


def test_a_missing_file_is_named_with_key_value_and_places(folders: list[Path]) -> None:
    changed, (problem,) = with_files(settings({"method": "binary", "binary": "bin/mongod"}), folders, Usage())
    assert str(problem) == (
        "webapp_mongodb.install.binary: there is no file bin/mongod. "
        f"Looked at {folders[0]}/bin/mongod, {folders[1]}/bin/mongod."
    )
    assert changed["webapp_mongodb"]["install"]["binary"] == f"{folders[0]}/bin/mongod"


@pytest.mark.parametrize(
    ("given", "where"),
    [
        (settings(source={"path": "file"}), "webapp_apps.www.source.path: there is no folder file"),
        (settings(source={"archive": "folder"}), "webapp_apps.www.source.archive: there is no file folder"),
        (settings(source={"archive": "https://x.test/a.tgz"}), "webapp_apps.www.source.archive: is the URL https:"),
        (settings(runtime={"archive": "https://x.test/a.tgz"}), "webapp_apps.www.runtime.archive: is the URL https:"),
        (
            settings({"method": "archive", "archive": "ftp://x.test/a"}),
            "webapp_mongodb.install.archive: is the URL ftp:",
        ),
        (settings({"repository": {"key": "a.asc"}}), "webapp_mongodb.install.repository.key: there is no file a.asc"),
    ],
)
def test_a_file_where_a_folder_is_wanted_and_urls(folders: list[Path], given: dict[str, Any], where: str) -> None:
    (folders[0] / "file").touch()
    (folders[0] / "folder").mkdir()
    _changed, (problem,) = with_files(given, folders, Usage())
    assert str(problem).startswith(where)


@pytest.mark.parametrize(
    "install",
    [
        {"method": "archive", "archive": "https://x.test/mongodb.tgz"},
        {"repository": {"key": "https://x.test/key.asc"}},
        {"method": "packages", "binary": "no/such"},
        {"method": "nonsense", "binary": "no/such"},
        {"method": "binary", "binary": ["no", "path"]},
    ],
)
def test_what_hosts_fetch_themselves_or_nobody_looks_at_stays(folders: list[Path], install: dict[str, Any]) -> None:
    changed, problems = with_files(settings(install), folders, Usage())
    assert not problems
    assert changed["webapp_mongodb"]["install"] == install


@pytest.mark.parametrize("prefix", ["", "sha256:"])
def test_checksums_are_compared(folders: list[Path], prefix: str) -> None:
    (folders[0] / "a").write_text("x")
    given = settings(
        {"method": "archive", "archive": "a", "archive_checksum": prefix + "0" * 64},
        source={"archive": "a", "checksum": prefix + DIGEST},
    )
    _changed, (problem,) = with_files(given, folders, Usage())
    assert str(problem).startswith(
        f"webapp_mongodb.install.archive_checksum: {folders[0]}/a has the SHA-256 {DIGEST}, not {'0' * 64}. Fetch"
    )


@pytest.mark.parametrize(
    "apps", [None, ["www"], {"www": None}, {"www": {"source": "x"}}, {"www": {"source": {"path": 1}}}]
)
def test_what_has_another_shape_is_left_to_the_schema(folders: list[Path], apps: Any) -> None:
    changed, problems = with_files({"webapp_apps": apps, "webapp_mongodb": "x"}, folders, Usage())
    assert (changed, problems) == ({"webapp_apps": apps, "webapp_mongodb": "x"}, [])


def test_what_a_run_does_not_use_may_be_missing_and_has_the_same_path(folders: list[Path]) -> None:
    (folders[1] / "node.tar.gz").write_text("x")
    given = settings(
        {"method": "binary", "binary": "bin/mongod"},
        source={"archive": "https://x.test/a.tgz"},
        runtime={"archive": "node.tar.gz", "checksum": "0" * 64},
        tls={"certificate": "site.crt", "key": "site.key"},
    )
    groups = {"app": ["app1"], "loadbalancer": ["lb1"], "mongodb": ["db1"]}
    wanted, problems = with_files(given, folders, Usage())
    assert len(problems) == 5
    for usage, places in (
        (Usage(parts=()), []),
        (Usage(hosts=["cache1"], groups=groups), []),
        (Usage(hosts=["lb1"], groups=groups), ["www.tls.certificate", "www.tls.key"]),
        (Usage(parts=["runtime"], hosts=["app1", "db1"], groups=groups), ["www.runtime.checksum"]),
    ):
        changed, problems = with_files(given, folders, usage)
        assert changed == wanted
        assert [str(problem).partition(":")[0].partition(".")[2] for problem in problems] == places
