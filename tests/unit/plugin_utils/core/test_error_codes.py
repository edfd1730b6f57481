# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each error has a code, which the type checker sees to; codes are words, and each tells one cause from the others."""

from __future__ import annotations

import pathlib
import re

import pytest

PLUGINS = pathlib.Path(__file__).resolve().parents[4] / "plugins"
CODES = {
    str(path.relative_to(PLUGINS)): re.findall(r'\bcode="([^"]*)"', path.read_text(encoding="utf-8"))
    for path in sorted(PLUGINS.rglob("*.py"))
}


def test_codes_are_found_at_all() -> None:
    assert sum(map(len, CODES.values())) > 200


@pytest.mark.parametrize("module", [module for module, codes in CODES.items() if codes])
def test_a_code_is_a_word_and_that_of_any_failure_stands_for_one_cause(module: str) -> None:
    assert [code for code in CODES[module] if not re.fullmatch("[a-z_.]+", code)] == []
    assert CODES[module].count("failed") <= 1
