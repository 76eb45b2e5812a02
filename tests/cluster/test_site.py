# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many processes on many hosts are one site."""

from __future__ import annotations

import re
import struct
import uuid
import zlib
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.cluster.cluster import Cluster, Site, path_of
from tests.support.traffic import Request, Traffic

SECURITY_HEADERS = {"X-Content-Type-Options": {"nosniff"}, "X-Frame-Options": {"SAMEORIGIN", "DENY"}}


def picture(width: int = 320, height: int = 200) -> bytes:
    rows = b"".join(b"\0" + b"".join(bytes((x % 256, y, 120)) for x in range(width)) for y in range(height))
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def assets(site: Site) -> list[str]:
    found = re.findall(
        r"""(?:href|src)=["']?([^"' >]+/apos-frontend/[^"' >]+|/apos-frontend/[^"' >]+)""", site.get("/").text
    )
    return sorted({path_of(url) for url in found})


def test_every_process_is_healthy_and_runs_the_same_release(cluster: Cluster, direct: dict[str, str]) -> None:
    answers = {name: Site(url).get("/healthz") for name, url in direct.items()}
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(direct, 200)
    assert {name: answer.json()["instance"] for name, answer in answers.items()} == {name: name for name in direct}
    assert len({answer.json()["release"] for answer in answers.values()}) == 1
    assert len({(name.split(":")[0], answer.json()["pid"]) for name, answer in answers.items()}) == len(direct)


@pytest.mark.parametrize("way", ["vip", "each balancer"])
def test_every_process_of_the_plan_serves(cluster: Cluster, way: str, record: Callable[[dict[str, Any]], None]) -> None:
    urls = [cluster.vip_url] if way == "vip" else [f"http://{host.address}/" for host in cluster.balancers]
    planned = {instance.name for instance in cluster.instances}
    figures = {}
    for url in urls:
        count = 40 * len(planned)
        with Traffic(url, [Request("GET", "/healthz"), Request("HEAD", "/")], workers=4, count=count) as running:
            running.wait_for(count)
        report = running.finish()
        figures[url] = report.figures()
        assert not report.failed, report.text()
        assert set(report.instances) == planned
    record(figures)


def test_who_is_not_logged_in_is_no_admin(visitor: Site) -> None:
    assert not visitor.is_admin()


def test_a_wrong_password_is_refused(visitor: Site) -> None:
    visitor.get("/login")
    answer = visitor.post(
        "/api/v1/@apostrophecms/login/login", json={"username": "nobody", "password": "wrong", "session": True}
    )
    assert answer.status_code in (400, 401, 403), answer.text
    assert not visitor.is_admin()


def test_a_login_holds_on_every_process(admin: Site, direct: dict[str, str]) -> None:
    assert admin.is_admin()
    assert {name: admin.at(url).is_admin() for name, url in direct.items()} == dict.fromkeys(direct, True)


def test_writing_needs_the_csrf_cookie(admin: Site) -> None:
    forged = Site(admin.url, {name: value for name, value in admin.cookies.items() if not name.endswith(".csrf")})
    answer = forged.post("/api/v1/article", json={"title": "forged"})
    assert answer.status_code == 403, answer.text


def test_what_one_process_wrote_every_other_reads(admin: Site, cluster: Cluster, direct: dict[str, str]) -> None:
    for writer, url in direct.items():
        title = f"Written by {writer} {uuid.uuid4().hex[:8]}"
        answer = admin.at(url).post("/api/v1/article", json={"title": title, "body": "Read everywhere."})
        assert answer.status_code == 200, answer.text
        assert answer.headers["X-Served-By"] == writer
        article = answer.json()
        for reader in direct.values():
            assert Site(reader).get(f"/api/v1/article/{article['_id']}").json()["title"] == title
        page = Site(cluster.vip_url).get(path_of(article["_url"]))
        assert page.status_code == 200
        assert title in page.text


def test_what_one_host_took_in_every_way_gives_out(admin: Site, cluster: Cluster, direct: dict[str, str]) -> None:
    ways = {
        "vip": cluster.vip_url,
        **{host.name: f"http://{host.address}" for host in cluster.balancers},
        **direct,
    }
    hosts = {instance.host: direct[instance.name] for instance in cluster.instances}
    assert len(hosts) > 1, "one app host only: there is nothing to share"
    for url in hosts.values():
        answer = admin.at(url).post(
            "/api/v1/@apostrophecms/attachment/upload", files={"file": ("picture.png", picture(), "image/png")}
        )
        assert answer.status_code == 200, answer.text
        for size in ("original", "one-third"):
            path = path_of(answer.json()["_urls"][size])
            got = {name: requests.get(way.rstrip("/") + path, timeout=10) for name, way in ways.items()}
            assert {name: image.status_code for name, image in got.items()} == dict.fromkeys(ways, 200), path
            assert {image.headers["Content-Type"] for image in got.values()} == {"image/png"}
            assert len({image.content for image in got.values()}) == 1


def test_assets_of_the_release_come_from_nginx_on_both_balancers(cluster: Cluster, visitor: Site) -> None:
    release = visitor.get("/healthz").json()["release"]
    found = assets(visitor)
    assert found, "the home page names no asset"
    for balancer in cluster.balancers:
        site = Site(f"http://{balancer.address}")
        for path in found:
            answer = site.get(path)
            assert f"/releases/{release}/" in path
            assert answer.status_code == 200, f"{balancer.name} {path}"
            assert len(answer.content) > 0
            assert "X-Served-By" not in answer.headers, f"{balancer.name} {path} came from a process of the app"
            assert answer.headers["Server"] == "nginx", "the server says its version"


def test_an_asset_that_is_not_there_is_not_found(visitor: Site) -> None:
    assert visitor.get("/apos-frontend/releases/none/default/none.css").status_code == 404


def test_answers_carry_security_headers_once(cluster: Cluster, visitor: Site) -> None:
    for path in ("/", "/login", "/api/v1/article", "/no-such-page", *assets(visitor)):
        for balancer in cluster.balancers:
            answer = requests.get(f"http://{balancer.address}{path}", timeout=10)
            for name, allowed in SECURITY_HEADERS.items():
                assert answer.headers.get(name) in allowed, f"{balancer.name} {path}: {name}"
            assert "X-Powered-By" not in answer.headers


def test_a_known_host_name_is_served(cluster: Cluster) -> None:
    for site in cluster.plan["sites"]:
        for domain in site["domains"]:
            answer = Site(cluster.vip_url, host=domain).get("/healthz")
            assert answer.status_code == 200, domain


def test_an_unknown_host_name_reaches_only_the_default_site(cluster: Cluster) -> None:
    stranger = Site(cluster.vip_url, host="stranger.invalid")
    if any(site["default"] for site in cluster.plan["sites"]):
        assert stranger.get("/healthz").status_code == 200
        return
    try:
        answer = stranger.get("/healthz")
    except requests.ConnectionError:
        return
    assert answer.status_code in (404, 421)
    assert "X-Served-By" not in answer.headers
