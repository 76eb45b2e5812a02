# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.
# What every module of MongoDB has around its own work: the options of the login, the driver, the client, errors.

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.client import (
    X509,
    Client,
    Login,
    NoDriver,
    load_driver,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.model import normalise

# Documented in doc_fragments/mongodb_login.py.
LOGIN_SPEC: dict[str, Any] = {
    "login_host": {"type": "str", "default": "127.0.0.1"},
    "login_port": {"type": "int", "default": 27017},
    "login_user": {"type": "str"},
    "login_password": {"type": "str", "no_log": True},
    "login_database": {"type": "str", "default": "admin"},
    "tls": {"type": "bool", "default": False, "aliases": ["ssl"]},
    "tls_ca_file": {"type": "path", "aliases": ["ssl_ca_certs", "tlsCAFile"]},
    "tls_crl_file": {"type": "path", "aliases": ["ssl_crlfile"]},
    "tls_certificate_key_file": {"type": "path", "aliases": ["ssl_certfile", "tlsCertificateKeyFile"]},
    "tls_certificate_key_file_password": {
        "type": "str",
        "no_log": True,
        "aliases": ["ssl_pem_passphrase", "tlsCertificateKeyFilePassword"],
    },
    "tls_allow_invalid_certificates": {"type": "bool", "default": False},
    "tls_allow_invalid_hostnames": {"type": "bool", "default": False},
    "ssl_cert_reqs": {
        "type": "str",
        "choices": ["CERT_NONE", "CERT_OPTIONAL", "CERT_REQUIRED"],
        "default": "CERT_REQUIRED",
        "aliases": ["tlsAllowInvalidCertificates"],
    },
    "ssl_keyfile": {"type": "path"},
    "auth_mechanism": {"type": "str", "choices": ["SCRAM-SHA-256", "SCRAM-SHA-1", X509]},
}
# Of two for the same the later one counts.
TLS_FILES = {
    "ssl_keyfile": "tlsCertificateKeyFile",
    "tls_ca_file": "tlsCAFile",
    "tls_crl_file": "tlsCRLFile",
    "tls_certificate_key_file": "tlsCertificateKeyFile",
}
# Documented in doc_fragments/mongodb_password_before.py.
PASSWORD_BEFORE_SPEC: dict[str, Any] = {"login_password_before": {"type": "str", "no_log": True}}
LOGIN_TOGETHER = [["login_user", "login_password"]]

# The work of a module: from its options, by way of the client, to its result.
Work = Callable[[AnsibleModule, "Client | NoDriver"], "dict[str, Any]"]


def run_module(options: dict[str, Any], work: Work, login: bool = True, offline: bool = False) -> None:
    """Run it. What can work `offline` may do so in check mode on a host where PyMongo is yet to be installed."""
    module = AnsibleModule(
        argument_spec={**(LOGIN_SPEC if login else {}), **options},
        required_together=LOGIN_TOGETHER if login else [],
        supports_check_mode=True,
    )
    missing = load_driver(connects=not login or bool(module.params["login_user"] or module.params["tls"]))
    if missing and not (offline and module.check_mode):
        module.fail_json(msg=missing_required_lib("pymongo"), exception=missing)
    client: Client | NoDriver = NoDriver()
    try:
        if login and not missing:
            client = Client(login_of(module.params))
        result = work(module, client)
    except ScaleoutError as error:
        module.fail_json(msg=str(error), **error.data())
    finally:
        client.close()
    module.exit_json(**result)


def login_of(params: dict[str, Any]) -> Login:
    tls: dict[str, Any] = {}
    if params["tls"]:
        tls = {
            "tls": True,
            "tlsAllowInvalidCertificates": params["tls_allow_invalid_certificates"]
            or params["ssl_cert_reqs"] == "CERT_NONE",
            "tlsAllowInvalidHostnames": params["tls_allow_invalid_hostnames"],
        }
        if params["tls_certificate_key_file_password"]:
            tls["tlsCertificateKeyFilePassword"] = params["tls_certificate_key_file_password"]
        for option, name in TLS_FILES.items():
            if params[option]:
                if not os.path.isfile(params[option]):
                    raise ScaleoutError(f"there is no file {params[option]}", option, "name one of the task's host")
                tls[name] = params[option]
    mechanism = params["auth_mechanism"] or ""
    if mechanism == X509 and "tlsCertificateKeyFile" not in tls:
        raise ScaleoutError("it needs a certificate", "auth_mechanism", "give tls and tls_certificate_key_file")
    if mechanism == X509 and params["login_user"]:
        raise ScaleoutError(
            "the certificate says who logs in", "auth_mechanism", "leave login_user and login_password out"
        )
    return Login(
        params["login_user"] or "",
        params["login_password"] or "",
        params["login_database"],
        tls,
        params.get("login_password_before") or "",
        mechanism,
    )


def seed_of(params: dict[str, Any]) -> str:
    host = params["login_host"]
    return normalise(f"[{host}]:{params['login_port']}" if ":" in host else f"{host}:{params['login_port']}")
