# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A closure arrives on every kind of host, from the controller and from another host, and only once."""

from __future__ import annotations

from .conftest import Fleet, within

# workstation's login may only ask its Nix daemon, which takes no unsigned path from it.
TAKING = "all:!workstation"


def test_every_kind_of_host_takes_a_closure_from_the_controller_once(fleet: Fleet) -> None:
    path = fleet.closure(3)
    first = fleet.copy(TAKING, path)
    assert {(result["changed"], result["copied_count"]) for result in first.values()} == {(True, 4)}
    assert all(fleet.has(host, path) for host in first)
    again = fleet.copy(TAKING, path)
    assert {(result["changed"], result["copied_count"], result["copied_bytes"]) for result in again.values()} == {
        (False, 0, 0)
    }
    assert len(first) == len(again) == 6


def test_a_closure_goes_from_a_builder_to_hosts_that_it_does_not_know(fleet: Fleet) -> None:
    path = fleet.closure(3)
    fleet.copy("homelab", path)
    results = fleet.copy(f"{TAKING}:!homelab", path, source_host="homelab")
    assert {result["copied_count"] for result in results.values()} == {4}
    assert all(fleet.has(host, path) for host in results)
    assert within(5, lambda: fleet.left("homelab") == "")


def test_nothing_of_a_copy_is_left_running(fleet: Fleet) -> None:
    fleet.copy(TAKING, fleet.closure(1))
    for host in ("vps-de-1", "macbook", "phone"):
        assert within(5, lambda host=host: fleet.left(host) == "")  # type: ignore[misc]


def test_what_was_copied_survives_a_garbage_collection_until_the_next_copy(fleet: Fleet) -> None:
    collect = "PATH=$PATH:/opt/nix/bin; nix-collect-garbage >/dev/null 2>&1"
    first, second = fleet.closure(1), fleet.closure(1)
    fleet.copy("vps-de-1", first)
    fleet.says("vps-de-1", collect)
    assert fleet.has("vps-de-1", first)
    fleet.copy("vps-de-1", second)

    def first_is_collected() -> bool:
        fleet.says("vps-de-1", collect)
        return not fleet.has("vps-de-1", first)

    # The private daemon of the first copy may be there for two seconds more, and has it in its environment, which Nix looks at.
    assert within(10, first_is_collected)
    assert fleet.has("vps-de-1", second)


def test_without_a_session_to_share_one_is_opened(fleet: Fleet) -> None:
    path = fleet.closure(1)
    environment = {"ANSIBLE_SSH_ARGS": "-o ControlMaster=no"}
    fleet.start("homelab", path, environment=environment).result()
    results = fleet.start("vps-de-1:phone", path, environment=environment, source_host="homelab").results()
    assert {result["changed"] for result in results.values()} == {True}


def test_an_untrusted_login_without_escalation_is_told_what_to_do(fleet: Fleet) -> None:
    result = fleet.copy("workstation", fleet.closure(1))["workstation"]
    assert "signed" in result["cause"]
    assert "trusted-users" in result["advice"]
