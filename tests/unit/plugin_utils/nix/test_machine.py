# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines that have no Nix, cannot run it, or are asked for very much at a time."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.nix.fleet.plugins.plugin_utils.core.process import Completed
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.machine import NAMES_LENGTH, Controller, Remote

from ...errors import fails_with

MUCH = "x" * 200_000


class AnsweringShell:
    """A shell on which everything that is asked for exists, and no command does."""

    host = "homelab"

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def run(self, script: str, *arguments: str) -> Completed:
        self.asked.append(arguments)
        return Completed(("sh",), 127 if "exec" in script else 0, "".join(f"{path}\n" for path in arguments), "")


def test_a_controller_without_the_program_says_so_and_not_what_it_was_to_do() -> None:
    with fails_with("nix.no_program") as caught:
        Controller().run(["/nonexistent", MUCH])
    assert caught.value.command == ("/nonexistent",)


def test_a_machine_without_the_program_says_so_and_not_what_it_was_to_do() -> None:
    with fails_with("nix.no_program") as caught:
        Remote(AnsweringShell()).run(["nix", MUCH])
    assert caught.value.command == ("nix",)


def test_a_program_that_cannot_be_run_is_an_error_with_the_cause(tmp_path: Path) -> None:
    (tmp_path / "nix").touch(mode=0o644)
    with fails_with("nix.not_run"):
        Controller().run([str(tmp_path / "nix")])
    with fails_with("nix.not_run"):
        Controller().run(["true", MUCH])


def test_more_paths_than_one_command_line_takes_are_asked_for_in_portions() -> None:
    shell = AnsweringShell()
    paths = [f"/nix/store/{'0' * 32}-nixos-system-host-{number:04}-25.11.drv" for number in range(2000)]
    assert Remote(shell).existing(paths) == set(paths)
    assert len(shell.asked) == 2
    assert all(sum(map(len, arguments)) <= NAMES_LENGTH for arguments in shell.asked)
