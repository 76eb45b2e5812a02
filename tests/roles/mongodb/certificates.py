"""A certificate authority of the tests."""

from __future__ import annotations

import subprocess
from pathlib import Path


class Authority:
    """Makes certificates for hosts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = folder / "ca.pem"
        command = ["req", "-x509", "-days", "2", "-subj", "/CN=tests", "-addext", "keyUsage=keyCertSign"]
        self._openssl(*command, *self._new_key("ca"), "-out", "ca.pem")

    def certificate(self, address: str) -> str:
        """Certificate and key of a host, in one text."""
        names = f"subjectAltName=IP:{address},IP:127.0.0.1"
        signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2", "-subj", f"/CN={address}", "-addext", names]
        self._openssl("req", "-x509", *signed, *self._new_key(address), "-out", f"{address}.pem")
        return "".join((self.folder / f"{address}.{part}").read_text() for part in ("pem", "key"))

    @staticmethod
    def _new_key(name: str) -> list[str]:
        return ["-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key"]

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)
