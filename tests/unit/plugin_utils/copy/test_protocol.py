# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The requests for archives are those that Nix's server understands: texts with their length, filled up to eight bytes."""

from __future__ import annotations

from ansible_collections.nix.fleet.plugins.plugin_utils.copy.store_socket import serve_requests

from .paths import BASE


def test_a_greeting_comes_before_a_request_for_each_path() -> None:
    name = BASE.path.encode()
    request = b"\x03" + bytes(7) + bytes([len(name)]) + bytes(7) + name + bytes(-len(name) % 8)
    assert serve_requests([BASE.path] * 2) == b"\xeb\x9d\x0c\x39\0\0\0\0\x05\x02\0\0\0\0\0\0" + request * 2
