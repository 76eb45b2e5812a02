# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says as one JSON object how this host's mongod stands: what it has loaded, and its state in its replica set.

With --wait it waits for a state first. It needs no login: hello tells.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

MEMBER = ("primary", "secondary", "arbiter")
MAX_CRASHES = 3
# What the kernel adds to the path of a running program that was replaced.
DELETED = " (deleted)"


# A copy of the configuration that the running process read.
RUNNING = Path("/run/mongodb/loaded.conf")


def setting(name: str) -> str:
    """What the running process was told of TLS; empty where nothing was, or none runs."""
    try:
        found = re.search(rf"^ +{name}: *(\S+)$", RUNNING.read_text().partition("\n  tls:\n")[2], re.MULTILINE)
    except FileNotFoundError:
        return ""
    return found[1] if found else ""


def tls() -> dict[str, Any]:
    """How to connect: who speaks TLS to the other members is understood by all of them."""
    if setting("mode") not in ("preferTLS", "requireTLS"):
        return {}
    return {"tls": True, "tlsCAFile": setting("CAFile"), "tlsAllowInvalidHostnames": True}


def connect(address: str) -> Any:
    import pymongo

    return pymongo.MongoClient(f"mongodb://{address}/?directConnection=true", serverSelectionTimeoutMS=2000, **tls())


def ask(address: str) -> dict[str, Any]:
    """What hello answers at this address; empty when nothing answers."""
    from pymongo.errors import PyMongoError

    try:
        with connect(address) as client:
            return dict(client.admin.command("hello"))
    except PyMongoError:
        return {}


def state_of(hello: dict[str, Any]) -> str:
    if not hello:
        return "silent"
    if not hello.get("setName"):
        return "uninitialised" if hello.get("isreplicaset") else "standalone"
    if hello.get("isWritablePrimary"):
        return "primary"
    if not hello.get("primary"):
        return "without a primary"
    if hello.get("arbiterOnly"):
        return "arbiter"
    return "secondary" if hello.get("secondary") else "catching up"


def refuses_strangers(address: str) -> bool:
    from pymongo.errors import OperationFailure, PyMongoError

    try:
        with connect(address) as client:
            client.admin.command("serverStatus")
    except OperationFailure as error:
        return error.code == 13
    except PyMongoError:
        pass
    return False


def unit() -> dict[str, str]:
    shown = subprocess.run(
        ["systemctl", "show", "mongod.service", "--property=LoadState,ActiveState,MainPID,NRestarts"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return dict(line.split("=", 1) for line in shown.stdout.splitlines())


def program_of(pid: str) -> str:
    """The path of the program that runs; empty where none does."""
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def is_current(program: str, loaded: str) -> bool:
    """Whether the running process read the files, and is the program, that are on disk now."""
    if not program or program.endswith(DELETED):
        return False
    return (
        subprocess.run(["sha256sum", "--check", "--status", loaded], stderr=subprocess.DEVNULL, check=False).returncode
        == 0
    )


def report(address: str, loaded: str) -> dict[str, Any]:
    systemd = unit()
    program = program_of(systemd["MainPID"])
    answer = {
        "unit": systemd["LoadState"] == "loaded",
        "active": systemd["ActiveState"] in ("active", "activating", "reloading"),
        "current": is_current(program, loaded),
        "program": program[: -len(DELETED)] if program.endswith(DELETED) else program,
        "driver": True,
        "state": "silent",
        "hidden": False,
        "successors": 0,
        "tls_mode": (setting("mode") or "disabled") if systemd["ActiveState"] == "active" else "",
    }
    try:
        hello = ask(address)
        # hosts are those that can be elected, itself among them.
        others = {*hello.get("hosts", [])} - {hello.get("me")}
        answer.update(state=state_of(hello), hidden=bool(hello.get("hidden")), successors=len(others))
        answer["refuses_strangers"] = refuses_strangers(address)
    except ImportError:
        answer["driver"] = False
    return answer


def still_missing(address: str, wanted: str, members: list[str]) -> str:
    """What is not yet as wanted, in words; empty when all is."""
    hello = ask(address)
    state = state_of(hello)
    if wanted == "answer":
        return f"{address} does not answer" if state == "silent" else ""
    if wanted == "member":
        return "" if state in MEMBER else f"{address} is {state}"
    # What does not serve cannot be missed while it is restarted.
    return unwell_peers(hello, members) if hello else ""


def unwell_peers(hello: dict[str, Any], members: list[str]) -> str:
    """The other members that are not well; hello tells no hidden ones, the list does."""
    told = {*hello.get("hosts", []), *hello.get("passives", []), *hello.get("arbiters", [])}
    peers = sorted({*told, *members} - {hello.get("me")})
    with ThreadPoolExecutor(max(1, len(peers))) as pool:
        states = dict(zip(peers, pool.map(lambda peer: state_of(ask(peer)), peers)))
    return ", ".join(f"{peer} is {states[peer]}" for peer in peers if states[peer] not in MEMBER)


def wait(address: str, wanted: str, seconds: float, members: list[str]) -> None:
    deadline = time.monotonic() + seconds
    crashes = int(unit()["NRestarts"])
    while True:
        missing = still_missing(address, wanted, members)
        if not missing:
            return
        systemd = unit()
        if systemd["ActiveState"] == "failed" or int(systemd["NRestarts"]) - crashes >= MAX_CRASHES:
            sys.exit("mongod does not stay up; see its log and: journalctl -u mongod")
        if time.monotonic() > deadline:
            sys.exit(f"after {seconds:g} s {missing}")
        time.sleep(0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--loaded", required=True)
    parser.add_argument("--wait", choices=["answer", "member", "peers"])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--members", default="", help="those of the configuration, with commas between them")
    arguments = parser.parse_args()
    if arguments.wait:
        members = [name for name in arguments.members.split(",") if name]
        wait(arguments.address, arguments.wait, arguments.seconds, members)
    json.dump(report(arguments.address, arguments.loaded), sys.stdout)


if __name__ == "__main__":
    main()
