# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which keys are refused before a machine hears of them."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import KeysError
from ansible_collections.nix.fleet.plugins.plugin_utils.files.key import (
    Key,
    checked_directory,
    key_of,
    refuse_two_of_one_name,
)

PLAIN = dict.fromkeys(("directory", "owner", "group", "mode"))


def key(name: str = "token", **fields: t.Any) -> Key:
    """Return what the options make."""
    return key_of({"name": name, "upload_at": "pre-activation", "state": "present", **PLAIN, **fields}, None)


@pytest.mark.parametrize(
    "name",
    ["", " ", ".", "..", ".hidden", "-rf", "a/b", "../a", "/etc/passwd", "two\nlines", "a\0b", "\x1b[2J", "x" * 201],
)
def test_a_name_that_is_no_plain_file_name_is_refused(name: str) -> None:
    with pytest.raises(KeysError):
        key(name)


@pytest.mark.parametrize("name", ["tls.key", "a b", "Schlüssel", "$(id)", "x" * 200])
def test_any_other_name_is_taken_as_it_stands(name: str) -> None:
    assert key(name).name == name


@pytest.mark.parametrize("mode", [0o400, 400, "400x", "4755", "888", "u=r", "", True])
def test_a_mode_that_is_no_quoted_octal_number_is_refused(mode: object) -> None:
    with pytest.raises(KeysError, match="no mode"):
        key(mode=mode)


@pytest.mark.parametrize(("mode", "letters"), [(None, "-r--------"), ("0640", "-rw-r-----"), ("440", "-r--r-----")])
def test_a_mode_is_also_known_as_ls_writes_it(mode: str | None, letters: str) -> None:
    assert key(mode=mode).letters == letters


@pytest.mark.parametrize("owner", ["", "-x", "a b", "a:b", "$(id)", "a\n"])
def test_an_owner_that_is_no_account_is_refused(owner: str) -> None:
    with pytest.raises(KeysError, match="no name for its owner"):
        key(owner=owner)


@pytest.mark.parametrize("directory", ["", "/", "keys", "~/keys", "/run/../etc", "/run//keys", "/run/./keys", "/a\nb"])
def test_a_directory_that_does_not_say_where_it_is_is_refused(directory: str) -> None:
    with pytest.raises(KeysError, match="no directory for keys"):
        checked_directory(directory)


def test_a_slash_at_the_end_of_a_directory_means_nothing() -> None:
    assert checked_directory("/run/keys/") == "/run/keys"


def test_two_keys_of_one_name_are_refused_unless_their_directories_differ() -> None:
    refuse_two_of_one_name([key(), key(directory="/run/other")])
    with pytest.raises(KeysError, match="more than once"):
        refuse_two_of_one_name([key(), key(owner="root")])
