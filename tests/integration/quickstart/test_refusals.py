# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""./quickstart says what it cannot do, before it does anything. Needs root and a Docker engine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[3]
PARTS = ["quickstart", "tools", "requirements", "inventories", "playbooks", "ansible.cfg"]
DEMO = "172.31.80."
# Two workers of pytest do not take each other's addresses.
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
OURS = f"172.31.{240 + int(WORKER[2:])}."
MAIN = Path("inventories/demo/group_vars/all/main.yml")
HOSTS = Path("inventories/demo/hosts.yml")


class Clone:
    """The parts of the project that ./quickstart reads, with a network of its own in the demo's inventory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in PARTS:
            copy = shutil.copytree if (TOP / part).is_dir() else shutil.copy2
            copy(TOP / part, folder / part)
        (folder / ".venv").symlink_to(TOP / ".venv")
        for path in (folder / "inventories" / "demo").rglob("*.yml"):
            path.write_text(path.read_text().replace(DEMO, OURS).replace("scaleout-demo", "scaleout-refused"))

    def change(self, path: Path, old: str, new: str) -> None:
        text = (self.folder / path).read_text()
        assert old in text
        (self.folder / path).write_text(text.replace(old, new))

    def quickstart(self, *before: str) -> tuple[int, str]:
        """Run it, behind another command where one is given."""
        environment = {**os.environ, "SCALEOUT_CACHE": str(self.folder / "cache")}
        command = [*before, str(self.folder / "quickstart")]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
        return done.returncode, done.stdout + done.stderr

    def quickstart_where(self, mount: str) -> tuple[int, str]:
        """Run it where something else is mounted, for this run only."""
        return self.quickstart("unshare", "--mount", "sh", "-ec", f'{mount}; exec "$@"', "sh")


@pytest.fixture
def clone() -> Iterator[Clone]:
    # Not pytest's own folder: another user must get in.
    with tempfile.TemporaryDirectory(prefix="scaleout-quickstart-") as folder:
        Path(folder).chmod(0o755)
        yield Clone(Path(folder))


@pytest.fixture
def taken() -> Iterator[str]:
    """A Docker network with a container, on a part of the addresses."""
    name = f"scaleout-taken-{WORKER}"
    subprocess.run(["docker", "network", "create", "--subnet", f"{OURS}0/25", name], check=True, capture_output=True)
    yield name
    subprocess.run(["docker", "network", "rm", name], check=True, capture_output=True)


@pytest.fixture
def sleeper() -> Iterator[str]:
    """An image that can sleep, made of this machine's own program and its libraries."""
    linked = subprocess.run(["ldd", "/usr/bin/sleep"], check=True, capture_output=True, text=True).stdout.split()
    files = ["/usr/bin/sleep", *(word for word in linked if word.startswith("/"))]
    archive = subprocess.run(["tar", "-chP", *files], check=True, capture_output=True).stdout
    made = subprocess.run(["docker", "import", "-"], input=archive, check=True, capture_output=True)
    image = made.stdout.decode().strip()
    yield image
    subprocess.run(["docker", "rmi", image], check=True, capture_output=True)


