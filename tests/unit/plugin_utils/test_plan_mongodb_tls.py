# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS of MongoDB in the plan: in connection strings only where that is asked for."""

from __future__ import annotations

from typing import Any

from tests.unit.plugin_utils.plan_inputs import app, plan, the_problem


def uri(**tls: Any) -> str:
    site = app(profile="apostrophe")
    return str(plan({"www": site}, mongodb={"tls": tls})["apps"]["www"]["environment"]["APOS_MONGODB_URI"])


def test_clients_use_it_when_asked() -> None:
    assert "tls" not in uri()
    assert "tls" not in uri(mode="preferTLS")
    assert uri(mode="preferTLS", clients=True).endswith("&tls=true")
    trusted = uri(mode="requireTLS", clients=True, client_ca_file="/etc/ssl/our_ca.pem")
    assert trusted.endswith("&tls=true&tlsCAFile=/etc/ssl/our_ca.pem")


def test_the_role_is_told_the_mode() -> None:
    site = {"www": app(profile="apostrophe")}
    assert plan(site)["mongodb"]["tls"]["mode"] == "disabled"
    assert plan(site, mongodb={"tls": {"mode": "allowTLS"}})["mongodb"]["tls"]["mode"] == "allowTLS"


def test_modes_that_shut_clients_out_are_refused() -> None:
    site = {"www": app(profile="apostrophe")}
    assert "its mode is disabled" in the_problem(site, mongodb={"tls": {"clients": True}})
    assert "clients do not use it" in the_problem(site, mongodb={"tls": {"mode": "requireTLS"}})
