#!/usr/bin/python
# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mongodb_replicaset
short_description: Make a MongoDB replica set as described
version_added: 0.1.0
description:
  - Takes the whole wanted replica set and brings the live one there, from nothing or from any difference.
  - It may run on one member or on all of them at the same time, and start from a primary or a secondary. Every listed member has to be
    reachable, by the address that is listed, from the host that runs the task.
  - A set is initiated only when every listed member answers and none is in a set, and only through the first listed member that can become
    primary, so that calls at the same time make one set. A listed member that lost its data rejoins its set.
  - With authentication on, only a call over loopback on the host of that first member can initiate, without a login; calls on other hosts
    wait for it. Make the first user then, with M(scaleout.webapp.mongodb_user), and run the same task again with a login. What cannot be
    seen or done without a login is left to that call.
  - A live set is changed in steps of at most one vote. A new member that holds data joins without vote and priority, and gets them once it
    is a secondary and nearly in time; until then it has the tag C(scaleout_webapp_joining), so that a call that was interrupted is taken up
    by the next. After every step the live configuration is read again.
  - What is not given stays as it is live.
  - Members that are live and not listed are removed; those that do not answer first, the others when new members have taken their place.
    Before the primary is removed or made unelectable it steps down, after another member has caught up.
  - Before a vote is taken as many of the voters that are left as a majority write needs are primary or secondary and within O(max_lag).
  - Where no majority of the voting members answers it fails at once, with the names of those that do not.
  - A new member never gets the C(_id) of another host. The server keeps no history, so the first step that adds or removes a member notes all
    numbers that were given, in the tag C(scaleout_webapp_ids) of one member with data, and every later step keeps that note. It is no
    difference, and no output but RV(config) shows it. Before there is a note any number up to 49 above the version of the configuration, 191 at
    most, counts as given.
  - New numbers go on above the highest, and then with those that nobody ever had. When all of 0 to 255, the highest possible, were given, a new
    member is refused; the message says how to begin again.
  - A member that is listed under another name is renamed in place, if the same process answers to both names or still goes by the old one;
    secondaries first. A short name for a live member with a full one is no difference, if the same process answers to both.
  - Another C(arbiter_only) or C(build_indexes) of a member is refused while that member has data. Run the task without the member, stop it,
    empty its data directory, start it and list it again; it joins under a new C(_id). An empty member that is still in the set gets the data
    again at once.
  - A listed member that does not answer, belongs to another set, or to another one of the same name, is refused by name before any change.
options:
  replica_set:
    description: Name of the replica set, as in C(replication.replSetName) of every member.
    type: str
    required: true
  members:
    description:
      - All members. Each is V(host:port), or a dictionary with C(host) and any of C(priority), C(votes), C(hidden), C(arbiter_only),
        C(secondary_delay_secs), C(build_indexes), C(tags) and C(horizons).
      - The port is 27017 where none is given. Case does not matter, nor how an IPv6 address is written.
      - What is not given has the server's default on a new member, and stays on a live one. The priority of a new member is 0 where
        another key asks for that.
      - The names of C(horizons) are the same on all members, arbiters too, and so they are given for all of them; with C({}) on all they go.
        They change in one step, before or after others join and leave.
      - One arbiter at most, as the server wants it since 5.3 (C(allowMultipleArbiters)); more that are in the set already may stay.
      - On every host the list must have the same order.
    type: list
    elements: raw
    required: true
  settings:
    description:
      - Settings of the set, under the server's own names, such as C(electionTimeoutMillis).
      - Times are whole numbers, as the server stores them.
      - The identity of the set (C(replicaSetId)) is none of them.
    type: dict
    default: {}
  default_write_concern:
    description:
      - The cluster-wide default write concern, with C(w) and optionally C(j) and C(wtimeout).
      - Where it is left out it stays. If none is set and other arbiters would make the server choose another one by itself, the one in effect
        is set, since the server asks for that.
    type: dict
  wait_timeout:
    description:
      - Seconds that the whole task may take, with elections and the copying of data to new members.
      - When they are over, or the same step was done five times and is undone again, it fails and tells what still differs.
      - The task can be run again; it goes on where it was.
    type: int
    default: 300
  max_lag:
    description:
      - Seconds that a new member may be behind the primary when it gets its vote, and those that are left when a vote is taken.
      - A delayed member may be so by its delay more.
    type: int
    default: 10
  force:
    description:
      - Whether those that are left may go on as a set when a majority of the voting members is lost for good and no primary exists.
      - Writes that only lost members had are gone then, also acknowledged ones; a warning tells how new the newest one is that is left.
      - It wants all lost members named in O(lost_members), none of them answering, and every other member answering. The survivor with the newest
        data becomes primary. The rest of the task goes on from there, as usual.
      - Where the set has a primary nothing is forced. Members that are dead and not listed are removed without it.
      - Make sure that the lost members cannot run any more. Seen from here a network that is cut looks the same as hosts that are gone.
    type: bool
    default: false
  lost_members:
    description: The members that are lost, as V(host:port), with O(force). None of them may be in O(members).
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - scaleout.webapp.failure
  - scaleout.webapp.mongodb_login
  - scaleout.webapp.mongodb_password_before
