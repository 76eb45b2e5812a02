# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A headless Chromium, driven through chromedriver by the W3C WebDriver protocol."""

from __future__ import annotations

import base64
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.cluster.cluster import wait_until
from tests.support.ports import free_port

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--window-size=1280,900",
]
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Browser:
    def __init__(self, session: str) -> None:
        self._session = session

    def _call(self, method: str, path: str, **data: Any) -> Any:
        answer = requests.request(
            method, self._session + path, json=data if method == "POST" else None, timeout=60
        ).json()["value"]
        if isinstance(answer, dict) and "error" in answer:
            raise AssertionError(f"{path}: {answer['error']}: {answer['message']}")
        return answer

    def open(self, url: str) -> None:
        self._call("POST", "/url", url=url)

    def script(self, text: str) -> Any:
        return self._call("POST", "/execute/sync", script=text, args=[])

    def find(self, selector: str, seconds: float = 20) -> str:
        """The first visible element, waited for."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            for found in self._call("POST", "/elements", using="css selector", value=selector):
                if self._call("GET", f"/element/{found[ELEMENT]}/displayed"):
                    return str(found[ELEMENT])
            time.sleep(0.2)
        raise AssertionError(f"{selector}: not to be seen within {seconds:g} s at {self._call('GET', '/url')}")

    def type(self, selector: str, text: str) -> None:
        self._call("POST", f"/element/{self.find(selector)}/value", text=text)

    def click(self, selector: str) -> None:
        self._call("POST", f"/element/{self.find(selector)}/click")

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._call("GET", "/screenshot")))

    def complaints(self) -> list[str]:
        """Errors on the browser's console, among them every file of the page that did not load."""
        entries = self._call("POST", "/se/log", type="browser")
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """`profile` is an empty folder for the browser's own files."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: ready(url), 20, "chromedriver answers")
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": [*FLAGS, f"--user-data-dir={profile}"]},
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        answer = requests.post(f"{url}/session", json={"capabilities": {"alwaysMatch": wanted}}, timeout=60).json()
        assert "sessionId" in answer["value"], answer["value"]
        session = f"{url}/session/{answer['value']['sessionId']}"
        try:
            yield Browser(session)
        finally:
            requests.delete(session, timeout=20)
    finally:
        driver.terminate()
        driver.wait()


def ready(url: str) -> bool:
    try:
        return bool(requests.get(f"{url}/status", timeout=2).json()["value"]["ready"])
    except requests.ConnectionError:
        return False
