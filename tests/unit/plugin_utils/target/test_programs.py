# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every program that runs on targets is read by shellcheck as it is sent."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from ansible_collections.nix.fleet.plugins.plugin_utils.target import programs

ROOT = Path(__file__).resolve().parents[4]


def test_every_program_is_written_for_shellcheck_with_its_calls() -> None:
    spec = importlib.util.spec_from_file_location("programs_of_lint", ROOT / "tests/run/programs.py")
    assert spec is not None
    assert spec.loader is not None
    lint = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(lint)
    assert set(lint.CALLS) == set(programs.PARTS)


def test_every_part_belongs_to_a_program() -> None:
    parts = {file.stem for file in Path(programs.__file__).parent.glob("*.sh")}
    assert parts == {part for parts in programs.PARTS.values() for part in parts}
