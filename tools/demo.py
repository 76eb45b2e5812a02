"""Prints what ./quickstart needs of its inventory; refuses addresses that are taken.

demo.py INVENTORY               number of hosts, URL, app, address of its first host, options of SSH to it
demo.py --written INVENTORY     MiB on the disk that the hosts which are there have already, with their images
"""

from __future__ import annotations

import ipaddress
import json
import os
import shlex
import subprocess
import sys
from typing import Any

WANTED = {
    "network": "testhost_network",
    "subnet": "testhost_subnet",
    "vip": "webapp_vip.address",
    "url": "(webapp_apps.values() | first).url | default('http://' ~ webapp_vip.address)",
    "app": "webapp_apps | first",
    "addresses": "dict(groups.all | zip(groups.all | map('extract', hostvars, 'ansible_host')))",
    "app_host": "hostvars[groups.app | first].ansible_host",
    "ssh_options": "'-i ' ~ ansible_ssh_private_key_file ~ ' ' ~ ansible_ssh_extra_args",
}


def output(*command: str, **environment: str) -> str:
    """What the command prints; the end of the program where it fails."""
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{shlex.join(command[:3])} failed: {(done.stdout + done.stderr).strip()}")
    return done.stdout


def read(inventory: str) -> dict[str, Any]:
    """The values as Ansible sees them: they may be templates."""
    message = "{{ {" + ", ".join(f"'{name}': {value}" for name, value in WANTED.items()) + "} }}"
    command = ["ansible", "all[0]", "-i", inventory, "-m", "ansible.builtin.debug", "-a", json.dumps({"msg": message})]
    answer = output(*command, ANSIBLE_STDOUT_CALLBACK="ansible.posix.json", ANSIBLE_LOAD_CALLBACK_PLUGINS="true")
    hosts = json.loads(answer)["plays"][0]["tasks"][0]["hosts"]
    return dict(next(iter(hosts.values()))["msg"])


def engine_network(name: str) -> dict[str, Any] | None:
    """The network as the Docker engine has it."""
    names = output("docker", "network", "ls", "--format", "{{.Name}}").split()
    return dict(json.loads(output("docker", "network", "inspect", name))[0]) if name in names else None


def written(demo: dict[str, Any]) -> int:
    """MiB that the containers of the hosts, running or not, and their images hold."""
    names = {f"{demo['network']}-{host}" for host in demo["addresses"]}
    here = names.intersection(output("docker", "ps", "--all", "--format", "{{.Names}}").split())
    if not here:
        return 0
    shown = json.loads(output("docker", "container", "inspect", "--size", *sorted(here)))
    images = json.loads(output("docker", "image", "inspect", *sorted({container["Image"] for container in shown})))
    return int(sum([container["SizeRw"] for container in shown] + [image["Size"] for image in images])) >> 20


def routes() -> list[dict[str, str]]:
    """The networks that this machine reaches other than by its default route."""
    return [route for route in json.loads(output("ip", "-json", "-4", "route")) if route["dst"] != "default"]


def refusal(demo: dict[str, Any], engine: dict[str, Any] | None, known: list[dict[str, str]]) -> str | None:
    """Why these addresses cannot be had."""
    subnet = ipaddress.ip_network(demo["subnet"])
    holders: dict[Any, str] = {subnet[1]: "this machine itself, which has the first address of the network"}
    for name, address in {**demo["addresses"], "the virtual IP": demo["vip"]}.items():
        wanted = ipaddress.ip_address(address)
        if wanted not in subnet:
            return f"{address} ({name}) is not in testhost_subnet, {subnet}"
        if wanted in holders:
            return f"{address} ({name}) is taken by {holders[wanted]}"
        holders[wanted] = name
    if engine is None:
        for route in known:
            if subnet.overlaps(ipaddress.ip_network(route["dst"], strict=False)):
                return f"{subnet} is taken: {route['dev']} has a route for {route['dst']}. Give testhost_subnet another"
        return None
    subnets = [config["Subnet"] for config in engine["IPAM"]["Config"]]
    if subnets != [str(subnet)]:
        return f"the Docker network {demo['network']} has {', '.join(subnets)} instead of {subnet}; remove it first"
    for container in engine["Containers"].values():
        address = ipaddress.ip_interface(container["IPv4Address"]).ip
        owner = f"{demo['network']}-{holders.get(address)}"
        if address in holders and container["Name"] != owner:
            return f"{address} ({holders[address]}) is taken by the container {container['Name']}"
    return None


def main(inventory: str) -> int:
    """1 where the addresses are taken, with the reason."""
    demo = read(inventory)
    reason = refusal(demo, engine_network(demo["network"]), routes())
    if reason:
        print(f"{inventory}: {reason}", file=sys.stderr)
        return 1
    print(len(demo["addresses"]), *(demo[name] for name in ("url", "app", "app_host", "ssh_options")))
    return 0


if __name__ == "__main__":
    if sys.argv[1] == "--written":
        print(written(read(sys.argv[2])))
    else:
        sys.exit(main(sys.argv[1]))
