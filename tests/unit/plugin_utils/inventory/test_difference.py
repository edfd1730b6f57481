# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""In what one fleet is not the other."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.difference import differences
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.fleet import Fleet

ONE = Fleet({"a": {"x": 1}, "b": {"x": 2}}, {"vps": ["a", "b"]})


def test_equal_fleets_differ_in_nothing_whatever_the_order() -> None:
    assert differences(ONE, Fleet({"b": {"x": 2}, "a": {"x": 1}}, {"vps": ["b", "a"]})) == ()


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (Fleet({"a": {"x": 1}}, {"vps": ["a"]}), ("host b is missing", "group vps has a, where it had a b")),
        (Fleet({**ONE.hosts, "c": {}}, ONE.groups), ("host c is new",)),
        (Fleet({**ONE.hosts, "a": {"x": 3}}, ONE.groups), ("host a: x is 3, where it was 1",)),
        (Fleet({**ONE.hosts, "a": {"x": True}}, ONE.groups), ("host a: x is true, where it was 1",)),
        (Fleet({**ONE.hosts, "a": {"x": 1.0}}, ONE.groups), ("host a: x is 1.0, where it was 1",)),
        (Fleet({**ONE.hosts, "a": {}}, ONE.groups), ("host a: x is not set, where it was 1",)),
        (Fleet({**ONE.hosts, "a": {"x": 1, "y": None}}, ONE.groups), ("host a: y is null, where it was not set",)),
        (Fleet(ONE.hosts, {}), ("group vps has nobody, where it had a b",)),
    ],
)
def test_each_difference_is_a_sentence(other: Fleet, said: tuple[str, ...]) -> None:
    assert differences(ONE, other) == said


def test_what_has_no_meaning_is_no_difference() -> None:
    def fleet(value: t.Any) -> Fleet:
        return Fleet({"a": {"x": value, "nix_node": value}}, {})

    assert differences(fleet({"p": 1, "q": 2}), fleet({"q": 2, "p": 1})) == ()
    assert differences(fleet(1), fleet(2), ignored=frozenset(("nix_node",))) == ("host a: x is 2, where it was 1",)
