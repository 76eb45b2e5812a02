# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the certificates of the sites come from. Private to this collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.model import App, Inputs
from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.stores import in_uri
from ansible_collections.scaleout.webapp.plugins.plugin_utils._schema import Place, Problems

FOLDER = "/etc/scaleout-webapp/certificates"
FILES = ("certificate", "key")


def check_tls(app: str, declared: Mapping[str, Any], problems: Problems) -> None:
    """Files or an ACME server, not both."""
    tls, place = declared["tls"], Place(path=f"webapp_apps.{app}") / "tls"
    if not tls:
        return
    if "acme" in tls:
        given = [key for key in (*FILES, "on_host") if tls.get(key)]
        if given:
            what = f"has acme and {' and '.join(given)}, and a certificate comes from an ACME server or from files"
            problems.add(what, place, "take one of them away")
        return
    missing = [key for key in FILES if key not in tls]
    if missing:
        problems.add(f"lacks {' and '.join(missing)}", place, "add certificate and key, or acme: {email: ...}")


def site_tls(app: App) -> dict[str, Any]:
    """What nginx is told. An ACME certificate has its place on every balancer."""
    tls: dict[str, Any] = app.declared["tls"]
    if "acme" not in tls:
        return tls
    files = {"certificate": f"{FOLDER}/{app.name}/fullchain.pem", "key": f"{FOLDER}/{app.name}/privkey.pem"}
    return {**tls, **files, "on_host": True, "acme": True}


def plan_acme(inputs: Inputs, apps: Sequence[App]) -> dict[str, Any] | None:
    """The certificates to be issued, and the balancer that asks for them all."""
    certificates = [
        {
            "name": app.name,
            "domains": [domain.lower() for domain in app.declared["domains"]],
            **app.declared["tls"]["acme"],
        }
        for app in apps
        if app.declared["tls"] and "acme" in app.declared["tls"]
    ]
    balancers = inputs.group("loadbalancer")
    if not certificates or not balancers:
        return None
    return {
        "issuer": balancers[0].name,
        "address": in_uri(balancers[0].address),
        "path": FOLDER,
        "certificates": certificates,
    }
