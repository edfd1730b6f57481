# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a host can serve the others, and what is no such place."""

from __future__ import annotations

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.copy.cascade_place import peer_address, peer_port
from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import CopyError


@pytest.mark.parametrize("text", ["192.0.2.1", "2001:db8::1", "fe80::1%wg0", "db-1.example", "_host"])
def test_addresses_and_names_are_addresses(text: str) -> None:
    assert peer_address(text) == text


@pytest.mark.parametrize("text", ["", "-oProxyCommand=reboot", "a b", "a;reboot", "$(reboot)", "root@host", "a\nb"])
def test_what_ssh_or_a_shell_would_take_for_something_else_is_no_address(text: str) -> None:
    with pytest.raises(CopyError, match="is not an address that other hosts could connect to"):
        peer_address(text)


@pytest.mark.parametrize("number", [1, 26940, 65534])
def test_a_port_has_one_after_it(number: int) -> None:
    assert peer_port(number) == number


@pytest.mark.parametrize("number", [0, -1, 65535, 99999])
def test_any_other_number_is_no_port(number: int) -> None:
    with pytest.raises(CopyError, match=rf"{number} is not a port that has another one after it"):
        peer_port(number)
