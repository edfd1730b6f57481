# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same keys on every kind of host: as root, by sudo without and with a password, and without any rights at all."""

from __future__ import annotations

import pytest

from ..fleet.lab import on
from .conftest import Keys

# Where keys go by themselves, and who has them then. A phone and a Mac have no memory for files.
PLACES = {
    "vps-sg-1": ("/run/keys", "root:root", False),
    "vps-de-1": ("/run/keys", "root:root", False),
    "phone": (
        "/data/data/com.termux.nix/files/home/.local/state/nix.fleet/keys",
        "nix-on-droid:nix-on-droid",
        True,
    ),
    "macbook": ("/var/lib/nix.fleet-keys", "root:root", True),
}
each_kind = pytest.mark.parametrize("host", PLACES)


@each_kind
def test_a_key_arrives_and_is_left_alone_from_then_on(keys: Keys, host: str, name: str, secret: str) -> None:
    directory, owner, allow_disk = PLACES[host]
    key = {"name": name, "content": secret}
    for expected in (["created"], []):
        keys.bring(host, key, allow_disk=allow_disk)
        assert keys.changes(host) == {name: expected}
        assert keys.answer(host)["files"][0]["path"] == f"{directory}/{name}"
    assert on(host, 'cd "$1" && cat "$2"; stat -c " %U:%G %a" "$2"', directory, name) == f"{secret} {owner} 400"


def test_an_unprivileged_login_gives_no_file_away(keys: Keys, name: str, secret: str) -> None:
    keys.bring("phone", {"name": name, "content": secret, "owner": "root"}, allow_disk=True)
    assert "cannot give" in keys.answer("phone")["msg"]
