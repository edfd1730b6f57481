# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A command runs as ansible.builtin.command has it, in each kind of sh: what it prints, how it ends, and when it is left alone."""

from __future__ import annotations

import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.adhoc.command import Command, NotRun, Ran, parse_run
from ansible_collections.nix.fleet.plugins.plugin_utils.errors import CommandError

from ..transport.machine import Machine

MARK = "nix.fleet-0123456789abcdef"


def ran(machine: Machine, line: str = "", *, check: bool = False, **rest: t.Any) -> Ran | NotRun:
    """Run a line of sh, or the words that are given."""
    command = Command(**{"words": ("sh", "-c", line) if line else (), **rest})
    return parse_run(command, MARK, machine.run(command.script(MARK, check=check)))


def printed(machine: Machine, line: str = "", **rest: t.Any) -> str:
    """Return what a command that goes well prints."""
    done = ran(machine, line, **rest)
    assert isinstance(done, Ran), done
    assert (done.rc, done.stderr, done.late) == (0, "", False)
    return done.stdout


def test_what_it_prints_is_told_apart_to_the_last_character(machine: Machine) -> None:
    done = ran(machine, r"printf ' out\n\n'; printf 'err\n  no end' >&2; exit 3")
    assert done == Ran(3, " out\n\n", "err\n  no end")


def test_no_exit_code_is_lost(machine: Machine) -> None:
    for code in (0, 1, 77, 126, 127, 255):
        assert ran(machine, f"exit {code}") == Ran(code, "", "")


def test_words_are_words(machine: Machine) -> None:
    words = ("printf", "<%s>", "a b", "$HOME", "`id`", "'", '"', "\\", "*", "", "-n", "é\nx")
    assert printed(machine, words=words) == "".join(f"<{word}>" for word in words[2:])


def test_input_is_read_as_it_is_and_is_on_no_command_line(machine: Machine) -> None:
    secret = "it's $HOME `id` \\n %s\nno end"
    assert printed(machine, "cat", stdin=secret) == secret
    assert printed(machine, "cat") == ""
    assert printed(machine, "true", stdin="not read" * 50_000) == ""


def test_a_shell_without_its_own_printf_is_refused_before_it_sees_what_may_be_a_secret(machine: Machine) -> None:
    command = Command(("touch", str(machine.home / "ran")), stdin="secret")
    script = f"command() {{ echo /usr/bin/printf; }}\n{command.script(MARK, check=False)}"
    with pytest.raises(CommandError, match="sh has no printf") as refused:
        parse_run(command, MARK, machine.run(script))
    assert refused.value.advice == "use a login with another sh"
    assert not (machine.home / "ran").exists()


def test_it_begins_where_it_is_told_to(machine: Machine) -> None:
    (machine.home / "a dir").mkdir()
    assert printed(machine, "pwd", chdir=str(machine.home / "a dir")) == f"{machine.home}/a dir\n"
    assert printed(machine, "pwd", chdir="~/a dir") == f"{machine.home}/a dir\n"
    with pytest.raises(CommandError, match="/nowhere is no directory"):
        ran(machine, "pwd", chdir="/nowhere")


@pytest.mark.parametrize("pattern", ["{home}/a file", "{home}/a*", "~/a file", "~/*", "{home}/dangling"])
def test_what_is_created_already_is_not_created_again(machine: Machine, pattern: str) -> None:
    (machine.home / "a file").touch()
    (machine.home / "dangling").symlink_to("/nowhere")
    pattern = pattern.format(home=machine.home)
    assert ran(machine, "echo", creates=pattern) == NotRun("created")
    assert printed(machine, "echo", removes=pattern) == "\n"


@pytest.mark.parametrize(
    "pattern", ["{home}/missing", "{home}/*.none", "~/a", "$(echo {home}/a\\ file)", "{home}/a file b"]
)
def test_what_is_removed_already_is_not_removed_again(machine: Machine, pattern: str) -> None:
    (machine.home / "a file").touch()
    pattern = pattern.format(home=machine.home)
    assert ran(machine, "echo", removes=pattern) == NotRun("removed")
    assert printed(machine, "echo", creates=pattern) == "\n"


def test_a_file_is_looked_for_from_where_it_begins(machine: Machine) -> None:
    (machine.home / "here").touch()
    assert ran(machine, "echo", creates="here", chdir="~") == NotRun("created")


def test_a_check_runs_nothing(machine: Machine) -> None:
    marker = machine.home / "marker"
    assert ran(machine, f"touch {marker}", check=True) == NotRun("would")
    assert ran(machine, f"touch {marker}", check=True, creates=str(machine.home)) == NotRun("created")
    assert not marker.exists()


def test_its_time_ends_it_and_what_it_began(machine: Machine) -> None:
    began = time.monotonic()
    done = ran(machine, "echo begun; sleep 60 & sleep 60", seconds=1)
    assert isinstance(done, Ran)
    assert (done.late, done.stdout) == (True, "begun\n")
    assert time.monotonic() - began < 20
    assert ran(machine, "cat; exit 4", seconds=30, stdin="read") == Ran(4, "read", "")


def package(directory: Path, *programs: str) -> str:
    """Return a package with programs that say their names, in place of a store path."""
    (directory / "bin").mkdir(parents=True)
    for name in programs:
        (directory / "bin" / name).write_text(f"#!/bin/sh\necho {name} of the package\n")
        (directory / "bin" / name).chmod(0o755)
    return str(directory)


def test_the_programs_of_a_package_come_first(machine: Machine, tmp_path: Path) -> None:
    assert printed(machine, "ls", packages=[package(tmp_path / "p", "ls")]) == "ls of the package\n"


def test_a_package_runs_its_only_program_or_the_one_of_its_name(machine: Machine, tmp_path: Path) -> None:
    assert printed(machine, packages=[package(tmp_path / "one", "some")]) == "some of the package\n"
    named = package(tmp_path / f"{'0' * 32}-htop-3.4-beta", "htop", "pcp-htop")
    assert printed(machine, packages=[named]) == "htop of the package\n"
    with pytest.raises(CommandError, match="has no program of its name, and not just one: it has more other"):
        ran(machine, packages=[package(tmp_path / "two", "more", "other")])


def test_nix_knows_its_newer_commands(machine: Machine) -> None:
    assert "extra-experimental-features = nix-command flakes" in printed(machine, 'echo "$NIX_CONFIG"')
    assert "cores = 2" in printed(machine, 'echo "$NIX_CONFIG"', settings={"cores": 2})
