# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The URL of a store, which has a password."""

from __future__ import annotations

import pytest
from cron_guard.records import StoreRefused
from cron_guard.stores import FORM, UNUSABLE, open_store


@pytest.mark.parametrize("scheme", ["mongodb", "mysql", "postgresql", "redis"])
@pytest.mark.parametrize(
    "rest",
    [
        *(f"cron:qx{sign}zj@db/cron" for sign in ("/", "?", "#", "@", "%", "[", "]", "\\", " ", "\n", "ü", "℀")),
        "cron:33/zj@db/cron",
        "db:qx/zj",
        "db/cron?password=qx@zj",
    ],
)
def test_no_piece_of_a_password_is_in_a_message(scheme: str, rest: str) -> None:
    with pytest.raises(StoreRefused) as refused:
        open_store(f"{scheme}://{rest}", 5)
    assert str(refused.value) == UNUSABLE
    assert "singleton_cron_store_url" in UNUSABLE


@pytest.mark.parametrize(
    "url",
    [
        "mongodb://cron:a%2Fb@db1.example.com:27017,[2001:db8::1]:27017/cron?replicaSet=rs0&tlsCAFile=/etc/ssl/ca%20of.pem",
        "mongodb+srv://cron:secret@cluster.example.com/cron",
        "mysql://cron:cr%40n@127.0.0.1:3306/cron?unix_socket=/run/mysqld/mysqld.sock",
        "postgresql:///cron?host=/run/postgresql",
        "redis://:s3cret!@db:6379/0",
        "unix://:secret@/run/redis/redis.sock?db=1",
    ],
)
def test_urls_as_they_have_to_be(url: str) -> None:
    assert FORM.fullmatch(url)
