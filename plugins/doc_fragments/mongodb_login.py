# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  login_host:
    description:
      - Where the MongoDB server to start from listens, on the host that runs the task.
      - Any member of a replica set serves; the way to its primary is found from there.
    type: str
    default: 127.0.0.1
  login_port:
    description: The port of O(login_host).
    type: int
    default: 27017
  login_user:
    description:
      - Who logs in, with SCRAM; with O(auth_mechanism=MONGODB-X509) it is left out.
      - Leave it out where authentication is off, and to initiate a set that has no user yet.
      - Nobody ever logs in to an arbiter.
    type: str
  login_password:
    description: The password of O(login_user).
    type: str
  login_database:
    description: The database that knows O(login_user).
    type: str
    default: admin
  tls:
    description: Whether to connect with TLS. The other C(tls_) options count only with it.
    type: bool
    default: false
    aliases: [ssl]
  tls_ca_file:
    description:
      - The certificates to trust, as a file on the host that runs the task.
      - The system's are trusted where it is left out.
    type: path
    aliases: [ssl_ca_certs, tlsCAFile]
  tls_crl_file:
    description: Certificates that are revoked, as a file on the host that runs the task.
    type: path
    aliases: [ssl_crlfile]
  tls_certificate_key_file:
    description: The client's own certificate and key in one file on the host that runs the task.
    type: path
    aliases: [ssl_certfile, tlsCertificateKeyFile]
  tls_certificate_key_file_password:
    description: The password of the key in O(tls_certificate_key_file).
    type: str
    aliases: [ssl_pem_passphrase, tlsCertificateKeyFilePassword]
  tls_allow_invalid_certificates:
    description: Whether any certificate is taken. Somebody in between can read everything then.
    type: bool
    default: false
  tls_allow_invalid_hostnames:
    description: Whether a certificate may be for another name, as it is for a name when it is asked over loopback.
    type: bool
    default: false
  ssl_cert_reqs:
    description:
      - As in community.mongodb. With V(CERT_NONE) any certificate is taken, as with O(tls_allow_invalid_certificates).
      - A server always shows one, so V(CERT_OPTIONAL) is the same as V(CERT_REQUIRED).
    type: str
    choices: [CERT_NONE, CERT_OPTIONAL, CERT_REQUIRED]
    default: CERT_REQUIRED
    aliases: [tlsAllowInvalidCertificates]
  ssl_keyfile:
    description:
      - As in community.mongodb with PyMongo 4, the client's certificate and key in one file. Counts only without
        O(tls_certificate_key_file).
    type: path
  auth_mechanism:
    description:
      - How to log in. The driver and the server agree on one where it is left out.
      - With V(MONGODB-X509) the user is the subject of the certificate in O(tls_certificate_key_file), and known to the
        database C($external).
    type: str
    choices: [SCRAM-SHA-256, SCRAM-SHA-1, MONGODB-X509]
notes:
  - Some login options of community.mongodb are not here. C(connection_options), since how it connects (to each member
    by itself) and how long it waits are its own. C(atlas_auth), since Atlas keeps its sets itself.
    C(strict_compatibility), and the mechanisms GSSAPI and PLAIN.
requirements:
  - PyMongo 3.11 or later (C(python3-pymongo) of Debian 12 and 13, and of Ubuntu 22.04 and later)
  - MongoDB 5.0 or later
"""
