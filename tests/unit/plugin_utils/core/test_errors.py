# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors tell host, stage, cause, log, command and next step, each with a code; what others wrote is printed and not obeyed."""

from __future__ import annotations

import pathlib
import re

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import BuildError
from ansible_collections.nix.fleet.plugins.plugin_utils.core.text import harmless, harmless_line, redacted


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


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("git+https://hunter2@forge.example/fleet", "git+https://***@forge.example/fleet"),
        ("https://me:hunter2@forge.example/fleet", "https://me:***@forge.example/fleet"),
        ("ssh://git@forge.example/fleet", "ssh://git@forge.example/fleet"),
        (
            "see https://forge.example/a?private_token=hunter2&ref=x",
            "see https://forge.example/a?private_token=***&ref=x",
        ),
        ("https://forge.example/a@b", "https://forge.example/a@b"),
        ("https://github.com/a and mail me@b.example", "https://github.com/a and mail me@b.example"),
    ],
)
def test_passwords_and_tokens_are_hidden_and_nothing_else(said: str, kept: str) -> None:
    assert redacted({"log": [said]}) == {"log": [kept]}


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("plain text", "plain text"),
        ("größe 名前 🙂", "größe 名前 🙂"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[31;1merror:\x1b[0m no", "error: no"),
        ("10%\r20%\r\ndone", "10%\n20%\ndone"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b2J", "\\x9b2J"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("nul\0", "nul\\x00"),
        ("half \ud83d", "half \\ud83d"),
        (b"no text: \xff".decode(errors="surrogateescape"), "no text: \\xff"),
        ("10\u00a0000", "10\u00a0000"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_instead(text: str, printed: str) -> None:
    assert harmless(text) == printed


def test_what_is_to_be_one_line_is_one() -> None:
    assert harmless_line("vps-1\nvps-2  activated") == "vps-1 vps-2  activated"
