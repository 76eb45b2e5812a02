"""Servers that take TLS only."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.mongodb.mongods import ADMIN, HOST, Mongod, Start, on_all, replica_set, users
from tests.support.full import LONG

ADMIN_USER = {"name": "admin", "password": ADMIN["login_password"], "roles": ["root"]}


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """An authority, and a certificate of it for this machine's address, but not for loopback."""
    new = ("req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "2")
    for name in ("ca", "other"):
        openssl(tmp_path, *new, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")
    issued = ("-CA", "ca.pem", "-CAkey", "ca.key", "-subj", "/CN=db", "-addext", f"subjectAltName=IP:{HOST}")
    openssl(tmp_path, *new, *issued, "-keyout", "db.key", "-out", "db.pem")
    (tmp_path / "server.pem").write_text((tmp_path / "db.key").read_text() + (tmp_path / "db.pem").read_text())
    return tmp_path


def client_certificate(folder: Path) -> str:
    """Of somebody, with its key; by the same authority."""
    new = ("req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "2", "-subj", "/CN=operator")
    openssl(folder, *new, "-CA", "ca.pem", "-CAkey", "ca.key", "-keyout", "operator.key", "-out", "operator.pem")
    both = folder / "both.pem"
    both.write_text((folder / "operator.key").read_text() + (folder / "operator.pem").read_text())
    return str(both)


def test_tls(start: Start, keyfile: Path, certificates: Path) -> None:
    servers = start(2, keyfile=keyfile, tls=certificates)
    tls: dict[str, Any] = {"tls": True, "tls_ca_file": str(certificates / "ca.pem")}
    # Over loopback the certificate is for another name.
    loopback = {**tls, "tls_allow_invalid_hostnames": True}

    def founded(server: Mongod) -> dict[str, Any]:
        return replica_set(server, servers, **loopback)

    assert [result["changed"] for result in on_all(founded, servers)] == [True, False]
    assert users(servers[0], [ADMIN_USER], first_user=True, **loopback, **ADMIN)["changed"]
    from_afar = {**tls, **ADMIN, "login_host": HOST}
    assert not replica_set(servers[1], servers, **from_afar)["changed"]
    aliases = {"ssl": True, "ssl_ca_certs": tls["tls_ca_file"], **ADMIN, "login_host": HOST}
    assert not replica_set(servers[0], servers, **aliases)["changed"]
    removed = replica_set(servers[0], [servers[0]], **from_afar)
    assert [step["what"] for step in removed["steps"]][-1] == f"remove {servers[1].address}"


@LONG
def test_a_task_that_was_written_for_community_mongodb(start: Start, keyfile: Path, certificates: Path) -> None:
    """Its login is a certificate's, and it takes the server's unseen."""
    servers = start(1, keyfile=keyfile, tls=certificates)
    unseen: dict[str, Any] = {"ssl": True, "ssl_cert_reqs": "CERT_NONE"}
    assert replica_set(servers[0], servers, **unseen)["changed"]
    by_password = {**unseen, **ADMIN, "auth_mechanism": "SCRAM-SHA-256"}
    assert users(servers[0], [ADMIN_USER], first_user=True, **by_password)["changed"]
    by_certificate = {**unseen, "ssl_keyfile": client_certificate(certificates), "auth_mechanism": "MONGODB-X509"}
    stranger = replica_set(servers[0], servers, **by_certificate)
    assert 'Could not find user "CN=operator"' in stranger["msg"]
    admin = {"username": "admin", "password": ADMIN["login_password"]}
    with servers[0].client(tls=True, tlsAllowInvalidCertificates=True, **admin) as client:
        client["$external"].command("createUser", "CN=operator", roles=[{"role": "clusterAdmin", "db": "admin"}])
    assert replica_set(servers[0], servers, settings={"heartbeatTimeoutSecs": 12}, **by_certificate)["changed"]
    assert not replica_set(servers[0], servers, **by_password)["changed"]
    assert "the certificate says who logs in" in replica_set(servers[0], servers, **{**by_certificate, **ADMIN})["msg"]
    assert "needs a certificate" in replica_set(servers[0], servers, auth_mechanism="MONGODB-X509")["msg"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({}, "no answer from", marks=LONG),
        ({"tls": True, "tls_ca_file": "other.pem"}, "certificate verify failed"),
        ({"tls": True, "tls_ca_file": "none.pem"}, "tls_ca_file: there is no file"),
        ({"tls": True, "tls_ca_file": "ca.pem", "login_host": "127.0.0.1"}, "certificate is not valid for '127.0.0.1'"),
    ],
)
def test_refused(start: Start, certificates: Path, options: dict[str, Any], expected: str) -> None:
    servers = start(1, tls=certificates)
    given = dict(options)
    if "tls_ca_file" in given:
        given["tls_ca_file"] = str(certificates / given["tls_ca_file"])
    result = replica_set(servers[0], servers, **{"login_host": HOST, **given})
    assert expected in result["msg"]
    trusting = {"tls": True, "tls_allow_invalid_certificates": True, "tls_allow_invalid_hostnames": True}
    assert replica_set(servers[0], servers, check=True, **trusting)["changed"]
