# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ansible_collections.scaleout.webapp.plugins.module_utils._certbot.plan import (
    Found,
    Places,
    Wanted,
    complaint,
    issue_command,
    read_found,
    renew_command,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError

CHAIN, KEY = "fullchain.pem", "privkey.pem"


def live(config_path: str, name: str) -> Path:
    """Certbot's folder of a certificate."""
    return Path(config_path) / "live" / name


def read_pair(config_path: str, name: str) -> tuple[str, str] | None:
    """Certificate and key; None where there is none."""
    folder = live(config_path, name)
    try:
        return (folder / CHAIN).read_text(encoding="utf-8"), (folder / KEY).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


class Client:
    """One certbot with folders of its own. What leaves this process comes in as a callable."""

    def __init__(self, places: Places, run: Callable[[list[str]], tuple[int, str]]) -> None:
        self.places = places
        self.run = run

    def chain(self, name: str) -> Path:
        return live(self.places.config, name) / CHAIN

    def find(self, name: str) -> Found | None:
        """The certificate as it is now."""
        renewal = Path(self.places.config) / "renewal" / f"{name}.conf"
        if not self.chain(name).is_file() or not renewal.is_file():
            return None
        argv = ["openssl", "x509", "-in", str(self.chain(name)), "-noout", "-dates", "-ext", "subjectAltName"]
        code, output = self.run(argv)
        if code != 0:
            raise ScaleoutError(output.strip(), str(self.chain(name)))
        return read_found(output, renewal.read_text(encoding="utf-8"))

    def issue(self, wanted: Wanted) -> None:
        self._certbot(issue_command(wanted, self.places))

    def renew_if_due(self, wanted: Wanted) -> None:
        self._certbot(renew_command(wanted, self.places))

    def _certbot(self, argv: list[str]) -> None:
        code, output = self.run(argv)
        if code != 0:
            raise ScaleoutError(complaint(output))
