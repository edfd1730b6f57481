# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts are found by name and pattern, and no two of them get in each other's way."""

from __future__ import annotations

import pytest

from ansible_collections.nix.fleet.tests.lab.rehearsal.errors import LabError
from ansible_collections.nix.fleet.tests.lab.rehearsal.hosts import NAMED_HOSTS, host_named, hosts_matching, plain_host

EVERYTHING = [*NAMED_HOSTS, *(plain_host(number) for number in range(1, 51))]


def test_numbers_names_and_addresses_are_used_once() -> None:
    assert len({host.number for host in EVERYTHING}) == len(EVERYTHING)
    assert len({host.name for host in EVERYTHING}) == len(EVERYTHING)
    addresses = [address for host in EVERYTHING for address in host.addresses]
    assert len(set(addresses)) == len(addresses)


def test_the_whole_of_the_plain_hosts_fits_a_machine_with_24_gibibytes() -> None:
    assert sum(host.disk_bytes for host in EVERYTHING if host.name.startswith("plain-")) < 20 * 1024**3


def test_a_pattern_means_every_host_that_it_matches_once() -> None:
    assert [host.name for host in hosts_matching(["vps-*", "vps-sg-1"])] == ["vps-sg-1", "vps-sg-2", "vps-de-1"]
    assert [host.name for host in hosts_matching(["plain-[12]", "phone"])] == ["phone", "plain-1", "plain-2"]


@pytest.mark.parametrize("name", ["vps", "plain-0", "plain-51", "plain-01", "$(touch x)", ""])
def test_an_unknown_host_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(LabError) as refusal:
        host_named(name)
    assert str(refusal.value).startswith(name)


def test_the_address_of_a_host_with_several_is_its_primary_one() -> None:
    assert host_named("vps-sg-2").address == "198.51.100.12"
