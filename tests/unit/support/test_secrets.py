# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The search for secrets sees them in every form in which programs write them."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.secrets import shown

SECRET = 'p\u00e4ss/+ "word"?'
LONG = st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=8)


@pytest.mark.parametrize(
    "text",
    [
        f"password={SECRET}",
        f"mongodb://www:{quote(SECRET, safe='')}@h1/",
        urlencode({"password": SECRET}),
        json.dumps({"password": SECRET}),
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
    ],
)
def test_a_secret_is_seen(text: str) -> None:
    assert shown(f"before {text} after", {"it": SECRET, "other": "not in there"}) == ["it"]


@given(LONG, st.binary(), st.binary())
def test_in_base64_it_is_seen_wherever_it_begins(secret: str, before: bytes, after: bytes) -> None:
    data = before + secret.encode() + after
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        assert shown(encode(data).decode(), {"it": secret}) == ["it"]
