# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fills in the references of an app's data that the plan can know, and keeps the others. Private to this collection."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.scaleout.webapp.plugins.plugin_utils._plan.model import App
from ansible_collections.scaleout.webapp.plugins.plugin_utils._references import ENCODINGS, REFERENCE, walk
from ansible_collections.scaleout.webapp.plugins.plugin_utils._schema import Place, Problems, suggestion

OF_HOST = ("release.id", "release.path", "host.address", "runtime.bin")
"""What differs between releases or hosts: the role fills it in, in whatever belongs to the app."""
OF_INSTANCE = (*OF_HOST, "service.port")
"""What the role fills in for one process."""
OF_BALANCER: tuple[str, ...] = ()
"""What is filled in on a balancer, which knows none of it."""


class References:
    """The references of one app."""

    def __init__(self, app: App, url: str, stores: Mapping[str, Mapping[str, str]], problems: Problems) -> None:
        self.app = app
        self.problems = problems
        self.used: set[str] = set()
        self.secrets = {**app.profile.data["secrets"], **app.declared["secrets"]}
        # Those of its stores are made by the plan itself.
        self.known_secrets = {f"{app.name}_{name}" for name in self.secrets} | {
            f"{app.name}_{store}_password" for store in stores if "user" in stores[store]
        }
        self.values: dict[str, Any] = {"app.name": app.name, "app.url": url, "app.root": app.root}
        self.values.update({f"stores.{store}.{key}": value for store in stores for key, value in stores[store].items()})
        self.values.update({f"settings.{name}": value for name, value in app.settings.items()})

    def fill(self, value: Any, place: Place, encoding: str = "", later: Sequence[str] = OF_HOST) -> Any:
        """The same data, its references filled in; secrets in texts get the encoding if they name none. `later` are
        those that somebody else fills in there."""

        def change(text: str, at: Place) -> str:
            return REFERENCE.sub(lambda match: self._one(match[1], at, encoding, later), text)

        return walk(value, change, place)

    def variables(self, *layers: tuple[Mapping[str, Any], Place], later: Sequence[str] = OF_HOST) -> dict[str, str]:
        """Variables as text, later layers above earlier ones. Without a value, or with only a setting that nobody set:
        left out."""
        values = {name: (value, place / name) for variables, place in layers for name, value in variables.items()}
        return {
            name: self.fill(_as_text(value), place, later=later)
            for name, (value, place) in values.items()
            if value is not None and not self._is_unset(value)
        }

    def file(self, declared: Mapping[str, Any], place: Place) -> dict[str, str]:
        """A configuration file as text."""
        content = declared["content"]
        if declared["format"] == "json":
            text = json.dumps(self.fill(content, place / "content", "json"), indent=2, ensure_ascii=False) + "\n"
        elif isinstance(content, str):
            text = self.fill(content, place / "content")
        else:
            self.problems.add("is no text", place / "content", "write it as a text, or set format: json")
            text = ""
        return {"path": declared["path"], "content": text, "mode": declared["mode"]}

    def command(self, text: str, place: Place, later: Sequence[str] = OF_HOST) -> str:
        """A command line, which every user of a host can read."""
        filled = self.fill(text, place, later=later)
        if "${secrets." in filled:
            self.problems.add(
                "has a secret in a command line, where every user can read it", place, "give it by environment"
            )
        return str(filled)

    def step(self, declared: Mapping[str, Any], place: Place) -> dict[str, Any]:
        """A command that runs once."""
        return {
            "name": declared["name"],
            "command": self.command(declared["command"], place / "command"),
            "environment": self.variables((declared["environment"], place / "environment")),
        }

    def _is_unset(self, value: Any) -> bool:
        match = re.fullmatch(r"\$\{(settings|stores)\.([^{}.]+)[^{}]*\}", value) if isinstance(value, str) else None
        if match is None:
            return False
        kind, name = match.groups()
        if kind == "stores":
            return self._is_absent(name) and self.app.stores[name]["optional"]
        known = self.app.profile.data["settings"]
        return name in known and self.app.settings[name] is None and not known[name]["required"]

    def _is_absent(self, store: str) -> bool:
        """A store of the profile that the cluster does not have."""
        return store in self.app.stores and not any(name.startswith(f"stores.{store}.") for name in self.values)

    def _one(self, reference: str, place: Place, encoding: str, later: Sequence[str]) -> str:
        if reference in later:
            return f"${{{reference}}}"
        if reference in OF_INSTANCE:
            self._too_early(reference, place, later)
            return ""
        if reference.startswith("secrets."):
            return self._secret(reference.removeprefix("secrets."), place, encoding)
        value = self.values.get(reference)
        if value is not None:
            return _as_text(value)
        kind, _dot, rest = reference.partition(".")
        name = rest.partition(".")[0]
        if reference in self.values:
            remedy = f"set {self.app.place / 'settings' / name}"
            self.problems.add(f"needs the setting {name}, which is not set", place, remedy)
        elif kind == "stores" and self._is_absent(name):
            # That a store is missing which the app cannot do without is reported once, not for each reference.
            if self.app.stores[name]["optional"]:
                self.problems.add(f"needs {name}, which the cluster does not have", place, f"set webapp_{name}")
        else:
            remedy = f"list {name} under stores of the profile; " if kind == "stores" else ""
            self.problems.add(
                f"${{{reference}}} means nothing", place, remedy + suggestion(reference, self._names(later))
            )
        return ""

    def _too_early(self, reference: str, place: Place, later: Sequence[str]) -> None:
        if later == OF_BALANCER:
            what = f"has ${{{reference}}}, which a balancer does not know"
            remedy = "take it out: a header can have settings, ${app.name} and ${app.url}"
        else:
            what = f"has ${{{reference}}}, which only the processes of a service have"
            remedy = "write it into environment or command of the service, or give the service port_variable"
        self.problems.add(what, place, remedy)

    def _names(self, later: Sequence[str]) -> list[str]:
        return [*later, *self.values, *(f"secrets.{name}" for name in self.secrets)]

    def _secret(self, reference: str, place: Place, usual: str) -> str:
        given, _colon, encoding = reference.partition(":")
        full = given if given in self.known_secrets else f"{self.app.name}_{given}"
        if full not in self.known_secrets:
            remedy = f"declare it under {self.app.place / 'secrets'}; {suggestion(given, list(self.secrets))}"
            self.problems.add(f"the app has no secret called {given}", place, remedy)
        if encoding not in ENCODINGS:
            self.problems.add(f"{encoding!r} is no encoding of a secret", place, suggestion(encoding, ["uri", "json"]))
        self.used.add(full)
        encoding = encoding or usual
        return f"${{secrets.{full}:{encoding}}}" if encoding else f"${{secrets.{full}}}"


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
