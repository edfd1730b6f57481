# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deployment is meant to do, and what of it cannot be."""

from __future__ import annotations

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.intention import see_that_it_can_be
from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import NixError

INVENTORY = {"localhost", "homelab", "web"}


def intention(**said: str) -> dict[str, str | None]:
    return {**dict.fromkeys(("builder", "goal", "platform")), **said}


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"builder": "homelab"},
        {"builder": "localhost", "goal": "boot", "platform": "nixos"},
        {"goal": "build", "platform": "custom"},
        {"goal": "test", "platform": "home-manager"},
    ],
)
def test_what_can_be_is_nothing_to_speak_of(said: dict[str, str]) -> None:
    see_that_it_can_be(intention(**said), INVENTORY)


@pytest.mark.parametrize(
    ("said", "cause", "variable"),
    [
        ({"builder": "nohost"}, "nohost, which is to build, is not in the inventory", "deploy_build_on"),
        (
            {"goal": "test", "platform": "darwin"},
            "darwin has no goal test; it has switch, dry-activate",
            "deploy_goal",
        ),
    ],
)
def test_what_cannot_be_is_told_with_the_variable_that_says_it(said: dict[str, str], cause: str, variable: str) -> None:
    with pytest.raises(NixError) as refused:
        see_that_it_can_be(intention(**said), INVENTORY)
    assert cause in refused.value.cause
    assert variable in (refused.value.advice or "")
