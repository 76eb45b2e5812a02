# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of one app on one host: environments, configuration files, units. Private to this collection."""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._release.references import fill, names
from ansible_collections.scaleout.webapp.plugins.module_utils._release.systemd import (
    arguments,
    environment_text,
    environment_values,
    exec_line,
    setting,
)

# Stands for the port until the command is quoted; systemd then puts the instance's name there.
PORT = "\ue000"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

UNIT = """\
# Written by the role scaleout.webapp.app. Put changes of yours into {unit}.d/*.conf.
[Unit]
Description={app} {service} on port %i
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0
{mounts}
[Service]
Type=exec
User={user}
Group={group}
WorkingDirectory={release}
EnvironmentFile={config_dir}/environment
EnvironmentFile={config_dir}/{service}.environment
EnvironmentFile=-{config_dir}/{service}.digest
{environment}ExecStart={command}
Restart=always
RestartSec=2
KillSignal={stop_signal}
TimeoutStopSec={stop_timeout}
{success}{memory}UMask=0022

ReadWritePaths={writable}
CapabilityBoundingSet=
LockPersonality=true
NoNewPrivileges=true
PrivateDevices=true
PrivateTmp=true
ProtectClock=true
ProtectControlGroups=true
ProtectHome=true
ProtectHostname=true
ProtectKernelLogs=true
ProtectKernelModules=true
ProtectKernelTunables=true
ProtectSystem=strict
RemoveIPC=true
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=true
RestrictRealtime=true
RestrictSUIDSGID=true
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target

[X-Scaleout]
App={app}
"""


@dataclass(frozen=True)
class App:
    """What the role knows of its app on this host. Values may be secret."""

    name: str
    user: str
    group: str
    root: str
    config_dir: str
    release: str
    runtime_bin: str
    address: str
    environment: dict[str, Any] = field(default_factory=dict)
    files: list[dict[str, Any]] = field(default_factory=list)
    services: dict[str, dict[str, Any]] = field(default_factory=dict)
    shared_paths: list[dict[str, Any]] = field(default_factory=list)
    writable_paths: list[str] = field(default_factory=list)
    enforce_memory: bool = False

    @property
    def release_path(self) -> str:
        return f"{self.root}/releases/{self.release}"

    @property
    def references(self) -> dict[str, str]:
        return {
            "app.name": self.name,
            "app.root": self.root,
            "app.config": self.config_dir,
            "host.address": self.address,
            "release.id": self.release,
            "release.path": self.release_path,
            "runtime.bin": self.runtime_bin,
        }

    @property
    def path(self) -> str:
        parts = [self.runtime_bin, *SYSTEM_PATH.split(":")]
        return ":".join(dict.fromkeys(part for part in parts if part))


@dataclass(frozen=True)
class File:
    """One file to be written."""

    path: str
    content: str
    mode: str
    group: str


@dataclass(frozen=True)
class Rendered:
    """Everything to be written and run. `files`, `environment` and steps may hold secrets."""

    files: list[File]
    environment: list[File]
    units: list[File]
    instances: list[dict[str, Any]]
    checks: list[dict[str, Any]]


def inside(path: Any, where: str) -> str:
    """A path that stays within the release."""
    text = str(path)
    clean = posixpath.normpath(text)
    if not text or clean.startswith(("/", "..")) or clean == "." or any(ord(letter) < 32 for letter in text):
        raise ScaleoutError(f"{text!r} is not a path within the release", where, "make it relative, without '..'")
    return clean


def links(app: App) -> list[dict[str, str]]:
    """What of a release stands elsewhere, because it outlives the release."""
    found = []
    for item in app.shared_paths:
        path = inside(item["path"], "app_shared_paths")
        found.append({"path": path, "target": item.get("target") or f"{app.root}/shared/{path}"})
    relative = [item["target"] for item in found if not item["target"].startswith("/")]
    if relative:
        raise ScaleoutError(f"the target {relative[0]!r} is no absolute path", "app_shared_paths", "start it with /")
    return found


def common_environment(app: App) -> dict[str, str]:
    base = {"HOME": f"{app.root}/home", "PATH": app.path}
    return {**base, **environment_values(app.environment, app.references, "app_environment")}


def step(app: App, item: dict[str, Any], more: dict[str, Any], where: str) -> dict[str, Any]:
    """One command with its environment: the app's own, `more`, and that of the step on top."""
    name = str(item["name"])
    if not NAME.fullmatch(name):
        raise ScaleoutError(f"{name!r} cannot be the name of a step", where, "use letters, digits, '_' and '-'")
    values = common_environment(app)
    values.update(environment_values(more, app.references, "app_build_environment"))
    values.update(environment_values(item.get("environment") or {}, app.references, f"{where}.{name}.environment"))
    command = arguments(item["command"], app.references, f"{where}.{name}.command")
    return {"name": name, "command": command, "environment": environment_text(values)}


