# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host does next: it asks those who have what it lacks, then the source for what nobody has, and else waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from ansible_collections.nix.fleet.plugins.plugin_utils.copy.cascade_plan import (
    FromPeer,
    FromSource,
    Situation,
    Step,
    Wait,
    next_step,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.path_info import PathInfo

from .paths import ALL, BASE, LEFT, RIGHT, TOP

PEERS = frozenset({"one", "two"})


def step(
    lacking: Sequence[PathInfo] = ALL,
    held: Mapping[str, Sequence[PathInfo]] | None = None,
    *,
    coming: Sequence[PathInfo] = (),
    wanted: Sequence[PathInfo] = (),
    free: AbstractSet[str] = PEERS,
    reachable: AbstractSet[str] = PEERS,
    most_bytes: int = 1000,
) -> Step:
    """What comes next for a host that lacks some paths, when other hosts hold some."""
    holders: dict[str, set[str]] = {}
    for host, paths in (held or {}).items():
        for info in paths:
            holders.setdefault(info.path, set()).add(host)
    situation = Situation(holders, {info.path for info in coming}, {info.path for info in wanted}, free)
    return next_step(lacking, situation, reachable, most_bytes)


def test_what_nobody_has_comes_from_the_source() -> None:
    assert step() == FromSource(ALL)


def test_what_a_peer_has_comes_from_the_peer() -> None:
    assert step(held={"one": ALL}) == FromPeer("one", ALL)


def test_the_peer_that_can_serve_most_is_asked() -> None:
    assert step(held={"one": [BASE], "two": [BASE, LEFT]}) == FromPeer("two", (BASE, LEFT))


def test_a_path_is_not_fetched_before_those_that_it_refers_to() -> None:
    assert step(held={"one": [LEFT, RIGHT, TOP]}) == FromSource((BASE,))


def test_what_is_coming_to_others_is_waited_for() -> None:
    assert step(coming=[BASE]) == Wait()


def test_the_source_does_not_send_what_one_wants_while_it_sends_what_many_want() -> None:
    assert step([LEFT, RIGHT], coming=[LEFT]) == Wait()
    assert step([LEFT, RIGHT], coming=[LEFT], wanted=[RIGHT]) == FromSource((RIGHT,))


def test_a_busy_peer_is_waited_for() -> None:
    assert step(held={"one": ALL}, free=frozenset()) == Wait()


def test_what_only_an_unreachable_peer_has_comes_from_the_source() -> None:
    assert step(held={"one": ALL}, reachable=frozenset({"two"})) == FromSource(ALL)


def test_the_source_is_asked_first_for_what_others_want_too() -> None:
    assert step([LEFT, RIGHT], wanted=[RIGHT]) == FromSource((RIGHT,))


def test_no_step_is_larger_than_allowed_unless_a_single_path_is() -> None:
    assert step(most_bytes=250) == FromSource((BASE, LEFT))
    assert step(most_bytes=50) == FromSource((BASE,))
    assert step(held={"one": ALL}, most_bytes=150) == FromPeer("one", (BASE, LEFT, RIGHT))
