# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides on the controller which values all holders of secrets are to have, and keeps them out of every output.

Values go to the module through the connection only, and come back in results that Ansible hides.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets as random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime, timezone
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.scaleout.webapp.plugins.module_utils._errors import ScaleoutError
from ansible_collections.scaleout.webapp.plugins.module_utils._secrets.formats.known import FORMATS
from ansible_collections.scaleout.webapp.plugins.module_utils._secrets.generate import generate
from ansible_collections.scaleout.webapp.plugins.module_utils._secrets.model import (
    ENCODINGS,
    Decision,
    File,
    Prints,
    Record,
    Secret,
    Shown,
    secrets_of,
    together,
)
from ansible_collections.scaleout.webapp.plugins.module_utils._secrets.plan import decide

HIDDEN = {"_ansible_no_log": True}
FILE: dict[str, Any] = {
    "path": {"type": "str", "required": True},
    "format": {"type": "str", "choices": list(FORMATS), "required": True},
    "key": {"type": "raw", "no_log": False},
    "owner": {"type": "str"},
    "group": {"type": "str"},
    "mode": {"type": "str"},
    "hosts": {"type": "list", "elements": "str"},
}
SECRET: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "value": {"type": "str", "no_log": True},
    "holders": {"type": "list", "elements": "str"},
    "files": {"type": "list", "elements": "dict", "options": FILE, "required": True},
    "replace": {"type": "bool", "default": True},
    "generate": {"type": "bool", "default": True},
    "bytes": {"type": "int", "default": 32},
    "encoding": {"type": "str", "choices": list(ENCODINGS), "default": "hex"},
}
SPEC: dict[str, Any] = {
    "step": {"type": "str", "choices": ["read", "decide", "write"], "required": True},
    "secrets": {"type": "list", "elements": "dict", "options": SECRET, "required": True, "no_log": False},
    "hosts": {"type": "list", "elements": "str"},
    "holder": {"type": "str"},
    "seen": {"type": "dict", "default": {}},
    "in_run": {"type": "list", "elements": "str"},
    "return_values": {"type": "bool", "default": False},
    "refuse": {"type": "bool", "default": True},
    "decided": {"type": "dict", "default": {}},
    "record": {"type": "str", "default": "/var/lib/scaleout-webapp/secrets.json"},
}


