# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where does a secret show? In outputs, and in what every user of a host may read of its processes."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from urllib.parse import quote, quote_plus

SECONDS_BETWEEN = 0.2
URL_SAFE = str.maketrans("+/", "-_")


def forms(value: str) -> list[str]:
    """The texts in which a secret may stand: as it is, in a URI, a form, JSON, hex, or anywhere in base64."""
    value = value.strip()
    data = value.encode()
    # The first and last characters also depend on the neighbours.
    encoded = [base64.b64encode(b"\0" * skipped + data)[4 if skipped else 0 : -4].decode() for skipped in range(3)]
    in_urls = [text.translate(URL_SAFE) for text in encoded]
    texts = [quote(value, safe=""), quote_plus(value), data.hex(), data.hex().upper()]
    texts += [json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]]
    return sorted({value, *texts, *encoded, *in_urls})


def shown(text: str, secrets: Mapping[str, str]) -> list[str]:
    """The names of the secrets that stand in the text."""
    return [name for name, value in secrets.items() if any(form in text for form in forms(value))]


class ProcessWatch:
    """Reads, again and again, arguments and environments of all processes of this machine and the test hosts on it.

    Only the given users, as the process's own host calls them, may have secrets in their environment.
    """

    def __init__(self, secrets: Mapping[str, str], users: set[str]) -> None:
        self.found: set[tuple[str, str]] = set()
        self.seen = 0
        self._forms = {name: [form.encode() for form in forms(value)] for name, value in secrets.items()}
        self._users = users
        self._round = threading.Semaphore(0)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._errors: list[Exception] = []

    def __enter__(self) -> ProcessWatch:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        if self._errors:
            raise self._errors[0]

    def wait_for_round(self) -> None:
        """Until all processes were looked at once more."""
        assert self._round.acquire(timeout=30), "the watch died or is too slow"

    def _watch(self) -> None:
        try:
            while not self._over.wait(SECONDS_BETWEEN):
                for process in Path("/proc").glob("[0-9]*"):
                    self._look(process)
                self._round.release()
        except Exception as error:  # a defect of the watch must not pass for silence
            self._errors.append(error)

    def _look(self, process: Path) -> None:
        try:
            arguments, environment = (process / "cmdline").read_bytes(), b""
            with contextlib.suppress(PermissionError):  # closed to root too
                environment = (process / "environ").read_bytes()
            self.seen += 1
            for name, values in self._forms.items():
                if any(value in arguments for value in values):
                    self.found.add((f"arguments of {whose(process)}", name))
                if any(value in environment for value in values) and owner(process) not in self._users:
                    self.found.add((f"environment of {whose(process)}", name))
        except (FileNotFoundError, ProcessLookupError):  # gone meanwhile
            return


def owner(process: Path) -> str:
    """The name of the process's user on its own host."""
    uid = str(process.stat().st_uid)
    lines = [line.split(":") for line in (process / "root/etc/passwd").read_text().splitlines()]
    return next((line[0] for line in lines if line[2] == uid), uid)


def whose(process: Path) -> str:
    host = (process / "root/etc/hostname").read_text().strip()
    return f"{owner(process)}'s {(process / 'comm').read_text().strip()} on {host}"
