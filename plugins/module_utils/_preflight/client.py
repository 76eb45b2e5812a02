# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a Linux host what it is, and changes nothing. Private to this collection."""

from __future__ import annotations

import os
import pwd
import re
import socket
from pathlib import Path
from typing import Callable, Iterable

from ansible_collections.scaleout.webapp.plugins.module_utils._preflight.model import Account, Host, Listener, Wanted

LISTEN = "0A"
CommandRunner = Callable[[list], tuple]


def read_host(wanted: Wanted, disk_paths: list[str], run: CommandRunner) -> Host:
    """Only what is wanted is asked."""
    return Host(
        memory_mb=memory_mb(Path("/proc/meminfo").read_text()),
        cores=len(os.sched_getaffinity(0)),
        free_disk_mb=free_disks_mb(disk_paths) if wanted.free_disk_mb else {},
        listeners=listeners({port.port for port in wanted.ports}) if wanted.ports else [],
        foreign_addresses=[address for address in wanted.addresses if not is_own(address)],
        interfaces=interfaces() if wanted.interfaces else [],
        accounts=accounts([account.name for account in wanted.accounts]),
        distribution=distribution(Path("/etc/os-release").read_text()),
        systemd=Path("/run/systemd/system").is_dir(),
        time_synchronised=time_synchronised(run) if wanted.time_sync else None,
    )


def memory_mb(meminfo: str) -> int:
    """The memory of the host, from the text of /proc/meminfo."""
    found = re.search(r"^MemTotal:\s+(\d+) kB", meminfo, re.MULTILINE)
    return int(found.group(1)) // 1024 if found else 0


def distribution(os_release: str) -> str:
    """Name and version as `debian 12`, from the text of /etc/os-release."""
    values = dict(re.findall(r'^([A-Z_]+)="?([^"\n]*)"?$', os_release, re.MULTILINE))
    return f"{values.get('ID', '')} {values.get('VERSION_ID', '')}".strip()


def free_disks_mb(paths: list[str]) -> dict[str, int]:
    """What an ordinary user may still write there. Of paths on one file system the first speaks for all."""
    found: dict[int, tuple[str, int]] = {}
    for path in paths:
        folder = existing(path)
        state = os.statvfs(folder)
        found.setdefault(folder.stat().st_dev, (path, state.f_bavail * state.f_frsize // (1024 * 1024)))
    return dict(found.values())


def existing(path: str) -> Path:
    """The folder, or where it will be made."""
    folder = Path(path)
    while not folder.exists():
        folder = folder.parent
    return folder


def is_own(address: str) -> bool:
    """Whether one can listen there; names are looked up as the services would."""
    try:
        family, _kind, _proto, _name, target = socket.getaddrinfo(address, 0, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind(target)
    except OSError:
        return False
    return True


def interfaces() -> list[str]:
    """The names of the network interfaces. A driver may keep a file among them."""
    return sorted(entry.name for entry in Path("/sys/class/net").iterdir() if entry.is_dir())


def accounts(names: Iterable[str]) -> list[Account]:
    """Those that are there, of whatever source the host has for them."""
    found = []
    for name in names:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        found.append(Account(name=name, home=entry.pw_dir, shell=entry.pw_shell))
    return found


def listening_inodes(tables: Iterable[str], ports: set[int]) -> dict[str, int]:
    """Socket inode to port, from the texts of /proc/net/tcp and tcp6."""
    found = {}
    for table in tables:
        for line in table.splitlines()[1:]:
            fields = line.split()
            port = int(fields[1].rpartition(":")[2], 16)
            if fields[3] == LISTEN and port in ports:
                found[fields[9]] = port
    return found


def listeners(ports: set[int]) -> list[Listener]:
    """Who listens on these ports."""
    tables = [Path(path).read_text() for path in ("/proc/net/tcp", "/proc/net/tcp6") if Path(path).exists()]
    inodes = listening_inodes(tables, ports)
    names: dict[str, set[str]] = {inode: set() for inode in inodes}
    if inodes:
        for process in Path("/proc").glob("[0-9]*"):
            for inode in _sockets(process) & inodes.keys():
                names[inode] |= _names(process)
    return [Listener(port=inodes[inode], names=frozenset(found)) for inode, found in names.items()]


def _sockets(process: Path) -> set[str]:
    found = set()
    try:
        for link in (process / "fd").iterdir():
            target = os.readlink(link)
            if target.startswith("socket:["):
                found.add(target[len("socket:[") : -1])
    except OSError:
        # The process ended while it was looked at, or belongs to another user.
        return found
    return found


def _names(process: Path) -> set[str]:
    try:
        cgroup = (process / "cgroup").read_text()
        command = (process / "comm").read_text().strip()
    except OSError:
        return set()
    return {command} | set(re.findall(r"[^/\n]+\.service", cgroup))


def time_synchronised(run: CommandRunner) -> bool | None:
    """None where nobody can say: a container has the clock of its machine."""
    if run(["systemd-detect-virt", "--container", "--quiet"])[0] == 0:
        return None
    code, out, _err = run(["timedatectl", "show", "--property=NTPSynchronized", "--value"])
    return {"yes": True, "no": False}.get(out.strip()) if code == 0 else None