class ActionModule(ActionBase):
    """Reads and writes on one host, decides on none."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        for setting, on in (
            ("ANSIBLE_KEEP_REMOTE_FILES", constants.DEFAULT_KEEP_REMOTE_FILES),
            ("ANSIBLE_DEBUG", constants.DEFAULT_DEBUG),
        ):
            if on:
                raise AnsibleActionFail(f"{setting} is set, so that secrets would be kept or shown. Unset it.")
        _checked, args = self.validate_argument_spec(argument_spec=SPEC)
        hosts = args["hosts"] if args["hosts"] is not None else list(variables.get("ansible_play_hosts_all", ()))
        holder = args["holder"] or str(variables["inventory_hostname"])
        try:
            if args["hosts"] is None and variables.get("ansible_limit"):
                _check_named(args["secrets"])
            wanted = secrets_of(args["secrets"], hosts)
            if args["step"] == "read":
                return {**result, **self._read(wanted, holder, args, variables)}
            if args["step"] == "write":
                return {**result, **self._write(wanted, holder, args, variables)}
            in_run = args["in_run"] if args["in_run"] is not None else list(variables.get("ansible_play_batch", ()))
            return {**result, **_decide(wanted, args, in_run)}
        except ScaleoutError as error:
            raise AnsibleActionFail(str(error)) from None

    def _read(
        self, wanted: Sequence[Secret], holder: str, args: Mapping[str, Any], variables: dict[str, Any]
    ) -> dict[str, Any]:
        """What went wrong on the host is a part of the result: it is for the decision to refuse."""
        layout = _layout(wanted)
        job = {secret.name: _plain(secret.files_on(holder)) for secret in wanted if secret.files_on(holder)}
        done: dict[str, Any] = {"shown": {}, "open_to_all": []}
        if job:
            done = self._ask({"read": job}, args, variables)
        if done.get("failed"):
            return {**HIDDEN, "changed": False, "layout": layout, "mistake": done["msg"]}
        warnings = [
            f"{path} on {holder} can be read by everybody; give it a mode, such as '0600'"
            for path in done["open_to_all"]
        ]
        return {**HIDDEN, "changed": False, "layout": layout, "shown": done["shown"], "warnings": warnings}

    def _write(
        self, wanted: Sequence[Secret], holder: str, args: Mapping[str, Any], variables: dict[str, Any]
    ) -> dict[str, Any]:
        decided = args["decided"].get("decided")
        if decided is None:
            raise ScaleoutError("it was not decided what to write", "decided", "give the result of step: decide")
        own = {secret.name: decided[secret.name] for secret in wanted if secret.files_on(holder)}
        write: list[dict[str, Any]] = [
            {
                "name": secret.name,
                "value": own[secret.name]["value"],
                "files": _plain(secret.files_on(holder)),
                "record": own[secret.name]["record"],
                "seen": own[secret.name]["seen"].get(holder),
                "given": own[secret.name]["source"] == "given",
            }
            for secret in wanted
            if secret.name in own and holder in own[secret.name]["writes"]
        ]
        done = self._ask({"write": write}, args, variables) if write else {"changed": False, "written": []}
        if done.get("failed"):
            return {"failed": True, "changed": False, "msg": done["msg"]}
        report = args["decided"]["report"]
        result: dict[str, Any] = {
            "changed": bool(done["changed"]),
            "written": done["written"],
            "secrets": {
                name: {
                    "state": report[name]["holders"][holder]["state"],
                    "source": report[name]["source"],
                    "fingerprint": report[name]["fingerprint"],
                    "version": report[name]["version"],
                    "changed": report[name]["holders"][holder]["state"] in ("differs", "absent"),
                }
                for name in own
            },
        }
        if self._task.diff and write:
            result["diff"] = _diff(report, holder, [str(one["name"]) for one in write], result["written"])
        return result

    def _ask(self, job: Mapping[str, Any], args: Mapping[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Run the module on the host. Its arguments are in no log there, and what a crash leaves is not shown here."""
        try:
            with self._unheard():
                done = self._execute_module(
                    "scaleout.webapp.shared_secret_files",
                    module_args={"record": args["record"], "job": json.dumps(job)},
                    task_vars=variables,
                )
        except AnsibleConnectionFailure:
            raise
        except AnsibleError as error:
            return {"failed": True, "msg": str(error)}
        if done.get("unreachable"):
            raise AnsibleConnectionFailure(str(done.get("msg")))
        if not done.get("failed"):
            return dict(done)
        return {"failed": True, "msg": _failure(done)}

    @contextmanager
    def _unheard(self) -> Iterator[None]:
        """The module is told not to log, and connections not to show at -vvv what programs print, as ssh would."""
        quiet = [self._task, self._play_context, getattr(self._connection, "_play_context", self._play_context)]
        before = [one.no_log for one in quiet]
        for one in quiet:
            one.no_log = True
        try:
            yield
        finally:
            for one, no_log in zip(quiet, before):
                one.no_log = no_log


def _failure(done: Mapping[str, Any]) -> str:
    """What went wrong, without anything that may hold a value: a crash shows where it was, and not what was there."""
    if "what" in done:
        return str(done["msg"])
    error = str(done.get("module_stderr") or "")
    if done.get("rc") in (126, 127):
        return f"the module could not be started: {error.strip().splitlines()[0] if error.strip() else done.get('msg')}"
    if not any(done.get(name) for name in ("module_stdout", "module_stderr", "exception")):
        return str(done.get("msg"))
    kinds = re.findall(r"^(?:\w+\.)*(\w+(?:Error|Exception))(?::|$)", error, re.MULTILINE)
    places = re.findall(r"(\w+\.py)\", line (\d+)", error)
    where = " at {} line {}".format(*places[-1]) if places else ""
    return f"the module failed: {kinds[-1] if kinds else 'no reason is known'}{where}; the rest may hold secrets"


def _check_named(secrets: Sequence[Mapping[str, Any]]) -> None:
    """With a limit the play's hosts are some of the holders, and what the others have has to be asked too."""
    nameless = [secret["name"] for secret in secrets if secret["holders"] is None]
    if nameless:
        raise ScaleoutError(
            f"{', '.join(nameless)} names no holders, and --limit leaves hosts out of the play",
            "secrets",
            "name the holders, such as groups.app, or run without --limit",
        )


def _layout(wanted: Sequence[Secret]) -> str:
    """A mark of who is to have what and where, by which two lists are compared. No value is in it."""
    plain = [asdict(replace(secret, value=None)) for secret in wanted]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _plain(files: Sequence[File]) -> list[dict[str, Any]]:
    return [asdict(file) for file in files]