def steps(app: App, items: list[dict[str, Any]], more: dict[str, Any], where: str) -> list[dict[str, Any]]:
    """All commands of a stage, each with a name of its own."""
    made = [step(app, item, more, where) for item in items]
    names_given = [item["name"] for item in made]
    for name in names_given:
        if names_given.count(name) > 1:
            raise ScaleoutError(f"two steps are called {name}", where, "give each a name of its own")
    return made


def instances(app: App, digests: dict[str, str]) -> list[dict[str, Any]]:
    """What is to run on this host."""
    found: list[dict[str, Any]] = []
    ports: dict[int, str] = {}
    host = f"[{app.address}]" if ":" in app.address else app.address
    for name, service in sorted(app.services.items()):
        health = service.get("health") or {}
        for port in map(int, service["ports"]):
            if not 1024 <= port <= 65535:
                raise ScaleoutError(
                    f"port {port} is not open to an ordinary user", f"app_services.{name}.ports", "use 1024 to 65535"
                )
            if port in ports:
                raise ScaleoutError(
                    f"port {port} belongs to {ports[port]} already", f"app_services.{name}.ports", "use another"
                )
            ports[port] = name
            found.append(
                {
                    "unit": f"{app.name}-{name}@{port}.service",
                    "digest": digests[name],
                    "digest_file": f"{app.config_dir}/{name}.digest",
                    "url": f"http://{host}:{port}{health['path']}" if health.get("path") else "",
                    "status": health.get("status") or 200,
                    "timeout": health.get("timeout") or 5,
                    "start_timeout": service.get("start_timeout") or 90,
                    "serial_start": bool(service.get("serial_start")),
                }
            )
    return found


def render(app: App) -> Rendered:
    """All files of this app on this host."""
    common = File(f"{app.config_dir}/environment", environment_text(common_environment(app)), "0640", app.group)
    files = [_config_file(app, item) for item in app.files]
    environment, units, digests = [common], [], {}
    for name, service in sorted(app.services.items()):
        if not NAME.fullmatch(name):
            raise ScaleoutError(
                f"{name!r} cannot be the name of a service", "app_services", "use letters, digits, '_' and '-'"
            )
        own, unit = _service(app, name, service)
        environment.append(own)
        units.append(unit)
        parts = [unit.content, common.content, own.content, *sorted(f"{file.path} {file.content}" for file in files)]
        digests[name] = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    found = instances(app, digests)
    checks = [{key: item[key] for key in ("url", "status", "timeout")} for item in found if item["url"]]
    return Rendered(files, environment, units, found, checks)


def _config_file(app: App, item: dict[str, Any]) -> File:
    path = inside(item["path"], "app_files")
    content = item["content"]
    if not isinstance(content, str):
        content = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    text = fill(content, app.references, f"app_files.{path}")
    return File(f"{app.config_dir}/files/{path}", text, str(item.get("mode") or "0640"), app.group)


def _service(app: App, name: str, service: dict[str, Any]) -> tuple[File, File]:
    where = f"app_services.{name}"
    absent = [key for key in ("command", "ports") if key not in service]
    if absent:
        raise ScaleoutError(f"has no {absent[0]}", where, "a service needs a command, and ports as a list")
    references = {**app.references, "service.name": name}
    own: dict[str, Any] = {}
    by_port: dict[str, Any] = {}
    for variable, value in service.get("environment", {}).items():
        (by_port if "service.port" in names(str(value)) else own)[variable] = value
    if service.get("port_variable"):
        by_port[service["port_variable"]] = "${service.port}"
    references_of_port = {**references, "service.port": PORT}
    ported = environment_values(by_port, references_of_port, f"{where}.environment")
    statuses = " ".join(str(item) for item in service.get("success_exit_statuses") or [])
    memory = service.get("memory_mb") if app.enforce_memory else None
    targets = [item["target"] for item in links(app)]
    inner = [f"{app.release_path}/{inside(path, 'app_writable_paths')}" for path in app.writable_paths]
    unit = f"{app.name}-{name}@.service"
    text = UNIT.format(
        unit=unit,
        app=app.name,
        service=name,
        user=app.user,
        group=app.group,
        release=app.release_path,
        config_dir=app.config_dir,
        mounts=f"RequiresMountsFor={' '.join(map(setting, targets))}\n" if targets else "",
        environment="".join(f"Environment={setting(f'{key}={value}')}\n" for key, value in sorted(ported.items())),
        command=exec_line(["/usr/bin/env", *arguments(service["command"], references_of_port, f"{where}.command")]),
        stop_signal=service.get("stop_signal") or "SIGTERM",
        stop_timeout=service.get("stop_timeout") or 30,
        success=f"SuccessExitStatus={statuses}\n" if statuses else "",
        memory=f"MemoryMax={memory}M\n" if memory else "",
        writable=" ".join(map(setting, [f"{app.root}/home", f"{app.root}/shared", *targets, *inner])),
    ).replace(PORT, "%i")
    own_text = environment_text(environment_values(own, references, f"{where}.environment"))
    return (
        File(f"{app.config_dir}/{name}.environment", own_text, "0640", app.group),
        File(f"/etc/systemd/system/{unit}", text, "0644", "root"),
    )
