"""What the preflight reads from a host."""

from __future__ import annotations

import os
import pwd
import socket
from pathlib import Path

import pytest
from ansible_collections.scaleout.webapp.plugins.module_utils._preflight.client import (
    accounts,
    distribution,
    existing,
    free_disks_mb,
    interfaces,
    is_own,
    listeners,
    listening_inodes,
    memory_mb,
    time_synchronised,
)

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:18EB 00000000:0000 0A 00000000:00000000 00:00000000 00000000   106        0 4711 1 0 100 0 0 10 0
   1: 0100007F:18EB 0100007F:C001 01 00000000:00000000 00:00000000 00000000   106        0 4712 1 0 100 0 0 10 0
   2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0 0 10 0
"""


def test_only_listening_sockets_of_the_asked_ports_count() -> None:
    """A connection to the port is no listener."""
    assert listening_inodes([TCP], {6379}) == {"4711": 6379}


def test_memory_is_in_megabytes() -> None:
    """As the kernel reports it, in kB."""
    assert memory_mb("MemTotal:        2048000 kB\nMemFree: 1 kB\n") == 2000


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('NAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\n', "debian 12"),
        ('ID=ubuntu\nVERSION_ID="24.04"\nID_LIKE=debian\n', "ubuntu 24.04"),
        ("ID=arch\n", "arch"),
    ],
)
def test_distribution_is_id_and_version(text: str, name: str) -> None:
    """Quoted or not."""
    assert distribution(text) == name


def test_a_listener_of_this_process_is_found_by_name() -> None:
    """A real socket, a real /proc."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        (found,) = listeners({port})
    assert found.port == port
    assert Path("/proc/self/comm").read_text().strip() in found.names


@pytest.mark.parametrize(
    ("address", "own"), [("127.0.0.1", True), ("localhost", True), ("192.0.2.1", False), ("no.such.invalid", False)]
)
def test_an_address_is_own_when_one_can_listen_there(address: str, own: bool) -> None:
    """Documentation addresses belong to nobody."""
    assert is_own(address) is own


def test_a_folder_that_is_not_there_yet_will_be_on_the_disk_of_its_parent(tmp_path: Path) -> None:
    """As deep as it may be."""
    assert existing(str(tmp_path / "a" / "b")) == tmp_path


def test_one_file_system_is_reported_once(tmp_path: Path) -> None:
    """By the first path on it; /proc is another one, and has no room at all."""
    found = free_disks_mb([str(tmp_path), str(tmp_path / "a"), "/proc"])
    assert list(found) == [str(tmp_path), "/proc"]
    assert found[str(tmp_path)] > found["/proc"] == 0


@pytest.mark.parametrize(
    ("container", "answer", "state"),
    [
        (False, (0, "yes\n", ""), True),
        (False, (0, "no\n", ""), False),
        (False, (1, "", "no bus"), None),
        (True, (0, "no\n", ""), None),
    ],
)
def test_clock_as_timedatectl_says(container: bool, answer: tuple[int, str, str], state: bool | None) -> None:
    """Where it cannot say, and in a container, nothing is said."""

    def run(command: list[str]) -> tuple[int, str, str]:
        return answer if command[0] == "timedatectl" else (0 if container else 1, "", "")

    assert time_synchronised(run) is state


def test_the_interfaces_are_those_that_the_kernel_names() -> None:
    """Loopback is everywhere."""
    assert "lo" in interfaces()
    assert set(interfaces()) == {name for _index, name in socket.if_nameindex()}


def test_an_account_is_told_as_the_host_has_it() -> None:
    """One that is not there is not told."""
    (found,) = accounts([pwd.getpwuid(os.getuid()).pw_name, "no_such_account"])
    assert (found.name, found.home, found.shell) == (
        pwd.getpwuid(os.getuid()).pw_name,
        pwd.getpwuid(os.getuid()).pw_dir,
        pwd.getpwuid(os.getuid()).pw_shell,
    )
