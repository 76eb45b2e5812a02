# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders the steps from live to wanted instances; touches nothing. Private to this collection."""

from __future__ import annotations

from ansible_collections.scaleout.webapp.plugins.module_utils._instances.model import (
    Live,
    Plan,
    Step,
    Wanted,
    instance_of,
    template_of,
)


def outdated(wanted: list[Wanted], live: dict[str, Live]) -> list[Wanted]:
    """Those that run, with another configuration."""
    running = [item for item in wanted if item.unit in live and live[item.unit].running]
    return [item for item in running if live[item.unit].digest != item.digest]


def plan(
    wanted: list[Wanted],
    live: dict[str, Live],
    templates: set[str],
    serial_start: set[str],
    unwell: set[str],
    others: dict[str, Live],
    keep_surplus: bool = False,
) -> Plan:
    """Nothing that runs is touched before what can be started is up; then one instance at a time, the unwell first.

    `templates` are the template units of the app on disk, `serial_start` the units that must not start beside others,
    `others` the instances of other apps, which yield their ports. Surplus that is kept goes on, but where it is in the
    way of one that is wanted.
    """
    surplus = surplus_of(wanted, live)
    # Two units of one port cannot run together: then the old one goes first.
    ports = {instance_of(item.unit) for item in wanted if not live.get(item.unit, Live(item.unit)).running}
    in_the_way = [unit for unit in surplus + _in_use(others) if instance_of(unit) in ports]
    groups = [[Step("stop", unit) for unit in in_the_way]]

    idle = [item.unit for item in wanted if not live.get(item.unit, Live(item.unit)).running]
    together = [unit for unit in idle if unit not in serial_start]
    groups.append([Step("start", unit) for unit in together])
    groups += [[Step("start", unit)] for unit in idle if unit in serial_start]
    restarts = sorted(outdated(wanted, live), key=lambda item: item.unit not in unwell)
    groups += [[Step("restart", item.unit)] for item in restarts]
    groups.append([Step("enable", item.unit) for item in wanted if not live.get(item.unit, Live(item.unit)).enabled])
    kept = [unit for unit in surplus if keep_surplus and unit not in in_the_way]
    groups.append([Step("stop", unit) for unit in surplus if unit not in in_the_way + kept])
    used = {item.template for item in wanted} | {template_of(unit) for unit in kept}
    groups.append([Step("forget", name) for name in sorted(templates - used)])
    return Plan([group for group in groups if group])


def surplus_of(wanted: list[Wanted], live: dict[str, Live]) -> list[str]:
    """The app's own instances that are not wanted any more."""
    names = {item.unit for item in wanted}
    return _in_use({unit: state for unit, state in live.items() if unit not in names})


def _in_use(live: dict[str, Live]) -> list[str]:
    return sorted(unit for unit, state in live.items() if state.running or state.enabled)
