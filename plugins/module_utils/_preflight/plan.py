# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges a host by what is declared for it. Pure. Private to this collection."""

from __future__ import annotations

from fnmatch import fnmatchcase

from ansible_collections.scaleout.webapp.plugins.module_utils._preflight.model import (
    Account,
    Findings,
    Host,
    Listener,
    Port,
    Wanted,
)


def judge(wanted: Wanted, host: Host) -> Findings:
    """Everything that is wrong with the host, all at once."""
    return Findings(failures=_failures(wanted, host), warnings=_warnings(wanted, host))


def _failures(wanted: Wanted, host: Host) -> list[str]:
    failures = []
    if wanted.distributions and host.distribution not in wanted.distributions:
        failures.append(
            f"{host.distribution or 'This distribution'} is not among the tested ones "
            f"({', '.join(wanted.distributions)}): use one of them, or allow untested ones"
        )
    if wanted.systemd and not host.systemd:
        failures.append("systemd does not run this host: the services need it as the first process")
    needed = wanted.memory_mb + wanted.reserved_memory_mb
    if wanted.memory_mb and host.memory_mb < needed:
        failures.append(
            f"{wanted.memory_mb} MB are declared for services and {wanted.reserved_memory_mb} MB reserved for the "
            f"system (memory_mb), but the host has {host.memory_mb} MB: lower what is declared, move services to "
            "other hosts, or add memory"
        )
    failures += [
        f"{path} has {free} MB free, {wanted.free_disk_mb} MB are needed (free_disk_mb): "
        "make room there or give it a larger volume"
        for path, free in sorted(host.free_disk_mb.items())
        if free < wanted.free_disk_mb
    ]
    failures += [
        f"{address} is not an address of this host (addresses): give an address that one of its interfaces has"
        for address in host.foreign_addresses
    ]
    failures += [
        f"{interface} is not a network interface of this host (interfaces): it has {', '.join(host.interfaces)}"
        for interface in wanted.interfaces
        if interface not in host.interfaces
    ]
    homes = {account.name: account.home for account in wanted.accounts}
    failures += [
        f"the account {account.name} is there already (accounts), with the home {account.home} and the shell "
        f"{account.shell or '/bin/sh'}, and an application would take it over: give the application another name or "
        f"user, or the account the home {homes[account.name]} if it is meant"
        for account in host.accounts
        if account.home != homes[account.name] and not _is_of_an_app(account)
    ]
    for port in wanted.ports:
        owners = _owners(port, wanted.port_sharers)
        strangers = [
            listener
            for listener in host.listeners
            if listener.port == port.port and not any(_is(listener, owner) for owner in owners)
        ]
        if strangers:
            names = sorted(set().union(*(listener.names for listener in strangers))) or ["an unknown process"]
            failures.append(
                f"port {port.port}, meant for {port.owner}, is held by {', '.join(names)} (ports): "
                "stop that, or choose another port"
            )
    return failures


def _warnings(wanted: Wanted, host: Host) -> list[str]:
    warnings = []
    cores = max(host.cores - wanted.reserved_cores, 1)
    if wanted.processes > cores:
        kept = f", {wanted.reserved_cores} of them kept for the database" if wanted.reserved_cores else ""
        warnings.append(
            f"{wanted.processes} app processes are declared for {host.cores} cores{kept}: "
            f"more than {cores} cost memory and context switches and answer no faster"
        )
    if wanted.time_sync and host.time_synchronised is False:
        warnings.append(
            "the clock of this host is not synchronised: install chrony or systemd-timesyncd "
            "(schedules, TLS and logs depend on it)"
        )
    return warnings


def _owners(port: Port, sharers: list[str]) -> list[str]:
    """Who may hold the port when the run begins: its owner, and where that is a sharer, all of them."""
    shared = any(fnmatchcase(port.owner, sharer) for sharer in sharers)
    return [port.owner, *sharers] if shared else [port.owner]


def _is_of_an_app(account: Account) -> bool:
    """Made by the role app, also where that gave it another folder."""
    return account.shell == "/usr/sbin/nologin" and account.home.endswith("/home")


def _is(listener: Listener, owner: str) -> bool:
    return any(fnmatchcase(name, owner) or fnmatchcase(name, f"{owner}.service") for name in listener.names)
