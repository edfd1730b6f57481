# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A collection is told in a sentence, and takes a second visit to the machine only when there is something to do."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.action.nix_gc import nothing_to_do, sentence
from ansible_collections.nix.fleet.plugins.plugin_utils.gc.collection import Collection
from ansible_collections.nix.fleet.plugins.plugin_utils.gc.plan import Plan
from ansible_collections.nix.fleet.plugins.plugin_utils.gc.policy import Policy
from ansible_collections.nix.fleet.plugins.plugin_utils.gc.survey import Generation, Survey

OLD = Generation("/p/system", 9)


@pytest.mark.parametrize(
    ("done", "would", "told"),
    [
        (Collection(), False, "nothing to collect"),
        (Collection(paths=1, freed=2048), False, "freed 2.0 KiB (1 path)"),
        (
            Collection(deleted=(OLD,), paths=3, freed=2048, boot_entries=True),
            False,
            "deleted 1 generation, freed 2.0 KiB (3 paths), brought the boot entries up to date",
        ),
        (
            Collection(deleted=(OLD, OLD), roots=("built/a",), paths=3, freed=2048),
            True,
            "would delete 2 generations, would forget 1 host, there is garbage already: 3 paths, about 2.0 KiB",
        ),
        (Collection(linked=2), False, "linked equal files"),
    ],
)
def test_what_became_of_the_store_is_one_sentence(done: Collection, would: bool, told: str) -> None:
    assert sentence(done, would=would) == told


@pytest.mark.parametrize(
    ("survey", "policy", "plan", "nothing"),
    [
        ({"excess": -5}, {}, {}, True),
        ({"excess": 5}, {}, {}, False),
        ({"excess": None}, {}, {}, False),
        ({"excess": 0}, {"optimise": True}, {}, False),
        ({"excess": 0, "boot_entries_outdated": True}, {}, {}, False),
        ({"excess": 0}, {}, {"going": (OLD,)}, False),
        ({"excess": 0}, {}, {"roots": ("built/a",)}, False),
    ],
)
def test_where_there_is_room_and_nothing_goes_the_machine_is_left_alone(
    survey: dict[str, t.Any], policy: dict[str, t.Any], plan: dict[str, t.Any], nothing: bool
) -> None:
    assert nothing_to_do(Survey(**survey), Policy(**policy), Plan(**plan)) is nothing
