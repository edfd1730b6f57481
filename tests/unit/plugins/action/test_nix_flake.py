# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task may ask of a flake together, and how an update is told."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.action.nix_flake import ActionModule, host_changes, validate_options
from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import NixError
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.closure_diff import ClosureDiff, PackageChange


@pytest.mark.parametrize(
    "options",
    [{"commit": True}, {"inputs": ["one"]}, {"branch": "update"}, {"host_changes": {"a": {}}}],
)
def test_what_is_of_an_update_alone_is_refused_without_one(options: dict[str, t.Any]) -> None:
    given = {name: spec.get("default") for name, spec in ActionModule.argument_spec.items()} | options
    with pytest.raises(NixError, match=f"{next(iter(options))} is of an update"):
        validate_options(given)
    validate_options(given | {"update": True})


def test_hosts_on_which_the_same_changes_are_told_together() -> None:
    change = PackageChange("bash", "upgraded", ["5.2"], ["5.3"], 0)
    some = ClosureDiff((change,), (), 1, 1, 0, 0).to_result()
    nothing = ClosureDiff((), (), 1, 1, 0, 0).to_result()
    text = host_changes({"a": some, "b": nothing, "c": some})
    assert text.startswith("a, c:\nbash: 5.2 → 5.3")
    assert text.endswith("\n\nb:\nnothing changes")


def test_what_is_no_difference_of_closures_is_refused() -> None:
    with pytest.raises(NixError, match="what changes on web is not"):
        host_changes({"web": {"packages": 3}})
