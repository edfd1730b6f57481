# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's Nix is one that is new enough."""

from __future__ import annotations

import pytest

from ansible_collections.nix.fleet.tests.lab.rehearsal.controller_nix import parse_version


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("nix (Nix) 2.34.8\n", (2, 34, 8)),
        ("nix (Determinate Nix 3.6.2) 2.29.0", (2, 29, 0)),
        ("nix (Lix, like Nix) 2.93.0", (2, 93, 0)),
        ("no version", None),
    ],
)
def test_the_version_of_nix_is_found_in_what_it_says(said: str, version: tuple[int, ...] | None) -> None:
    assert parse_version(said) == version