def _decide(wanted: Sequence[Secret], args: Mapping[str, Any], in_run: Sequence[str]) -> dict[str, Any]:
    shown, mistakes = _seen(wanted, args["seen"])
    if mistakes and args["refuse"]:
        raise together(list(mistakes.values()))
    prints = Prints(random.token_bytes(32))
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    decisions = [
        _told_apart(
            decide(
                secret,
                {host: of_host.get(secret.name) for host, of_host in shown.items()},
                in_run,
                now,
                generate,
                prints,
            ),
            mistakes,
        )
        for secret in wanted
    ]
    problems = [decision.problem for decision in decisions if decision.problem]
    if problems and args["refuse"]:
        raise together(problems)
    result: dict[str, Any] = {
        **HIDDEN,
        "changed": False,
        "decided": {
            decision.secret.name: {
                "value": decision.value,
                "source": decision.source,
                "record": asdict(decision.record) if decision.record else None,
                "writes": list(decision.writes),
                "seen": {
                    host: list(of_host[decision.secret.name].values)
                    for host, of_host in shown.items()
                    if decision.secret.name in of_host
                },
            }
            for decision in decisions
        },
        "report": {decision.secret.name: _report(decision, shown, mistakes, prints) for decision in decisions},
        "warnings": [*map(str, mistakes.values()), *_warnings(decisions)],
    }
    if args["return_values"]:
        result["secret_values"] = {
            decision.secret.name: decision.value for decision in decisions if decision.value is not None
        }
    return result


def _seen(
    wanted: Sequence[Secret], results: Mapping[str, Any]
) -> tuple[dict[str, dict[str, Shown]], dict[str, ScaleoutError]]:
    """What each holder that was seen showed, and why others that answered could not be read."""
    shown: dict[str, dict[str, Shown]] = {}
    mistakes = {}
    layout = _layout(wanted)
    for host, result in results.items():
        if not result or "layout" not in result:
            continue
        if result["layout"] != layout:
            raise ScaleoutError(
                f"the list of secrets is another one for {host}",
                "secrets",
                "write the same for all hosts; what differs by host is said by holders, and by hosts of a file",
            )
        if "mistake" in result:
            mistakes[host] = ScaleoutError(str(result["mistake"]), host)
        else:
            shown[host] = {name: _shown(one) for name, one in result["shown"].items()}
    return shown, mistakes


def _told_apart(decision: Decision, mistakes: Mapping[str, ScaleoutError]) -> Decision:
    """Who answered and could not be read was not seen either, but is no host that is down."""
    states = {host: "unread" if host in mistakes else state for host, state in decision.states.items()}
    return replace(decision, states=states)


def _shown(data: Mapping[str, Any]) -> Shown:
    record = Record(**data["record"]) if data["record"] else None
    return Shown(tuple(data["values"]), record, data["last"], data["mend"], tuple(data["problems"]))


def _report(
    decision: Decision,
    shown: Mapping[str, Mapping[str, Shown]],
    mistakes: Mapping[str, ScaleoutError],
    prints: Prints,
) -> dict[str, Any]:
    name = decision.secret.name

    def holder(host: str) -> dict[str, Any]:
        found = shown.get(host, {}).get(name)
        values = dict.fromkeys(value for value in found.values if value is not None) if found else {}
        return {
            "state": decision.states[host],
            "fingerprint": ", ".join(prints(name, value) for value in values),
            "version": found.record.version if found and found.record else None,
            "changed_at": found.record.changed_at if found and found.record else None,
            "write": host in decision.writes,
            "mistake": str(mistakes.get(host, "")),
        }

    return {
        "source": decision.source,
        "fingerprint": prints(name, decision.value),
        "version": decision.record.version if decision.record else None,
        "changed_at": decision.record.changed_at if decision.record else None,
        "agree": all(state == "agrees" for state in decision.states.values()),
        "problem": str(decision.problem) if decision.problem else "",
        "holders": {host: holder(host) for host in decision.secret.holders},
    }


def _warnings(decisions: Sequence[Decision]) -> list[str]:
    """What was not seen is said once for each host."""
    unseen: dict[str, list[str]] = {}
    for decision in decisions:
        for host, state in decision.states.items():
            if state == "unseen":
                unseen.setdefault(host, []).append(decision.secret.name)
    return [f"{host} could not be asked for {', '.join(names)}" for host, names in unseen.items()]


def _diff(report: Mapping[str, Any], holder: str, names: Sequence[str], written: Sequence[str]) -> dict[str, str]:
    """Before and after by fingerprint."""
    holders = {name: report[name]["holders"][holder]["fingerprint"] or "none" for name in names}
    differing = [name for name in names if holders[name] != report[name]["fingerprint"]]
    return {
        "before_header": f"secrets of {holder}",
        "after_header": f"secrets of {holder}, in {', '.join(written)}",
        "before": "".join(f"{name}: {holders[name]}\n" for name in differing),
        "after": "".join(f"{name}: {report[name]['fingerprint']}\n" for name in differing),
    }
