# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The content of a file that a program of the controller prints."""

from __future__ import annotations

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import KeysError
from ansible_collections.nix.fleet.plugins.plugin_utils.files.file import content_of_command


def told(*argv: str) -> bytes:
    """Return what the program tells."""
    return content_of_command(KeysError, "key token", argv, {"EXTRA": "1"}, seconds=5)


def test_it_is_what_the_program_prints_to_the_last_byte() -> None:
    assert told("printf", r"\000\377\n") == b"\0\xff\n"


def test_no_shell_reads_the_arguments() -> None:
    assert told("echo", "$(id)", "; id") == b"$(id) ; id\n"


def test_a_program_that_fails_is_named_with_what_it_said_but_not_with_what_it_printed() -> None:
    with pytest.raises(KeysError) as raised:
        told("sh", "-c", "printf 'hun%s' ter2; echo no key >&2; exit 3")
    assert "exit code 3" in str(raised.value)
    assert "no key" in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_a_program_that_does_not_end_is_ended() -> None:
    with pytest.raises(KeysError) as raised:
        content_of_command(KeysError, "key token", ["sleep", "60"], {}, seconds=0.2)
    assert raised.value.code == "keys.command_timeout"


@pytest.mark.parametrize("argv", [[], ["no-such-program"], ["true"]])
def test_a_program_that_tells_nothing_is_an_error(argv: list[str]) -> None:
    with pytest.raises(KeysError) as raised:
        told(*argv)
    assert raised.value.code == "keys.command"
