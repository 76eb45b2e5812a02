# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: may change without notice.

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Iterable, Mapping
from ipaddress import IPv6Address, ip_address
from pathlib import Path

OPEN = ("01", "02")  # established, connecting


def remote_ends(table: str, little_endian: bool = True) -> dict[str, str]:
    """From the text of /proc/net/tcp or tcp6: inode -> address:port of the other end, of open connections."""
    found = {}
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] in OPEN:
            address, port = fields[2].split(":")
            found[fields[9]] = endpoint(_address(address, little_endian), int(port, 16))
    return found


def _address(text: str, little_endian: bool) -> str:
    """The kernel prints words of 32 bits in the byte order of the machine."""
    raw = bytes.fromhex(text)
    if little_endian:
        raw = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    address = ip_address(raw)
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(address)


def endpoint(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def endpoints_of(address: str, port: int) -> set[str]:
    """The addresses that nginx may connect to for a server."""
    try:
        return {endpoint(str(ip_address(address.strip("[]"))), port)}
    except ValueError:
        return {endpoint(str(info[4][0]), port) for info in socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)}


def sockets_of(processes: Iterable[int], proc: Path = Path("/proc")) -> set[str]:
    """The inodes of the sockets that these processes hold. One that ends meanwhile holds none."""
    found = set()
    for pid in processes:
        try:
            targets = [_target(handle) for handle in (proc / str(pid) / "fd").iterdir()]
        except (FileNotFoundError, ProcessLookupError):
            continue
        found |= {target[8:-1] for target in targets if target.startswith("socket:[")}
    return found


def _target(handle: Path) -> str:
    try:
        return os.readlink(handle)
    except (FileNotFoundError, ProcessLookupError):
        return ""


def counts(
    wanted: Mapping[str, Collection[str]], inodes: Collection[str], tables: Iterable[str], little_endian: bool = True
) -> dict[str, int]:
    """By name, how many of these sockets lead to one of its ends. Those of other processes of the host do not count."""
    ends = [end for table in tables for inode, end in remote_ends(table, little_endian).items() if inode in inodes]
    return {name: sum(end in own for end in ends) for name, own in wanted.items()}
