# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task may ask of a flake together, and how an update is told."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.action.nix_flake import (
    ActionModule,
    host_changes,
    result_message,
    validate_options,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import UpdateError
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.closure_diff import ClosureDiff, PackageChange
from ansible_collections.nix.fleet.plugins.plugin_utils.update.commit import Committed
from ansible_collections.nix.fleet.plugins.plugin_utils.update.lock import Locked, Move

MOVE = Move("nixpkgs", Locked({"rev": "a" * 40}), Locked({"rev": "b" * 40}))
NOT_KEPT = Committed(None, None, changed=True)


@pytest.mark.parametrize(
    "options",
    [{"commit": True}, {"inputs": ["one"]}, {"branch": "update"}, {"message": "m"}, {"host_changes": {"a": {}}}],
)
def test_what_is_of_an_update_alone_is_refused_without_one(options: dict[str, t.Any]) -> None:
    given = {name: spec.get("default") for name, spec in ActionModule.argument_spec.items()} | options
    with pytest.raises(UpdateError, match=f"{next(iter(options))} is of an update"):
        validate_options(given)
    validate_options(given | {"update": True})


@pytest.mark.parametrize(
    ("moved", "committed", "would", "lock_alone", "told"),
    [
        ((), NOT_KEPT, False, False, "all inputs are as new as they can be"),
        ((), NOT_KEPT, False, True, "the lock file is written anew, no input moved"),
        ((MOVE,), NOT_KEPT, False, True, "moved nixpkgs"),
        ((MOVE,), NOT_KEPT, True, True, "would move nixpkgs"),
        ((MOVE,), Committed("c" * 40, "main", True), False, True, "moved nixpkgs: commit cccccccccccc on main"),
        ((MOVE,), Committed("c" * 40, None, True), False, True, "moved nixpkgs: commit cccccccccccc on no branch"),
        ((MOVE,), Committed("c" * 40, "update", False), False, True, "update proposes this update already: nixpkgs"),
        ((MOVE,) * 6, NOT_KEPT, False, True, "moved nixpkgs, nixpkgs, nixpkgs, nixpkgs, nixpkgs and 1 more"),
    ],
)
def test_what_became_of_an_update_is_one_message(
    moved: tuple[Move, ...], committed: Committed, would: bool, lock_alone: bool, told: str
) -> None:
    assert result_message(moved, committed, would=would, lock_alone=lock_alone) == told


def test_hosts_on_which_the_same_changes_are_told_together() -> None:
    change = PackageChange("bash", ("5.2",), ("5.3",), 0, 1, 1)
    some = ClosureDiff((change,), (), 1, 1, 0, 0).to_result()
    nothing = ClosureDiff((), (), 1, 1, 0, 0).to_result()
    text = host_changes({"a": some, "b": nothing, "c": some})
    assert text.startswith("a, c:\nbash: 5.2 → 5.3")
    assert text.endswith("\n\nb:\nnothing changes")


def test_what_is_no_difference_of_closures_is_refused() -> None:
    with pytest.raises(UpdateError, match="what changes on web is not"):
        host_changes({"web": {"packages": 3}})