attributes:
  check_mode:
    support: full
    description: Where no server answers yet, or PyMongo is not installed yet, it is told what would be done on new hosts.
  diff_mode:
    support: full
    description: Shows every member before and after, and the steps.
seealso:
  - module: scaleout.webapp.mongodb_replicaset_info
  - module: scaleout.webapp.mongodb_stepdown
  - module: scaleout.webapp.mongodb_user
author:
  - The scaleout.webapp builders (@scaleout)
"""

EXAMPLES = r"""
- name: Make a replica set, without authentication
  scaleout.webapp.mongodb_replicaset:
    replica_set: rs0
    members: [db1:27017, db2:27017, db3:27017]

- name: Initiate one with authentication, on all members at once
  scaleout.webapp.mongodb_replicaset:
    login_host: 127.0.0.1
    replica_set: rs0
    members: [db1:27017, db2:27017, db3:27017]

- name: Make the administrator
  scaleout.webapp.mongodb_user:
    login_host: 127.0.0.1
    login_user: admin
    login_password: "{{ mongodb_admin_password }}"
    first_user: true
    users:
      - name: admin
        password: "{{ mongodb_admin_password }}"
        roles: [root]

- name: The same set, exactly
  scaleout.webapp.mongodb_replicaset:
    login_host: 127.0.0.1
    login_user: admin
    login_password: "{{ mongodb_admin_password }}"
    replica_set: rs0
    members:
      - {host: "db1:27017", priority: 2}
      - db2:27017
      - {host: "db3:27017", priority: 0, hidden: true}
    settings:
      electionTimeoutMillis: 2000
    default_write_concern: {w: majority}

- name: Go on after two of three hosts burnt down, with two new ones
  scaleout.webapp.mongodb_replicaset:
    login_host: db1
    login_user: admin
    login_password: "{{ mongodb_admin_password }}"
    replica_set: rs0
    members: [db1:27017, db4:27017, db5:27017]
    force: true
    lost_members: [db2:27017, db3:27017]
"""

RETURN = r"""
steps:
  description: What was done, or would be in check mode, in order.
  returned: success
  type: list
  elements: dict
  contains:
    what:
      description: One change of the set.
      type: str
    why:
      description: The reason.
      type: str
  sample:
    - what: give db3:27017 its vote
      why: it has the data and is in time
config:
  description:
    - The live configuration in the server's own words; in check mode the one that the steps lead to.
    - Empty where it cannot be read without a login.
  returned: success
  type: dict
primary:
  description: Address of the primary, empty where there is none yet.
  returned: success
  type: str
  sample: db1:27017
message:
  description: What is left for a call with a login.
  returned: success
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.client import X509, Client, NoDriver
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.module import (
    PASSWORD_BEFORE_SPEC,
    run_module,
    seed_of,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.replicaset import converge
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.session import Outcome, Session
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.show import differences, plain
from ansible_collections.scaleout.webapp.plugins.module_utils._mongodb.wanted import lost_of, parse_wanted


def result_of(outcome: Outcome, name: str) -> dict[str, Any]:
    known = outcome.after.config.document() if outcome.after and not outcome.message else {}
    return {
        "changed": bool(outcome.steps),
        "steps": [step.shown() for step in outcome.steps],
        "config": plain(known),
        "primary": outcome.primary,
        "message": outcome.message,
        "diff": differences(name, outcome.before, outcome.after, outcome.steps),
    }


def converged(module: AnsibleModule, client: Client | NoDriver) -> dict[str, Any]:
    params = module.params
    wanted = parse_wanted(params["replica_set"], params["members"], params["settings"], params["default_write_concern"])
    session = Session(
        wanted,
        client,
        seed_of(params),
        has_login=bool(params["login_user"]) or params["auth_mechanism"] == X509,
        check=module.check_mode,
        wait_timeout=params["wait_timeout"],
        max_lag=params["max_lag"],
        lost=lost_of(wanted, params["force"], params["lost_members"]),
    )
    outcome = converge(session)
    for warning in outcome.warnings:
        module.warn(warning)
    return result_of(outcome, params["replica_set"])


def main() -> None:
    options = {
        **PASSWORD_BEFORE_SPEC,
        "replica_set": {"type": "str", "required": True},
        "members": {"type": "list", "elements": "raw", "required": True},
        "settings": {"type": "dict", "default": {}},
        "default_write_concern": {"type": "dict"},
        "wait_timeout": {"type": "int", "default": 300},
        "max_lag": {"type": "int", "default": 10},
        "force": {"type": "bool", "default": False},
        "lost_members": {"type": "list", "elements": "str", "default": []},
    }
    run_module(options, converged, offline=True)


if __name__ == "__main__":
    main()
