# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates from files or from an ACME server."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.settings import LETS_ENCRYPT
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.text import plan_text

from tests.unit.plugin_utils.plan_inputs import app, plan, the_problem

FILES = {"certificate": "/c.pem", "key": "/k.pem"}


def test_the_first_balancer_issues_for_all() -> None:
    planned = plan(
        {
            "www": app(domains=["www.example.com", "Example.com"], tls={"acme": {"email": "ops@example.com"}}),
            "files": app(1, tls=FILES, services={"web": {"port": 4000}}),
            "shop": app(
                2,
                tls={"acme": {"directory": "https://acme.test/dir"}, "hsts": 600, "redirect": False},
                services={"web": {"port": 5000}},
            ),
        },
        hosts={"lb1": {"address": "2001:db8::1"}},
    )
    shop, www = (
        {"name": "shop", "domains": ["www2.example.com"], "email": "", "directory": "https://acme.test/dir"},
        {
            "name": "www",
            "domains": ["www.example.com", "example.com"],
            "email": "ops@example.com",
            "directory": LETS_ENCRYPT,
        },
    )
    place = "/etc/scaleout-webapp/certificates"
    assert planned["acme"] == {"issuer": "lb1", "address": "[2001:db8::1]", "path": place, "certificates": [shop, www]}
    sites = {site["name"]: site["tls"] for site in planned["sites"]}
    assert sites["files"] == {**FILES, "on_host": False, "redirect": True}
    assert sites["shop"] == {
        "certificate": f"{place}/shop/fullchain.pem",
        "key": f"{place}/shop/privkey.pem",
        "on_host": True,
        "acme": True,
        "redirect": False,
        "hsts": 600,
    }
    assert planned["apps"]["www"]["url"] == "https://www.example.com"
    assert "lb1  2001:db8::1  issues certificates\n" in plan_text(planned)


def test_no_certificate_to_issue() -> None:
    assert plan()["acme"] is None
    assert plan({"www": app(tls=FILES)})["acme"] is None


@pytest.mark.parametrize(
    ("tls", "problem"),
    [
        ({}, "tls: lacks certificate and key. Add certificate and key, or acme: {email: ...}."),
        ({"key": "/k.pem"}, "tls: lacks certificate. Add"),
        (
            {"acme": {}, **FILES},
            "tls: has acme and certificate and key, and a certificate comes from an ACME server or",
        ),
        ({"acme": {}, "on_host": True}, "tls: has acme and on_host, and"),
        ({"acme": {"email": "ops"}}, "tls.acme.email: is 'ops', must be one mail address"),
        ({"acme": {"directory": "http://acme.test"}}, "tls.acme.directory: is 'http://acme.test', must be the URL of"),
        ({"acme": {"mail": "ops@example.com"}}, "tls.acme.mail: is not a known key. Did you mean email?"),
    ],
)
def test_problems(tls: dict[str, Any], problem: str) -> None:
    assert the_problem({"www": app(tls=tls)}).startswith(f"webapp_apps.www.{problem}")
