# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A signing key is a file of its user's, in each kind of sh: whatever else is found there is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.cache.push import signing_key
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.machine import Remote

from ...errors import fails_with
from ..copy.machine import Machine

PUBLIC = "cache-1:f3yWV46hNhAhZmzV/BSdStbG7r/Kw6/AXSm10KraLog="
NIX = f"""
case $* in *convert-secret-to-public) ;; *) exit 9 ;; esac
read -r key
[ "$key" = secret ] || {{ echo 'error: key is corrupt' >&2; exit 1; }}
printf %s {PUBLIC}
"""


@pytest.fixture
def key(machine: Machine) -> Path:
    """Return a good key, on a machine with Nix."""
    machine.install({"nix": NIX})
    file = machine.home / "a key"
    file.write_text("secret\n")
    file.chmod(0o600)
    return file


def test_the_public_key_is_told_and_where_the_secret_one_is(machine: Machine, key: Path) -> None:
    remote = Remote(machine)
    assert signing_key(str(key), remote).public == PUBLIC
    assert signing_key("~/a key", remote).file == str(key)


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o666])
def test_a_key_that_everyone_can_read_is_refused(machine: Machine, key: Path, mode: int) -> None:
    key.chmod(mode)
    with fails_with("cache.bad_key") as caught:
        signing_key(str(key), Remote(machine))
    assert "chmod 600" in str(caught.value.advice)


def test_what_a_link_leads_to_counts(machine: Machine, key: Path) -> None:
    link = key.with_name("link")
    link.symlink_to(key)
    assert signing_key(str(link), Remote(machine)).public == PUBLIC
    key.chmod(0o644)
    with fails_with("cache.bad_key"):
        signing_key(str(link), Remote(machine))


def test_a_file_that_is_not_there_or_no_key_is_refused(machine: Machine, key: Path) -> None:
    with fails_with("cache.bad_key"):
        signing_key(f"{key}.old", Remote(machine))
    with fails_with("cache.bad_key"):
        signing_key(str(key.parent), Remote(machine))
    key.write_text("garbage\n")
    with fails_with("cache.bad_key") as caught:
        signing_key(str(key), Remote(machine))
    assert "garbage" not in str(caught.value)


@pytest.mark.parametrize("file", ["key", "-key", "./key", "~other/key"])
def test_where_it_is_does_not_depend_on_where_one_is(machine: Machine, file: str) -> None:
    with fails_with("cache.bad_key"):
        signing_key(file, Remote(machine))
