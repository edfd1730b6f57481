# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A closure arrives on every kind of host, from the controller and from another host, and only once."""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path

import pytest

from ..processors import processors, skip_where_busy
from .conftest import Fleet, large_path, within

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


def test_the_paths_and_bytes_are_those_that_were_sent(fleet: Fleet) -> None:
    path = fleet.closure(2, size=5000)
    result = fleet.copy("phone", path)["phone"]
    assert result["copied_paths"][-1] == path
    assert 10000 < result["copied_bytes"] < 12000


def test_nothing_of_a_copy_is_left_running(fleet: Fleet) -> None:
    fleet.copy(TAKING, fleet.closure(1))
    for host in ("vps-de-1", "macbook", "phone"):
        assert within(5, lambda host=host: fleet.left(host) == "")  # type: ignore[misc]


def test_check_mode_names_what_is_missing_and_writes_nothing(fleet: Fleet) -> None:
    path = fleet.closure(3)
    result = fleet.copy("vps-de-1", path, "--check")["vps-de-1"]
    assert (result["changed"], result["copied_count"]) == (True, 4)
    assert path in result["copied_paths"]
    assert not fleet.has("vps-de-1", path)


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

    # What guarded the first copy may be there for two seconds more, and has it in its environment, which Nix looks at.
    assert within(10, first_is_collected)
    assert fleet.has("vps-de-1", second)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "host",
    [pytest.param("homelab", id="root"), pytest.param("vps-de-1", id="sudo"), pytest.param("phone", id="single-user")],
)
def test_a_copy_takes_one_command_of_ansibles_as_does_what_is_there_already(fleet: Fleet, host: str) -> None:
    path = fleet.closure(30)
    # Whether all has arrived is asked in the session in which signs of life are given.
    for changed in (True, False):
        copying = fleet.start(host, path, "-vvv")
        assert copying.result()["changed"] is changed
        assert copying.output.count("SSH: EXEC ") == 1


def test_without_a_session_to_share_one_is_opened(fleet: Fleet) -> None:
    path = fleet.closure(1)
    environment = {"ANSIBLE_SSH_ARGS": "-o ControlMaster=no"}
    fleet.start("homelab", path, environment=environment).result()
    results = fleet.start("vps-de-1:phone", path, environment=environment, source_host="homelab").results()
    assert {result["changed"] for result in results.values()} == {True}


@pytest.mark.parametrize("compression", [True, False])
def test_compression_can_be_chosen(fleet: Fleet, compression: bool) -> None:
    assert fleet.copy("vps-sg-1", fleet.closure(1), compression=compression)["vps-sg-1"]["changed"]


@pytest.mark.thorough
def test_a_slow_line_has_a_large_copy_go_on_with_compression(fleet: Fleet, tmp_path: Path) -> None:
    path = fleet.closure(2, more=large_path(tmp_path))
    fleet.lab("throttle", "homelab", "8mbit")
    before = processors()
    try:
        copying = fleet.start("homelab", path)
        result = copying.result()
    finally:
        fleet.lab("heal", "homelab")
    skip_where_busy(before)
    assert "and goes on with compression" in copying.output
    assert (result["changed"], result["copied_count"]) == (True, 4)
    assert fleet.has("homelab", path)
    assert within(5, lambda: fleet.left("homelab") == "")


@pytest.mark.thorough
def test_a_slow_copy_that_nothing_can_be_changed_of_goes_on_as_it_is(fleet: Fleet, tmp_path: Path) -> None:
    path = large_path(tmp_path)
    # Compression is chosen, and the caches of the host are out of its reach.
    fleet.lab("throttle", "homelab", "64mbit")
    before = processors()
    try:
        copying = fleet.start("homelab", path, compression=False)
        result = copying.result()
    finally:
        fleet.lab("heal", "homelab")
    skip_where_busy(before)
    assert "the copy is slow" not in copying.output
    assert result["copied_count"] == 1


@pytest.mark.thorough
def test_to_wait_for_a_path_that_somebody_else_copies_is_not_taken_for_a_slow_line(
    fleet: Fleet, tmp_path: Path
) -> None:
    path = large_path(tmp_path)
    # The lock that Nix takes to add a path.
    fleet.says("homelab", f"setsid flock {path}.lock sleep 8 >/dev/null 2>&1 </dev/null &")
    copying = fleet.start("homelab", path)
    result = copying.result()
    assert "the copy is slow" not in copying.output
    assert (result["changed"], result["copied_paths"]) == (True, [path])
    assert result["copied_bytes"] > 90_000_000


@pytest.mark.thorough
def test_copies_to_several_hosts_keep_to_one_bandwidth(fleet: Fleet) -> None:
    path = fleet.closure(20, 100_000)
    begin = time.monotonic()
    results = fleet.copy("homelab:vps-sg-1", path, bandwidth="1M")
    assert time.monotonic() - begin >= 2 * 20 * 100_000 / (1 << 20)
    assert {result["copied_count"] for result in results.values()} == {21}


@pytest.mark.thorough
def test_no_more_hosts_are_copied_to_at_a_time_than_is_said(fleet: Fleet, tmp_path: Path) -> None:
    trace = tmp_path / "trace.json"
    path = fleet.closure(20, 100_000)
    environment = {"NIX_FLEET_TRACE": str(trace), "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1"}
    fleet.start("homelab:vps-sg-1:vps-sg-2", path, environment=environment, most_at_once=1).results()
    sent: dict[int, list[float]] = {}
    for event in json.loads(trace.read_text())["traceEvents"]:
        if event.get("cat") == "nix-copy":
            sent.setdefault(event["tid"], []).extend((event["ts"], event["ts"] + event["dur"]))
    in_turn = sorted((min(times), max(times)) for times in sent.values())
    assert len(in_turn) == 3
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(in_turn))


def test_limits_that_are_less_than_nothing_are_refused(fleet: Fleet) -> None:
    result = fleet.copy("homelab", "/nix/store/00000000000000000000000000000000-x", most_at_once=-1)["homelab"]
    assert "most_at_once" in result["cause"]


def test_an_untrusted_login_without_escalation_is_told_what_to_do(fleet: Fleet) -> None:
    result = fleet.copy("workstation", fleet.closure(1))["workstation"]
    assert "signed" in result["cause"]
    assert "trusted-users" in result["advice"]


def test_signatures_are_insisted_on_when_asked_for(fleet: Fleet) -> None:
    result = fleet.copy("vps-sg-1", fleet.closure(1), check_signatures=True)["vps-sg-1"]
    assert "signed" in result["cause"]
