# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inventory means to Ansible is what it means to its flake: the rules of ``tests/cases/nodes``."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import InventoryError
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.normalise import normalise

RULES = {
    file.stem: json.loads(file.read_text(encoding="utf-8"))
    for file in sorted((pathlib.Path(__file__).parents[3] / "cases" / "nodes").glob("*.json"))
}
ACCEPTED = {stem: rule for stem, rule in RULES.items() if "expected" in rule}
REFUSED = {stem: rule for stem, rule in RULES.items() if "error" in rule}


def test_there_are_rules_of_both_kinds() -> None:
    assert ACCEPTED
    assert REFUSED


@pytest.mark.parametrize("rule", ACCEPTED.values(), ids=ACCEPTED)
def test_an_inventory_means_the_same_as_to_the_nix_library(rule: dict[str, t.Any]) -> None:
    assert normalise(rule["input"]) == rule["expected"], rule["name"]


@pytest.mark.parametrize("rule", REFUSED.values(), ids=REFUSED)
def test_an_inventory_that_the_nix_library_refuses_is_refused_in_the_same_words(rule: dict[str, t.Any]) -> None:
    with pytest.raises(InventoryError) as raised:
        normalise(rule["input"])
    assert rule["error"] in raised.value.cause, rule["name"]


@pytest.mark.parametrize("rule", ACCEPTED.values(), ids=ACCEPTED)
def test_what_was_normalised_is_normal(rule: dict[str, t.Any]) -> None:
    assert normalise({"nodes": rule["expected"]}) == rule["expected"]


def test_a_name_that_could_forge_a_message_is_quoted_in_it() -> None:
    with pytest.raises(InventoryError) as raised:
        normalise({"a\nnext: run this": {}})
    assert raised.value.cause.startswith('node "a\\nnext: run this": has no address')
