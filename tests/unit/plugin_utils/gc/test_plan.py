# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A generation goes when it is neither new enough nor among the last, and nothing needs it; what went is told."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.gc.collection import Collection, difference, predicted
from ansible_collections.nix.fleet.plugins.plugin_utils.gc.plan import (
    Generation,
    Plan,
    Policy,
    Survey,
    going_of,
    nothing_to_do,
    plan_of,
)

from ...errors import fails_with

PROFILE = "/nix/var/nix/profiles/system"
DAY = 86400
NOW = 1000 * DAY


def generations(*ages: int | None, current: int | None = None, **reasons: int) -> list[Generation]:
    """Return generations 1, 2, … with their ages in days; the last one is the current one unless another is."""
    return [
        Generation(
            PROFILE,
            number,
            None if age is None else NOW - age * DAY,
            f"/nix/store/{number:032}-nixos",
            tuple(
                word
                for word, holds in [
                    ("current", number == (current or len(ages))),
                    *((word, number == of) for word, of in reasons.items()),
                ]
                if holds
            ),
        )
        for number, age in enumerate(ages, 1)
    ]


def going(found: list[Generation], **options: t.Any) -> list[int]:
    return [each.number for each in going_of(found, Policy(**options), NOW)]


def test_nothing_goes_that_nobody_has_spoken_of() -> None:
    assert going(generations(90, 60, 30, 1)) == []
    assert going(generations(90, 60, 30, 1), free_space="20G") == []


def test_the_last_ones_stay() -> None:
    assert going(generations(5, 4, 3, 2, 1), keep_generations=2) == [1, 2, 3]
    assert going(generations(2, 1), keep_generations=5) == []


def test_the_last_ones_are_counted_from_the_current_one_and_newer_ones_stay() -> None:
    assert going(generations(5, 4, 3, 2, 1, current=3), keep_generations=2) == [1]


def test_of_those_that_are_too_old_the_newest_stays() -> None:
    assert going(generations(90, 60, 40, 20, 1), keep_for="30d") == [1, 2]
    assert going(generations(90, 60, 40), keep_for="30d") == [1, 2]


def test_one_wish_is_enough_to_stay() -> None:
    found = generations(90, 60, 40, 20, 10, 1)
    assert going(found, keep_for="30d", keep_generations=5) == [1]
    assert going(found, keep_for="30d", keep_generations=1) == [1, 2]


@pytest.mark.parametrize("reason", ["running", "booted", "rollback"])
def test_what_is_needed_stays_and_is_not_counted_for_it(reason: str) -> None:
    assert going(generations(5, 4, 3, 2, 1, current=None, **{reason: 2}), keep_generations=1) == [1, 3, 4]


def test_what_does_not_say_its_age_counts_as_young() -> None:
    assert going(generations(90, None, 60, 40, 1), keep_for="30d") == [1, 3]
    assert going_of(generations(90, 60, 1), Policy(keep_for="30d"), None) == ()


def test_a_clock_that_was_wrong_takes_nothing_away() -> None:
    assert going(generations(90, -5000, 40, 1), keep_for="30d") == [1]


def test_each_profile_has_its_own_generations() -> None:
    one = generations(3, 2, 1)
    other = [Generation("/other", each.number, each.made, each.closure, each.reasons) for each in one]
    survey = Survey(profiles=(PROFILE, "/other"), generations=(*one, *other), now=NOW)
    plan = plan_of(survey, Policy(keep_generations=2))
    assert [(each.profile, each.number) for each in plan.going] == [(PROFILE, 1), ("/other", 1)]
    assert len(plan.staying) == 4


def test_roots_of_other_hosts_go_only_where_the_known_ones_are_named() -> None:
    survey = Survey(roots=("built/web", "built/old", "copied/a%2Fb", "copied/gone"))
    assert plan_of(survey, Policy()).roots == ()
    assert plan_of(survey, Policy(known_hosts=("web", "a/b"))).roots == ("built/old", "copied/gone")


@pytest.mark.parametrize(
    ("survey", "plan", "nothing"),
    [
        ({"lacking": -5}, {}, True),
        ({"lacking": 5}, {}, False),
        ({"lacking": None}, {}, False),
        ({"lacking": 0, "boot_entries_outdated": True}, {}, False),
        ({"lacking": 0}, {"going": (Generation("/p/system", 9),)}, False),
        ({"lacking": 0}, {"roots": ("built/a",)}, False),
    ],
)
def test_where_there_is_room_and_nothing_goes_the_machine_is_left_alone(
    survey: dict[str, t.Any], plan: dict[str, t.Any], nothing: bool
) -> None:
    assert nothing_to_do(Survey(**survey), Plan(**plan)) is nothing


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
        {"free_space": "much"},
        {"profiles": ("profiles/system",)},
        {"known_hosts": ()},
        {"known_hosts": ("",)},
        {"known_hosts": ("web", " ")},
        {"wait": -1},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(options: dict[str, t.Any]) -> None:
    with fails_with("collection.bad_option"):
        Policy(**options)


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
    assert [
        predicted(dataclasses.replace(survey, lacking=lacking), Plan()).freed for lacking in (None, 2000, 0, -5)
    ] == [
        3000,
        2000,
        0,
        0,
    ]
    assert not predicted(dataclasses.replace(survey, lacking=0), Plan()).changed
