# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is shown of a collection: by number and date, and only where something goes."""

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.gc.collection import Collection, difference, message, predicted
from ansible_collections.nix.fleet.plugins.plugin_utils.gc.plan import Generation, Plan, Survey

STORE = "/nix/store/4j30m861p40qzdn8ba8bhh58kxlyi6lm-nixos-system-web"
OLD = Generation("/p/system", 9, 1_769_860_800, STORE)
NEW = Generation("/p/system", 10, None, STORE, ("running", "current"))


def test_the_generations_of_a_profile_are_listed_before_and_after() -> None:
    (shown,) = difference(Collection(deleted=(OLD,), kept=(NEW,)), ["/p/system", "/p/other"])
    assert shown["before"] == (
        "9  2026-01-31T12:00:00Z  nixos-system-web\n10  date unknown  nixos-system-web (current, running)\n"
    )
    assert shown["after"] == "10  date unknown  nixos-system-web (current, running)\n"


def test_a_check_foresees_the_boot_entries_of_a_profile_that_has_some() -> None:
    plan = Plan(going=(OLD,), staying=(NEW,))
    assert predicted(Survey(boot_menu=("/p/system",)), plan).boot_entries
    assert not predicted(Survey(boot_menu=("/p/other",)), plan).boot_entries


def test_a_check_counts_no_more_garbage_than_what_is_lacking() -> None:
    survey = Survey(garbage_paths=3, garbage_bytes=3000)
    assert [predicted(dataclasses.replace(survey, excess=excess), Plan()).freed for excess in (None, 2000, 0, -5)] == [
        3000,
        2000,
        0,
        0,
    ]
    assert not predicted(dataclasses.replace(survey, excess=0), Plan()).changed


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
def test_what_became_of_the_store_is_one_message(done: Collection, would: bool, told: str) -> None:
    assert message(done, would=would) == told
