# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address of a store: what Nix understands, and nothing that would show a secret or use an unexamined key."""

from __future__ import annotations

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.cache.store import parse_store
from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import CacheError


@pytest.mark.parametrize(
    "uri",
    [
        "ssh://homelab",
        "ssh-ng://root@[2001:db8::1]:2222?compress=true",
        "http://cache.example.org:8080/fleet",
        "https://cache.example.org?compression=zstd&parallel-compression=true",
        "s3://bucket?region=eu-west-1&endpoint=minio.example.org&scheme=http",
        "file:///srv/cache",
    ],
)
def test_an_address_is_handed_to_nix_as_it_is(uri: str) -> None:
    assert parse_store(uri).uri == uri


def test_a_directory_is_known_as_one() -> None:
    assert parse_store("file:///srv/my%20cache/?compression=none").info_file == "/srv/my cache/nix-cache-info"
    assert parse_store("https://cache.example.org").info_file is None


def test_only_the_old_ssh_protocol_takes_no_signatures_for_what_is_there() -> None:
    assert parse_store("ssh-ng://homelab").adds_signatures
    assert not parse_store("ssh://homelab").adds_signatures


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("https://push:hunter2@cache.example.org", "has a password in it"),
        ("ssh-ng://root:hunter2@homelab", "has a password in it"),
        ("https://cache.example.org?secret-key=/etc/key", "has the parameter secret-key"),
        ("s3://bucket?region=x&secret-keys=/a,/b", "has the parameter secret-keys"),
        ("https://cache.example.org --option x", "no white space"),
        ("https://cache.example.org\n", "no white space"),
        ("", "not the address of a store"),
        ("auto", "not the address of a store"),
        ("daemon", "not the address of a store"),
        ("--help", "not the address of a store"),
        ("/srv/cache", "not the address of a store"),
        ("http:cache.example.org", "not the address of a store"),
        ("unix:///run/nix.sock", "not the address of a store"),
        ("https://[::1", "not the address of a store"),
        ("http:///fleet", "names no host"),
        ("s3://?region=x", "names no bucket"),
        ("file://srv/cache", "an absolute path"),
    ],
)
def test_anything_else_is_refused_without_showing_a_password(uri: str, says: str) -> None:
    with pytest.raises(CacheError, match=says) as caught:
        parse_store(uri)
    assert "hunter2" not in str(caught.value)
