# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes of the webapp_* variables. Private to this collection."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_interface
from typing import Any

from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.model import GROUPS
from ansible_collections.scaleout.webapp.plugins.plugin_utils._profile import (
    ENVIRONMENT,
    FOLDER,
    HEADERS,
    HEALTH,
    JOB,
    LIMITS,
    LINE,
    NAME,
    PORT,
    SECRET,
    SERVICE,
    SIZE,
    STEP,
)
from ansible_collections.scaleout.webapp.plugins.plugin_utils._schema import (
    ABSENT,
    INNER,
    Anything,
    Field,
    Flag,
    Items,
    Number,
    Place,
    Problems,
    Scalar,
    Shape,
    Table,
    Text,
    required,
)

RELEASE = Text(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "a label of letters, digits, dots, dashes and underscores")
TARGET = Text(r"/[^\s\0]+", "an absolute path")
PROTOCOL = Text(choices=("tcp", "udp"), empty="tcp")

SHA256 = Text(r"(sha256:)?[0-9a-f]{64}", "a SHA-256: 64 digits and letters a to f")
SOURCE = Shape(
    {
        **{name: Field(LINE, ABSENT) for name in ("path", "archive", "git", "version")},
        "checksum": Field(SHA256, ABSENT),
        "exclude": Field(Items(Text(r"[^/\n\r\0]+", "a name without /, wildcards allowed")), ABSENT),
    }
)
RUNTIME = Shape({"version": Field(LINE, ABSENT), "archive": Field(LINE, ABSENT), "checksum": Field(SHA256, ABSENT)})
LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
ACME = Shape(
    {
        "email": Field(Text(r"[^\s@,]+@[^\s@,]+", "one mail address"), ""),
        "directory": Field(Text(r"https://[^\s/]+\S*", "the URL of an ACME directory, with https://"), LETS_ENCRYPT),
    }
)
TLS = Shape(
    {
        "certificate": Field(LINE, ABSENT),
        "key": Field(LINE, ABSENT),
        "acme": Field(ACME, ABSENT),
        "on_host": Field(Flag(), False),
        "redirect": Field(Flag(), True),
        "hsts": Field(Number(1, 10**9), ABSENT),
    }
)
SERVICE_CHANGE = Shape(
    {
        **{name: Field(kind, ABSENT) for name, kind in SERVICE.items()},
        "health": Field(Shape({name: Field(kind, ABSENT) for name, kind in HEALTH.items()}), {}),
    }
)
APP = Shape(
    {
        "profile": required(LINE),
        "domains": required(Items(LINE, least=1)),
        "default": Field(Flag(), False),
        "canonical": Field(LINE),
        "tls": Field(TLS),
        "limits": Field(LIMITS, ABSENT),
        "url": Field(Text(r"https?://[^\s/?#]+", "http:// or https:// and a host name, without a path")),
        "source": Field(SOURCE, {}),
        "runtime": Field(RUNTIME, {}),
        "release": Field(RELEASE),
        "hosts": Field(Items(LINE)),
        "uid": Field(Number(100, 59999)),
        "services": Field(Table(SERVICE_CHANGE), {}),
        "environment": Field(ENVIRONMENT, {}),
        "settings": Field(Table(Scalar()), {}),
        "shared_paths": Field(Table(TARGET, FOLDER), {}),
        "secrets": Field(Table(SECRET, NAME), {}),
        "build": Field(Items(STEP), []),
        "release_steps": Field(Items(STEP), []),
        "jobs": Field(Items(JOB), []),
        "body_limit": Field(SIZE),
        "headers": Field(HEADERS, {}),
    }
)
APPS = Table(APP)
REPOSITORY = Shape(
    {
        "url": required(LINE),
        "suite": required(LINE),
        "components": Field(Items(LINE), ABSENT),
        "key": required(Text(r"[^\n\r\0]+\.(asc|gpg)", "a file or URL that ends in .asc or .gpg")),
    }
)
MONGODB = Shape(
    {
        "port": Field(PORT, 27017),
        "replica_set": Field(Text(r"[A-Za-z0-9_-]{1,64}", "a name of letters, digits, dashes and underscores"), "rs0"),
        "settings": Field(Table(Anything()), {}),
        "default_write_concern": Field(Table(Anything())),
        "cache_mb": Field(Number(256, 2**20)),
        "preferred_zone": Field(LINE),
        "tls": Field(
            Shape(
                {
                    "mode": Field(Text(choices=("disabled", "allowTLS", "preferTLS", "requireTLS")), "disabled"),
                    "clients": Field(Flag(), False),
                    "client_ca_file": Field(TARGET, ABSENT),
                }
            ),
            INNER,
        ),
        "install": Field(
            Shape(
                {
                    "method": Field(Text(choices=("packages", "archive", "binary")), "packages"),
                    "packages": Field(Items(LINE), ABSENT),
                    "version": Field(LINE, ABSENT),
                    "repository": Field(REPOSITORY, ABSENT),
                    "archive": Field(LINE, ABSENT),
                    "archive_checksum": Field(
                        Text(r"sha256:[0-9a-f]{64}", "sha256: and 64 digits and letters"), ABSENT
                    ),
                    "binary": Field(LINE, ABSENT),
                }
            ),
            INNER,
        ),
    }
)
MEMBER = Shape(
    {
        "priority": Field(Number(0, 1000), ABSENT),
        "votes": Field(Number(0, 1), ABSENT),
        "hidden": Field(Flag(), ABSENT),
        "arbiter_only": Field(Flag(), ABSENT),
        "secondary_delay_secs": Field(Number(0, 10**7), ABSENT),
        "build_indexes": Field(Flag(), ABSENT),
        "tags": Field(Table(Text()), ABSENT),
    }
)
REDIS = Shape(
    {
        "port": Field(PORT, 6379),
        "maxmemory_mb": Field(Number(1, 2**20), 256),
        "persistence": Field(Text(choices=("none", "aof"))),
    }
)
MEMCACHED = Shape({"port": Field(PORT, 11211), "memory_mb": Field(Number(8, 2**20), 64)})
VIP = Shape(
    {
        "address": required(LINE),
        "prefix": required(Number(1, 128)),
        "interface": required(Text(r"[^\s/]{1,15}", "a name of a network interface")),
        "router_id": required(Number(1, 255)),
    }
)
FIREWALL = Shape(
    {
        "enabled": Field(Flag(), True),
        "ssh_sources": Field(Items(LINE, least=1), ["any"]),
        "extra": Field(
            Items(
                Shape(
                    {
                        "ports": required(Items(PORT, least=1)),
                        "protocol": Field(PROTOCOL, "tcp"),
                        "sources": Field(Items(LINE, least=1), ["any"]),
                        "groups": Field(Items(Text(choices=GROUPS)), list(GROUPS)),
                        "comment": Field(LINE, "of the inventory"),
                    }
                )
            ),
            [],
        ),
    }
)
BUILD_ENVIRONMENT = ENVIRONMENT
RETIRED_APPS = Items(NAME)
INSTANCES = Table(Table(Number(0, 1000)))

