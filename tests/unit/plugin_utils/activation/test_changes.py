# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deployment changes is listed on the machine in one round trip, and a list that cannot be had stops nothing."""

from __future__ import annotations

import subprocess
import typing as t
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.changes import changes
from ansible_collections.nix.fleet.plugins.plugin_utils.core.process import Completed

BEFORE = f"/nix/store/{'0' * 32}-nixos-system-a-1"
AFTER = f"/nix/store/{'1' * 32}-nixos-system-a-2"


class Machine:
    """A machine with a program in place of each of Nix's."""

    def __init__(self, programs: Path, *has: str) -> None:
        for name in ("nix", "nix-store"):
            tests = " ".join(f"*{path}*) echo {path} 10 ;;" for path in has)
            (programs / name).write_text(f'#!/bin/sh\ncase "$*" in {tests} *) exit 1 ;; esac\n')
            (programs / name).chmod(0o755)
        self.path = f"{programs}:/usr/bin:/bin"
        self.asked = 0

    def run(self, script: str, *arguments: str) -> Completed:
        self.asked += 1
        argv = ("sh", "-c", script, "sh", *arguments)
        done = subprocess.run(argv, capture_output=True, text=True, check=False, env={"PATH": self.path})
        return Completed(argv, done.returncode, done.stdout, done.stderr)


def test_a_change_of_version_is_found_in_one_round_trip(tmp_path: Path) -> None:
    machine: t.Any = Machine(tmp_path, BEFORE, AFTER)
    found = changes(machine, BEFORE, AFTER)
    assert found is not None
    assert "nixos-system-a" in found.text
    assert machine.asked == 1


@pytest.mark.parametrize("has", [(BEFORE,), (AFTER,), ()])
def test_a_closure_that_the_machine_cannot_list_shows_nothing(tmp_path: Path, has: tuple[str, ...]) -> None:
    machine: t.Any = Machine(tmp_path, *has)
    assert changes(machine, BEFORE, AFTER) is None


def test_a_closure_that_has_not_arrived_is_listed_where_it_is(tmp_path: Path) -> None:
    machine: t.Any = Machine(tmp_path, BEFORE)
    source = Completed((), 0, f"{AFTER} 10\n", "")
    found = changes(machine, BEFORE, AFTER, source=lambda _argv: source)
    assert found is not None
