# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Profiles: what an application is, as data. docs/profiles.md is the reference. Private to this collection."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.plugin_utils._schema import (
    ABSENT,
    INNER,
    Anything,
    Field,
    Flag,
    Items,
    Kind,
    Number,
    Place,
    Problems,
    Scalar,
    Shape,
    Table,
    Text,
    required,
    suggestion,
)

OWN_PROFILES = Path(__file__).resolve().parents[2] / "profiles"
SUFFIXES = (".yml", ".yaml")

NAME = Text(
    r"[a-z][a-z0-9_]{0,23}", "a name of at most 24 small letters, digits and underscores that starts with a letter"
)
LABEL = Text(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,63}", "a short name")
LINE = Text(r"[^\n\r\0]+", "a text in one line")
URL_PATH = Text(r"/[^\s;{}\"'\\$]*", "a path that starts with / and holds no blanks, quotes, braces, ; $ or \\")
FOLDER = Text(
    r"(?!/)(?!(.*/)?\.\.?(/|$))[^\s\0]+(?<!/)", "a path relative to the release, without .. and without a closing /"
)
VARIABLE = Text(r"[A-Za-z_][A-Za-z0-9_]*", "a name of an environment variable")
SIZE = Text(r"\d+[kKmMgG]?", "a size as nginx writes it, such as 32m")
MODE = Text(r"0[0-7]{3}", 'a mode in quotes, such as "0640"')
SCHEDULE = Text(r"(\S+\s+){4}\S+", "five cron fields, such as '17 3 * * *'")
SIGNAL = Text(r"SIG[A-Z0-9]+", "a signal, such as SIGTERM")
BALANCE_KEY = Text(r"[A-Za-z0-9_$:/.-]+", "nginx variables, such as $request_uri")
PORT = Number(1, 65535)
APP_PORT = Number(
    1024, 65535, reason="ports below 1024 are not for ordinary users; visitors come to the balancers' port 80"
)
SECONDS = Number(1, 86400)
ENVIRONMENT = Table(Scalar(), VARIABLE)
HEADERS = Table(Scalar(), Text(r"[A-Za-z0-9-]+", "a header name"))

STEP = Shape({"name": required(NAME), "command": required(LINE), "environment": Field(ENVIRONMENT, {})})
JOB = Shape(
    {
        "name": required(NAME),
        "command": required(LINE),
        "schedule": required(SCHEDULE),
        "strategy": Field(Text(choices=("single", "staggered", "lease")), "single"),
        "owner": Field(Text()),
        "time_limit": Field(Number(0, 604800), 0),
        "catch_up": Field(Flag(), False),
        "retry": Field(Flag(), False),
        "store_failure": Field(Text(choices=("skip", "run")), "skip"),
    }
)
FILE = Shape(
    {
        "path": required(FOLDER),
        "format": Field(Text(choices=("text", "json")), "text"),
        "content": required(Anything()),
        "mode": Field(MODE, "0640"),
    }
)
SECRET = Shape(
    {
        "bytes": Field(Number(8, 512), 32),
        "generate": Field(Flag(), True),
        "rotate": Field(Flag(), True),
        "description": Field(Text(), ""),
        "notice": Field(Text(), ""),
    }
)
HEALTH: dict[str, Kind] = {"path": URL_PATH, "status": Number(100, 599), "timeout": SECONDS}
BALANCE = Shape(
    {
        "method": Field(Text(choices=("round_robin", "least_conn", "ip_hash", "hash")), ABSENT),
        "key": Field(BALANCE_KEY, ABSENT),
        "consistent": Field(Flag(), ABSENT),
        "max_fails": Field(Number(0, 1000), ABSENT),
        "fail_timeout": Field(SECONDS, ABSENT),
        "keepalive": Field(Number(1, 10000), ABSENT),
        "keepalive_timeout": Field(SECONDS, ABSENT),
        "weights": Field(Table(Number(1, 1000)), ABSENT),
        "backup": Field(Items(LINE), ABSENT),
    }
)
SERVICE: dict[str, Kind] = {
    "command": LINE,
    "port": APP_PORT,
    "instances": Number(1, 1000),
    "port_variable": VARIABLE,
    "port_holder": LINE,
    "environment": ENVIRONMENT,
    "memory_mb": Number(1, 2**20),
    "start_timeout": SECONDS,
    "stop_timeout": SECONDS,
    "stop_signal": SIGNAL,
    "success_exit_statuses": Items(Number(0, 255)),
    "serial_start": Flag(),
    "sticky": Flag(),
    "websocket": Flag(),
    "balance": BALANCE,
}
SERVICE_DEFAULTS: dict[str, Any] = {
    "instances": 2,
    "port_variable": None,
    "port_holder": None,
    "environment": {},
    "memory_mb": 256,
    "start_timeout": 90,
    "stop_timeout": 30,
    "stop_signal": "SIGTERM",
    "success_exit_statuses": [],
    "serial_start": False,
    "sticky": False,
    "websocket": False,
    "balance": {},
}
HEALTH_DEFAULTS: dict[str, Any] = {"path": "/", "status": 200, "timeout": 5}
CORS = Shape(
    {
        "origins": Field(Items(LINE), []),
        "credentials": Field(Flag(), False),
        "methods": Field(Items(LINE), []),
        "headers": Field(Items(LINE), []),
        "max_age": Field(Number(0, 86400), 600),
    }
)
LIMITS = Shape({name: Field(Number(1, 10**6), ABSENT) for name in ("requests_per_second", "burst", "connections")})
ROUTE = Shape(
    {
        "path": required(URL_PATH),
        "service": Field(NAME),
        "static_root": Field(FOLDER),
        "read_timeout": Field(SECONDS, 60),
        "cors": Field(CORS),
        "headers": Field(HEADERS, {}),
        "limits": Field(LIMITS, ABSENT),
    }
)
STORES = Shape(
    {
        "mongodb": Field(Shape({"optional": Field(Flag(), False), "roles": Field(Items(Anything()), ["readWrite"])})),
        "redis": Field(
            Shape(
                {
                    "optional": Field(Flag(), False),
                    "persistence": Field(Text(choices=("none", "aof")), "none"),
                    "exclusive": Field(Flag(), False),
                }
            )
        ),
        "memcached": Field(Shape({"optional": Field(Flag(), False)})),
    }
)
FRAGMENT = {
    "environment": Field(ENVIRONMENT, {}),
    "stores": Field(STORES, INNER),
    "shared_paths": Field(Items(FOLDER), []),
}
SETTING = Shape(
    {
        "description": Field(Text(), ""),
        "default": Field(Scalar()),
        "required": Field(Flag(), False),
        "choices": Field(Table(Shape(FRAGMENT)), {}),
    }
)
PROFILE = Shape(
    {
        "description": required(Text()),
        "runtime": required(Shape({"name": required(NAME), "version": Field(LINE, ABSENT)})),
        "settings": Field(Table(SETTING, NAME), {}),
        "secrets": Field(Table(SECRET, NAME), {}),
        **FRAGMENT,
        "writable_paths": Field(Items(FOLDER), []),
        "files": Field(Items(FILE), []),
        "build": Field(Items(STEP), []),
        "release_steps": Field(Items(STEP), []),
        "services": required(
            Table(
                Shape(
                    {
                        **{name: Field(kind, SERVICE_DEFAULTS.get(name)) for name, kind in SERVICE.items()},
                        "command": required(LINE),
                        "port": required(APP_PORT),
                        "health": Field(
                            Shape({name: Field(kind, HEALTH_DEFAULTS[name]) for name, kind in HEALTH.items()}), INNER
                        ),
                    }
                ),
                NAME,
            )
        ),
        "static": Field(Items(FOLDER), []),
        "body_limit": Field(SIZE, "1m"),
        "headers": Field(HEADERS, {}),
        "routes": required(Items(ROUTE, least=1)),
        "jobs": Field(Items(JOB), []),
    }
)


