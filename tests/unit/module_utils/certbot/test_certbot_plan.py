# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a certificate is issued anew, how certbot is called, and what is told when it fails."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._certbot.plan import (
    DAY,
    Found,
    Places,
    Wanted,
    complaint,
    issue_command,
    read_found,
    renew_command,
    seems_due,
    why_anew,
)

WANTED = Wanted("www", ["www.example.com", "example.com"], "https://acme.test/dir", "ops@example.com")
FOUND = Found(frozenset(WANTED.domains), 0, 90 * DAY, WANTED.directory, "/webroot")
PLACES = Places("/config", "/work", "/logs", "/webroot")
X509 = """notBefore=Jan  2 00:00:00 1970 GMT
notAfter=Jan  3 00:00:00 1970 GMT
X509v3 Subject Alternative Name:
    DNS:www.example.com, DNS:example.com
"""
RENEWAL = """version = 2.1.0
cert = /config/live/www/cert.pem
[renewalparams]
account = 0123
server = https://acme.test/dir
authenticator = webroot
webroot_path = /webroot,
[[webroot_map]]
www.example.com = /webroot
"""
FAILED = """Saving debug log to /logs/letsencrypt.log
Requesting a certificate for www.example.com

Certbot failed to authenticate some domains (authenticator: webroot). The Certificate Authority reported these problems:
  Domain: www.example.com
  Type:   unauthorized
  Detail: 404

Some challenges have failed.
Ask for help or search for solutions at https://community.letsencrypt.org. See the logfile for more details.
- - - - - - - - - - - -
"""


def test_what_certbot_has() -> None:
    assert read_found(X509, RENEWAL) == replace(FOUND, not_before=DAY, not_after=2 * DAY)
    assert read_found("", "") == Found(frozenset(), 0, 0, "", "")


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (FOUND, ""),
        (None, "there is none"),
        (replace(FOUND, domains=frozenset(["www.example.com"])), "example.com added"),
        (replace(FOUND, domains=frozenset([*WANTED.domains, "old.example.com"])), "old.example.com removed"),
        (
            replace(FOUND, domains=frozenset(["example.com", "a.example.com"])),
            "www.example.com added; a.example.com removed",
        ),
        (replace(FOUND, directory="https://staging.test/dir"), "https://staging.test/dir issued it"),
        (replace(FOUND, webroot="/elsewhere"), "it would be renewed through /elsewhere"),
    ],
)
def test_why_it_is_issued_anew(found: Found | None, why: str) -> None:
    assert why_anew(WANTED, found, "/webroot", force=False) == why
    assert why_anew(WANTED, found, "/webroot", force=True) == (why or "forced")


@pytest.mark.parametrize(
    ("lifetime", "left", "due"),
    [(90, 31, False), (90, 29, True), (365, 31, False), (365, 29, True), (6, 3, False), (6, 1, True), (90, -1, True)],
)
def test_due_as_certbot_has_it(lifetime: int, left: int, due: bool) -> None:
    assert seems_due(replace(FOUND, not_after=lifetime * DAY), (lifetime - left) * DAY) is due


def test_commands() -> None:
    issue = " ".join(issue_command(WANTED, PLACES))
    assert " -d www.example.com -d example.com " in issue
    assert " --email ops@example.com " in issue
    assert " --register-unsafely-without-email " in " ".join(issue_command(replace(WANTED, email=""), PLACES))
    for command in (issue, " ".join(renew_command(WANTED, PLACES))):
        assert " --cert-name www " in command
        assert " --non-interactive --config-dir /config --work-dir /work --logs-dir /logs " in command


def test_what_is_told_are_the_words_of_the_server() -> None:
    assert complaint(FAILED).splitlines()[1:] == ["Domain: www.example.com", "Type:   unauthorized", "Detail: 404"]
    assert complaint("Saving debug log to /x\n") == "Saving debug log to /x", "better than nothing"