def test_not_root(clone: Clone) -> None:
    code, output = clone.quickstart("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    assert (code, output.count("\n")) == (1, 1)
    assert "quickstart: needs root" in output


def test_no_space(clone: Clone) -> None:
    (clone.folder / "cache").mkdir()
    code, output = clone.quickstart_where(f"mount -t tmpfs -o size=20m none {clone.folder}/cache")
    assert code == 1
    assert "cache has 20 MiB free, 500 MiB are needed" in output
    assert "Preparing" not in output


def test_downloads_that_are_there_need_no_space_again(clone: Clone) -> None:
    (clone.folder / "cache").mkdir()
    fill = f"head -c 8M /dev/zero >{clone.folder}/cache/node.tar.gz"
    code, output = clone.quickstart_where(f"mount -t tmpfs -o size=20m none {clone.folder}/cache; {fill}")
    assert code == 1
    assert "cache has 12 MiB free, 492 MiB are needed" in output


def test_hosts_that_are_there_need_no_space_again(clone: Clone, sleeper: str) -> None:
    command = ["python", "tools/demo.py", "--written", "inventories/demo"]
    container = "scaleout-refused-app1"
    (clone.folder / "written").write_bytes(b"x" * (30 << 20))
    subprocess.run(["docker", "create", "--name", container, sleeper, "/usr/bin/sleep", "1"], check=True)
    try:
        with_image = int(subprocess.run(command, cwd=clone.folder, check=True, capture_output=True).stdout)
        subprocess.run(["docker", "cp", str(clone.folder / "written"), f"{container}:/written"], check=True)
        written = int(subprocess.run(command, cwd=clone.folder, check=True, capture_output=True).stdout)
        code, output = clone.quickstart_where("mount -t tmpfs -o size=20m none /var/lib/docker")
    finally:
        subprocess.run(["docker", "rm", container], check=True, capture_output=True)
    assert with_image > 0
    assert written == with_image + 30
    assert code == 1
    assert f"/var/lib/docker has 20 MiB free, {10000 - written} MiB are needed" in output
    assert int(subprocess.run(command, cwd=clone.folder, check=True, capture_output=True).stdout) == 0
    assert "Preparing" not in output


def test_no_memory(clone: Clone) -> None:
    (clone.folder / "meminfo").write_text("MemTotal:        2048000 kB\n")
    code, output = clone.quickstart_where(f"mount --bind {clone.folder}/meminfo /proc/meminfo")
    assert code == 1
    assert "this machine has 2000 MiB of memory, 7500 MiB are needed" in output
    assert "Preparing" not in output


def test_another_network_has_the_addresses(clone: Clone, taken: str) -> None:
    code, output = clone.quickstart()
    assert code == 1
    assert f"inventories/demo: {OURS}0/24 is taken: br-" in output
    assert f"has a route for {OURS}0/25" in output
    assert "Starting the hosts" not in output


def test_the_network_is_there_with_another_subnet(clone: Clone, taken: str) -> None:
    clone.change(HOSTS, "scaleout-refused", taken)
    code, output = clone.quickstart()
    assert code == 1
    assert f"the Docker network {taken} has {OURS}0/25 instead of {OURS}0/24; remove it first" in output


@pytest.mark.parametrize(
    ("vip", "reason"),
    [
        ("172.31.80.10", "is not in testhost_subnet"),
        ("21", "is taken by app1"),
        ("1", "is taken by this machine itself"),
    ],
    ids=["outside", "host", "gateway"],
)
def test_the_virtual_ip_cannot_be_had(vip: str, reason: str, clone: Clone) -> None:
    vip = vip if "." in vip else OURS + vip
    clone.change(MAIN, f"address: {OURS}10", f"address: {vip}")
    code, output = clone.quickstart()
    assert code == 1
    assert f"inventories/demo: {vip} (the virtual IP) {reason}" in output


def test_a_container_has_an_address_of_a_host(clone: Clone, taken: str, sleeper: str) -> None:
    clone.change(HOSTS, "scaleout-refused", taken)
    clone.change(HOSTS, f"{OURS}0/24", f"{OURS}0/25")
    squatter = f"scaleout-squatter-{WORKER}"
    options = ["--detach", "--rm", "--network", taken, "--ip", f"{OURS}22", "--name", squatter]
    subprocess.run(["docker", "run", *options, sleeper, "/usr/bin/sleep", "600"], check=True, capture_output=True)
    try:
        code, output = clone.quickstart()
    finally:
        subprocess.run(["docker", "rm", "-f", squatter], check=True, capture_output=True)
    assert code == 1
    assert f"{OURS}22 (app2) is taken by the container {squatter}" in output


def test_addresses_come_from_the_inventory(clone: Clone) -> None:
    clone.change(MAIN, 'url: "http://{{ webapp_vip.address }}"', "url: http://www.demo.test")
    command = ["python", "tools/demo.py", "inventories/demo"]
    environment = {**os.environ, "SCALEOUT_CACHE": "/cache", "ANSIBLE_CONFIG": "ansible.cfg"}
    done = subprocess.run(command, cwd=clone.folder, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    options = r"-i /cache/ssh/id_ed25519 -o UserKnownHostsFile=/cache/ssh/known_hosts\.\S+"
    assert re.fullmatch(rf"7 http://www\.demo\.test www {re.escape(OURS)}21 {options}\n", done.stdout)