# Accounts that Debian or the stores make, databases of MongoDB, folders under /opt/webapp that are no app's, and the
# set of jobs that singleton_cron has by default: two sets of one name remove each other's jobs.
RESERVED = re.compile(
    r"root|daemon|bin|sys|sync|games|man|lp|mail|news|uucp|proxy|backup|list|irc|gnats|nobody|adm|sshd|messagebus|"
    r"mongodb|redis|memcache|memcached|nginx|keepalived|mysql|postgres|admin|local|config|runtimes|webapp"
)


def is_address(text: str) -> bool:
    """Whether it is an IP address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_source(text: str) -> bool:
    """Whether a firewall understands it: any, an address or a network."""
    try:
        ip_interface(text)
    except ValueError:
        return text == "any"
    return True


def domain_problem(domain: str) -> str:
    """Why it is no host name after RFC 1123, or nothing."""
    labels = domain.split(".")
    if len(domain) > 253:
        return "is longer than the 253 characters that a host name may have"
    for label in labels:
        if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", label):
            return f"is no host name: {label!r} is not 1 to 63 letters, digits and dashes with no dash at its ends"
    if labels[-1].isdigit():
        return "ends in a number, so it is no host name (an app with default: true answers under addresses too)"
    return ""


def checked(kind: Any, settings: Any, name: str, problems: Problems) -> Any:
    """A webapp_* variable in its normal form; a missing one as if it were empty."""
    return kind.check({} if settings.get(name) is None else settings[name], Place(path=name), problems)
