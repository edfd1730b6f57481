# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the bench counts of the processes that a way of doing the work has started."""

from __future__ import annotations

import pytest

from ansible_collections.nix.fleet.tests.bench.processes import evaluations


@pytest.mark.parametrize(
    ("program", "evaluates"),
    [
        ("/opt/nix/bin/nix eval --json .#x", True),
        ("nix --extra-experimental-features nix-command flakes build --print-out-paths .#x --no-link", True),
        ("nix build --no-link /nix/store/x.drv^*", False),
        ("nix copy --to ssh-ng://x /nix/store/x", False),
        ("", False),
    ],
)
def test_an_evaluation_is_what_nix_is_asked_to_evaluate(program: str, evaluates: bool) -> None:
    assert evaluations([program]) == evaluates
