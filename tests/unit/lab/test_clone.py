# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two clones share nothing on a machine, and one clone is the same every time."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.tests.lab.rehearsal.clone import Clone


def test_a_clone_has_the_same_names_every_time() -> None:
    assert Clone(Path("/a/b")) == Clone(Path("/a/b"))
    assert Clone(Path("/a/b")).identity == Clone(Path("/a/b")).identity


def test_another_path_is_another_clone() -> None:
    one, other = Clone(Path("/a/b")), Clone(Path("/a/c"))
    assert one.cgroup_name != other.cgroup_name
    assert one.loopback_address(7) != other.loopback_address(7)


def test_addresses_are_loopback_addresses_in_one_block_that_nothing_else_likes() -> None:
    for path in (Path(f"/clone/{number}") for number in range(2000)):
        clone = Clone(path)
        addresses = [ipaddress.IPv4Address(clone.loopback_address(number)) for number in (1, 254)]
        assert all(address.is_loopback for address in addresses)
        assert len({ipaddress.ip_network(f"{address}/24", strict=False) for address in addresses}) == 1
        assert 2 <= addresses[0].packed[1] <= 254


@pytest.mark.parametrize("number", [0, 255, -1])
def test_a_host_number_outside_the_block_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        Clone(Path("/a")).loopback_address(number)
