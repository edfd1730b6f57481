# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every program that runs on targets is read by shellcheck as it is sent; a command of Nix's ends with whoever waits for it."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.platforms.platform import platforms
from ansible_collections.nix.fleet.plugins.plugin_utils.target import programs
from ansible_collections.nix.fleet.plugins.plugin_utils.target.programs import program
from ansible_collections.nix.fleet.tests.unit.plugin_utils.activation.machine import SHELLS

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


def test_no_case_ends_the_substitution_that_it_stands_in_for_a_shell_that_counts_parentheses() -> None:
    # As that of macOS does: there, a pattern of such a case begins with one as well.
    texts = [*map(programs.part, {part for parts in programs.PARTS.values() for part in parts})]
    for text in map(programs.without_comments, [*texts, *(platform.functions for platform in platforms().values())]):
        for begin in re.finditer(r"\$\((?!\()", text):
            depth = 1
            end = begin.end()
            while depth and end < len(text):
                depth += {"(": 1, ")": -1}.get(text[end], 0)
                end += 1
            substitution = text[begin.end() : end]
            assert len(re.findall(r"\bcase .* in\b", substitution)) == len(re.findall(r"\besac\b", substitution)), (
                substitution
            )


# Often enough for a signal that comes while a process is being made.
TIMES = 300


@pytest.mark.parametrize("how", ["input", "output"])
@pytest.mark.parametrize("shell", SHELLS)
def test_a_command_that_ends_at_once_is_over_at_once(shell: str, how: str) -> None:
    script = f'{program("command")}\ni=0\nwhile [ "$i" -lt {TIMES} ]; do\ncommand_run "$1" false\ni=$((i + $?))\ndone\n'
    with subprocess.Popen(
        [*SHELLS[shell], "-c", script, "sh", how], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as running:
        try:
            assert running.wait(60) == 0
        finally:
            running.kill()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_process_is_ended_also_where_nothing_tells_of_others(tmp_path: Path, shell: str) -> None:
    (tmp_path / "sleep").symlink_to(shutil.which("sleep") or "")
    script = f'{program("command")}\nPATH={tmp_path}\nsleep 60 &\nprocess_end "$!"\nwait "$!"\n'
    ended = subprocess.run([*SHELLS[shell], "-c", script], check=False, timeout=30, capture_output=True)
    assert ended.returncode in (143, 137)


@pytest.mark.parametrize("shell", SHELLS)
def test_what_goes_on_again_and_again_has_an_environment_that_does_not_grow(shell: str, tmp_path: Path) -> None:
    (tmp_path / "tools").symlink_to(Path(shutil.which("ls") or "").parent)
    again = 'path_pin; request_use_settings "a = b"'
    script = (
        f'{program("question")}\n{again}\nfirst=$PATH$NIX_CONFIG\n{again}\necho "$first"\necho "$PATH$NIX_CONFIG"\n'
    )
    environment = {"PATH": f"{tmp_path}/tools", "NIX_CONFIG": "a = b\nc = d"}
    lines = subprocess.check_output(
        [str(shutil.which(SHELLS[shell][0])), *SHELLS[shell][1:], "-c", script], env=environment, text=True
    ).splitlines()
    assert lines[: len(lines) // 2] == lines[len(lines) // 2 :]
    assert lines[-1] == "a = b"
