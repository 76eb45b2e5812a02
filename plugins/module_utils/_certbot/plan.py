# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# Pure: text in, decisions out.

from __future__ import annotations

import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass

DAY = 86400
MOST_DAYS_BEFORE = 30
BOILERPLATE = re.compile(
    r"Saving debug log|Ask for help|Processing /|Renewing an existing|Requesting a certificate|Account registered|"
    r"All renewals failed|Some challenges have failed|\d+ renew failure|[-\s]*$"
)


@dataclass(frozen=True)
class Wanted:
    """A certificate as it is to be."""

    name: str
    domains: Sequence[str]
    directory: str
    email: str = ""


@dataclass(frozen=True)
class Found:
    """A certificate that certbot has. Times are seconds since 1970."""

    domains: frozenset[str]
    not_before: float
    not_after: float
    directory: str
    webroot: str


@dataclass(frozen=True)
class Places:
    """Folders of this certbot, apart from those of the distribution's own timer."""

    config: str
    work: str
    logs: str
    webroot: str


def read_found(x509: str, renewal: str) -> Found:
    """From what openssl says of the certificate, and the file from which certbot renews it."""
    times = [re.search(rf"^{key}=(.+)$", x509, re.MULTILINE) for key in ("notBefore", "notAfter")]
    begins, ends = (ssl.cert_time_to_seconds(time[1]) if time else 0.0 for time in times)
    return Found(
        domains=frozenset(re.findall(r"DNS:([^,\s]+)", x509)),
        not_before=begins,
        not_after=ends,
        directory=_setting(renewal, "server"),
        webroot=_setting(renewal, "webroot_path").rstrip(","),
    )


def _setting(renewal: str, name: str) -> str:
    found = re.search(rf"^{name} *= *(\S+) *$", renewal, re.MULTILINE)
    return found[1] if found else ""


def why_anew(wanted: Wanted, found: Found | None, webroot: str, force: bool) -> str:
    """Why another certificate is to be issued, whether or not certbot finds this one due; nothing if it is not."""
    if found is None:
        return "there is none"
    added, removed = sorted(set(wanted.domains) - found.domains), sorted(found.domains - set(wanted.domains))
    if added or removed:
        return "; ".join(
            f"{', '.join(domains)} {what}" for domains, what in ((added, "added"), (removed, "removed")) if domains
        )
    if found.directory != wanted.directory:
        return f"{found.directory or 'no known server'} issued it"
    if found.webroot != webroot:
        return f"it would be renewed through {found.webroot or 'no known folder'}"
    return "forced" if force else ""


def seems_due(found: Found, now: float) -> bool:
    """What certbot will probably say: in the last third of its life, and in the last 30 days."""
    lifetime = found.not_after - found.not_before
    return found.not_after - now < min(lifetime / 3, MOST_DAYS_BEFORE * DAY)


def issue_command(wanted: Wanted, places: Places) -> list[str]:
    contact = ["--email", wanted.email] if wanted.email else ["--register-unsafely-without-email"]
    names = [word for domain in wanted.domains for word in ("-d", domain)]
    return [
        *("certbot", "certonly", "--cert-name", wanted.name, "--server", wanted.directory, "--webroot", "-w"),
        *(places.webroot, "--agree-tos", "--no-eff-email", *contact, "--key-type", "ecdsa"),
        *("--force-renewal", "--renew-with-new-domains", *names, *_everywhere(places)),
    ]


def renew_command(wanted: Wanted, places: Places) -> list[str]:
    return ["certbot", "renew", "--cert-name", wanted.name, "--no-random-sleep-on-renew", *_everywhere(places)]


def _everywhere(places: Places) -> list[str]:
    folders = ("--config-dir", places.config, "--work-dir", places.work, "--logs-dir", places.logs)
    return ["--non-interactive", *folders, "--max-log-backups", "20"]


def complaint(output: str) -> str:
    """The words of certbot and of the ACME server, without what certbot says around them."""
    lines = [line.strip() for line in output.splitlines()]
    return "\n".join(line for line in lines if line and not BOILERPLATE.match(line)) or output.strip()
