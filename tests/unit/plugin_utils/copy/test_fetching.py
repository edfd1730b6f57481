# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a machine can have paths from binary caches instead of by a slow line."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.copy.fetching import fetches

if t.TYPE_CHECKING:
    from .machine import Machine

# Has the settings of $HOME/settings, and reaches those caches that are not called gone.
NIX = """
case "$*" in
  *"config show "*) cat "$HOME/$5" ;;
  *"store info --store "*gone*) exit 1 ;;
  *"store info --store "*) [ -d "$XDG_CACHE_HOME" ] && [ -z "$(ls "$XDG_CACHE_HOME")" ] ;;
esac
"""


@pytest.mark.parametrize(
    ("substitute", "substituters", "expected"),
    [
        ("true", "https://one.example.org https://two.example.org", True),
        ("true", "https://one.example.org https://gone.example.org", False),
        ("true", "", False),
        ("false", "https://one.example.org", False),
    ],
)
def test_it_fetches_where_all_its_caches_answer(
    machine: Machine, substitute: str, substituters: str, expected: bool
) -> None:
    machine.install({"nix": NIX})
    (machine.home / "substitute").write_text(f"{substitute}\n")
    (machine.home / "substituters").write_text(f"{substituters}\n")
    assert fetches(machine) is expected


def test_one_whose_nix_does_not_tell_does_not(machine: Machine) -> None:
    machine.install({"nix": "exit 1"})
    assert not fetches(machine)
