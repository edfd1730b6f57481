# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A command of Nix's runs for as long as somebody waits for it, in each kind of sh; how it ends is told."""

from __future__ import annotations

import subprocess

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.target.programs import program
from ansible_collections.nix.fleet.tests.unit.plugin_utils.activation.machine import SHELLS

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
