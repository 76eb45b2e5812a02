# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.

from __future__ import annotations

import shutil
import ssl
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.scaleout.webapp.plugins.module_utils._nginx.model import NginxConfigError

# ssl.VERIFY_X509_PARTIAL_CHAIN, which Python 3.9 does not name: the certificate itself is the trust anchor.
PARTIAL_CHAIN = 0x80000
PLACEHOLDER_DAYS = 365
# OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED.
EXPIRED = 10


def read_pair(given: Mapping[str, Any]) -> tuple[str, str]:
    """Certificate and key, by content or from files."""
    certificate, key = (
        given.get(text) or Path(given[file]).read_text(encoding="utf-8")
        for text, file in (("certificate", "certificate_file"), ("key", "key_file"))
    )
    return certificate, key


def tls_files(name: str, certificate: str, key: str) -> dict[str, str]:
    """The files of a configuration that hold it."""
    return {f"tls/{name}.{kind}": text.rstrip() + "\n" for kind, text in (("crt", certificate), ("key", key))}


def placeholder(domains: Sequence[str], run: Callable[[list[str]], tuple[int, str]]) -> tuple[str, str]:
    """A self-signed certificate and its key."""
    if not shutil.which("openssl"):
        raise NginxConfigError("no certificate is there yet, and openssl is not installed to make one", stage="input")
    with tempfile.TemporaryDirectory(prefix="nginx_config.") as folder:
        chain, secret = Path(folder) / "chain.pem", Path(folder) / "key.pem"
        names = ",".join(f"DNS:{domain}" for domain in domains)
        code, output = run(
            [
                *("openssl", "req", "-x509", "-days", str(PLACEHOLDER_DAYS), "-subj", "/CN=placeholder"),
                *("-addext", f"subjectAltName={names}", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
                *("-nodes", "-keyout", str(secret), "-out", str(chain)),
            ]
        )
        if code != 0:
            raise NginxConfigError(f"openssl makes no placeholder of a certificate: {output.strip()}", stage="input")
        return chain.read_text(encoding="utf-8"), secret.read_text(encoding="utf-8")


def check_certificate(name: str, certificate: str, key: str, domains: Sequence[str], served: bool = False) -> list[str]:
    """A browser that trusts this certificate must be able to reach every domain: it shakes hands in memory.

    Returns warnings: that one has expired which is `served` already is no reason to refuse changes elsewhere.
    """
    with tempfile.TemporaryDirectory(prefix="nginx_config.") as folder:
        chain, secret = Path(folder) / "chain.pem", Path(folder) / "key.pem"
        secret.touch(mode=0o600)
        chain.write_text(certificate, encoding="utf-8")
        secret.write_text(key, encoding="utf-8")
        try:
            server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            server.load_cert_chain(str(chain), str(secret), password=_no_password)
            client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            client.load_verify_locations(str(chain))
        except (ssl.SSLError, OSError, ValueError) as error:
            raise _wrong(name, "certificate and key do not serve together", error) from None
    client.verify_flags |= PARTIAL_CHAIN
    warnings = []
    for domain in domains:
        try:
            _shake_hands(server, client, domain.replace("*", "any"))
        except ssl.SSLError as error:
            wrong = _wrong(name, f"the certificate does not serve for {domain}", error)
            if not served or getattr(error, "verify_code", 0) != EXPIRED:
                raise wrong from None
            warnings.append(str(wrong))
    return warnings


def _no_password() -> str:
    raise ValueError("the key is encrypted")


def _wrong(name: str, what: str, error: Exception) -> NginxConfigError:
    why = getattr(error, "verify_message", "") or getattr(error, "reason", "") or str(error)
    return NginxConfigError(f"certificates: {name}: {what}: {why}", stage="input")


def _shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, domain: str) -> None:
    upstream, downstream = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(downstream, upstream, server_hostname=domain),
        server.wrap_bio(upstream, downstream, server_side=True),
    ]
    while ends:
        for end in list(ends):
            try:
                end.do_handshake()
                ends.remove(end)
            except ssl.SSLWantReadError:
                continue
