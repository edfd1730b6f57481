# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors tell host, stage, cause, log, command and next step; each has a code, which tells one cause from the others."""

from __future__ import annotations

import pathlib
import re

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import BuildError


def test_a_message_names_host_stage_cause_command_and_next_step_in_this_order() -> None:
    error = BuildError(
        "hello failed",
        code="failed",
        host="vps-1",
        command=["nix", "build", "a b"],
        log="cc: no\n",
        advice="read the log",
    )
    assert str(error).splitlines() == [
        "vps-1: build: hello failed",
        "cc: no",
        "command: nix build 'a b'",
        "next: read the log",
    ]


def test_the_result_carries_every_field_and_the_details() -> None:
    result = BuildError("no", code="failed", host="h", command=["nix"], log="cc: no", advice="go", rc=3).to_result()
    assert result == {
        "host": "h",
        "stage": "build",
        "code": "build.failed",
        "cause": "no",
        "command": "nix",
        "log": "cc: no",
        "advice": "go",
        "rc": 3,
    }


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
