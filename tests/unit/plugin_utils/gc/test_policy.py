# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a collection is asked for is understood, or refused before any machine hears of it."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import GarbageCollectionError
from ansible_collections.nix.fleet.plugins.plugin_utils.gc.policy import Policy


@pytest.mark.parametrize(
    "options",
    [
        {"keep_generations": 0},
        {"keep_for": "a month"},
        {"keep_for": "30"},
        {"keep_for": "-3d"},
        {"free_space": "0%"},
        {"free_space": "100%"},
        {"free_space": "$(id)"},
        {"quota": "10%"},
        {"quota": "much"},
        {"profiles": ("profiles/system",)},
        {"known_hosts": ()},
        {"known_hosts": ("",)},
        {"known_hosts": ("web", " ")},
        {"wait": -1},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(options: dict[str, t.Any]) -> None:
    with pytest.raises(GarbageCollectionError):
        Policy(**options)


def test_the_machine_is_told_sizes_in_bytes_and_shares_as_they_are() -> None:
    assert Policy(free_space="20G", quota="1.5 TiB", optimise=True).variables() == {
        "free_space": "21474836480",
        "quota": "1649267441664",
        "optimise": "1",
        "wait": "0",
    }
    assert Policy(free_space="10%", wait=5).variables() == {
        "free_space": "10%",
        "quota": "",
        "optimise": "0",
        "wait": "5",
    }
