# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""References become values, exactly once, and values are never templates."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.scaleout.webapp.plugins.filter.resolve_secrets import FilterModule, resolve_secrets
from hypothesis import given
from hypothesis import strategies as st

REPO = Path(__file__).resolve().parents[3]
SECRETS = {"www_key": "k e/y@:%", "www_number": 42}


def test_all_texts_of_the_data_are_resolved() -> None:
    data = {"a": ["${secrets.www_key}", 1, None, True], "b": {"c": "x-${secrets.www_key:uri}-${secrets.www_number}"}}
    assert resolve_secrets(data, SECRETS) == {
        "a": ["k e/y@:%", 1, None, True],
        "b": {"c": "x-k%20e%2Fy%40%3A%25-42"},
    }


def test_other_references_stay() -> None:
    assert resolve_secrets("${release.id} ${HOME} $${x", SECRETS) == "${release.id} ${HOME} $${x"


def test_the_given_data_is_left_alone() -> None:
    data = {"a": ["${secrets.www_key}"]}
    resolve_secrets(data, SECRETS)
    assert data == {"a": ["${secrets.www_key}"]}


@given(st.text(min_size=1))
def test_a_uri_gives_the_value_back(value: str) -> None:
    uri = resolve_secrets("mongodb://www:${secrets.p:uri}@h1:1,h2:2/www", {"p": value})
    assert unquote(urlsplit(uri).netloc.split("@")[0].split(":")[1]) == value


@given(st.text(min_size=1))
def test_json_gives_the_value_back(value: str) -> None:
    assert json.loads(resolve_secrets('{"key": "${secrets.p:json}"}', {"p": value})) == {"key": value}


@given(st.text(min_size=1))
def test_a_value_is_never_looked_at_again(value: str) -> None:
    secrets = {"a": f"{value}${{secrets.b}}", "b": "of-another"}
    assert resolve_secrets("${secrets.a}", secrets) == f"{value}${{secrets.b}}"


@pytest.mark.parametrize(
    ("data", "secrets", "expected"),
    [
        (
            {"env": {"KEY": "${secrets.www_kye}"}},
            SECRETS,
            "env.KEY: there is no secret called www_kye. Add www_kye to webapp_secrets",
        ),
        (["x", "${secrets.}"], SECRETS, "1: there is no secret called"),
        (
            {"a": "${secrets.www_key:url}"},
            SECRETS,
            "a: the secret www_key is wanted in the encoding 'url'. Did you mean uri?",
        ),
        ({"a": "${secrets.e}"}, {"e": ""}, "a: the secret e is not a text with something in it"),
        ({"a": "${secrets.e}"}, {"e": None}, "a: the secret e is not a text"),
        ({"a": "${secrets.e}"}, {"e": {"x": "opaque"}}, "a: the secret e is not a text"),
        ("x", "not a dictionary", "the secrets must be a dictionary"),
    ],
)
def test_mistakes_are_named_without_values(data: Any, secrets: Any, expected: str) -> None:
    with pytest.raises(AnsibleFilterError) as caught:
        resolve_secrets(data, secrets)
    assert expected in str(caught.value)
    for value in ("k e/y", "opaque"):
        assert value not in str(caught.value)


PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
    secrets: "{{ lookup('ansible.builtin.file', playbook_dir ~ '/secrets.json') | from_json }}"
    environment_of_app: >-
      {{ {'KEY': ['${secrets.a}'], 'URL': 'x:${secrets.b}'} | scaleout.webapp.resolve_secrets(secrets) }}
  tasks:
    - ansible.builtin.set_fact:
        later: "{{ environment_of_app }}"
    - ansible.builtin.copy:
        content: "{{ [environment_of_app, later] | to_json }}"
        dest: "{{ playbook_dir }}/out.json"
        mode: "0600"
"""


def test_what_looks_like_a_template_stays_literal(tmp_path: Path) -> None:
    secrets = {"a": "{{ 1 + 1 }}{% if true %}x{% endif %}{# x #}", "b": "{{ lookup('pipe', 'id') }}"}
    (tmp_path / "secrets.json").write_text(json.dumps(secrets))
    (tmp_path / "play.yml").write_text(PLAYBOOK)
    subprocess.run(
        ["ansible-playbook", "-i", "localhost,", "-c", "local", str(tmp_path / "play.yml")],
        env={**os.environ, "ANSIBLE_CONFIG": str(REPO / "ansible.cfg")},
        cwd=REPO,
        check=True,
        timeout=120,
    )
    resolved = {"KEY": [secrets["a"]], "URL": f"x:{secrets['b']}"}
    assert json.loads((tmp_path / "out.json").read_text()) == [resolved, resolved]


def test_it_is_called_by_its_name() -> None:
    assert FilterModule().filters() == {"resolve_secrets": resolve_secrets}