@dataclass(frozen=True)
class Profile:
    """A checked profile. With problems its data is only good enough to look for more of them."""

    name: str
    source: str
    data: dict[str, Any]
    problems: tuple[ScaleoutError, ...] = field(default=())


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML allows no key twice; PyYAML silently takes the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _value in node.value:
            if key_node.value in seen and isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key_node.value} is there twice", key_node.start_mark
                )
            if isinstance(key_node, yaml.ScalarNode):
                seen.add(key_node.value)
        return super().construct_mapping(node, deep)


def parse_profile(name: str, text: str, source: str) -> Profile:
    """Check the text of a profile. `source` is the file that messages name."""
    problems = Problems()
    try:
        loaded = yaml.load(text, Loader=_UniqueKeyLoader)
    except (yaml.YAMLError, ValueError) as error:
        problems.add(f"is not YAML: {' '.join(str(error).split())}", Place(source))
        loaded = None
    else:
        _check_form(loaded, source, problems)
    if problems.found:
        return Profile(name, source, PROFILE.check({}, Place(source), Problems()), tuple(problems.found))
    data = PROFILE.check(loaded, Place(source), problems)
    _check_names(data, Place(source), problems)
    return Profile(name, source, data, tuple(problems.found))


def _check_form(loaded: Any, source: str, problems: Problems) -> None:
    if not isinstance(loaded, dict):
        problems.add("holds no dictionary", Place(source), "see docs/profiles.md for what a profile is")


def _check_names(data: dict[str, Any], place: Place, problems: Problems) -> None:
    """What one part of a profile says about another."""
    services = list(data["services"])
    if not services:
        problems.add("names no service", place / "services", "add one, with its command and port")
    paths = set()
    for at, route in enumerate(data["routes"]):
        here = place / "routes" / at
        if route["service"] and route["service"] not in services:
            problems.add(
                f"there is no service called {route['service']}",
                here / "service",
                suggestion(route["service"], services),
            )
        if not route["service"] and not route["static_root"]:
            problems.add("leads nowhere", here, "give it a service or a static_root")
        if route["path"] in paths:
            problems.add(f"the path {route['path']} has a route already", here / "path", "give each path one route")
        paths.add(route["path"])
    for name, setting in data["settings"].items():
        here = place / "settings" / name / "default"
        if setting["choices"] and setting["default"] not in setting["choices"]:
            problems.add(f"is {setting['default']!r}, must be one of {', '.join(setting['choices'])}", here)
    for part in ("build", "release_steps", "jobs"):
        names = [item["name"] for item in data[part]]
        for name in sorted({name for name in names if names.count(name) > 1}):
            problems.add(f"{name} is there twice", place / part, "give each a name of its own")


def find_profile(name: str, folders: Sequence[Path]) -> Path | None:
    """The file of a profile: a path, or the name of a file in a folder `profiles`, first those of the user."""
    if name.endswith(SUFFIXES):
        places = [folder / name for folder in folders]
    else:
        homes = [*(folder / "profiles" for folder in folders), OWN_PROFILES]
        places = [home / f"{name}{suffix}" for home in homes for suffix in SUFFIXES]
    return next((path for path in places if path.is_file()), None)


def known_profiles(folders: Sequence[Path]) -> list[str]:
    """The names that find_profile knows."""
    homes = [*(folder / "profiles" for folder in folders), OWN_PROFILES]
    return sorted({path.stem for home in homes if home.is_dir() for path in home.iterdir() if path.suffix in SUFFIXES})
