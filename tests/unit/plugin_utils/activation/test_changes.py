# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deployment changes is listed on the machine in one round trip, and a list that cannot be had stops nothing."""

from __future__ import annotations

import subprocess
import typing as t
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.changes import changes, unit_changes
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


OLD = {
    "web.service": "1",
    "web.service.d/overrides.conf": "1",
    "same.service": "1",
    "idle.service": "1",
    "gone.timer": "1",
    "getty@.service": "1",
}
NEW = {
    "web.service": "1",
    "web.service.d/overrides.conf": "2",
    "same.service": "1",
    "idle.service": "2",
    "new.service": "1",
    "getty@.service": "2",
}


def system(directory: Path, units: dict[str, str]) -> str:
    """Make a system with these units, and links to some of them."""
    place = directory / "etc/systemd/system"
    (place / "multi-user.target.wants").mkdir(parents=True)
    for name, text in units.items():
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text(text)
        (place / "multi-user.target.wants" / Path(name).name).symlink_to(place / name)
    return str(directory)


def on_controller(argv: list[str]) -> Completed:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return Completed(tuple(argv), done.returncode, done.stdout, done.stderr)


def test_units_of_a_closure_that_has_not_arrived_are_compared_where_it_is(tmp_path: Path) -> None:
    machine: t.Any = Machine(tmp_path)
    names = "\\n".join(["web.service a b", "same.service", "gone.timer", "getty@tty1.service", "a.mount"])
    (tmp_path / "systemctl").write_text(f"#!/bin/sh\nprintf '{names}\\n'\n")
    (tmp_path / "systemctl").chmod(0o755)
    before, after = system(tmp_path / "old", OLD), system(tmp_path / "new", NEW)
    # The machine has another file system.
    link: t.Any = Elsewhere(machine, after)
    found = unit_changes(link, before, after, source=on_controller)
    assert found is not None
    assert (found.changed, found.removed, found.added) == (
        ("web.service", "getty@tty1.service"),
        ("gone.timer",),
        ("new.service",),
    )
    assert "run and go: gone.timer" in found.text
    # A closure that is there is for the dry run.
    assert unit_changes(machine, before, after, source=on_controller) is None
    assert unit_changes(link, str(tmp_path / "no-system"), after, source=on_controller) is None


class Elsewhere:
    """A machine that has not one path of this one."""

    def __init__(self, machine: Machine, lacks: str) -> None:
        self.machine, self.lacks = machine, lacks

    def run(self, script: str) -> Completed:
        return self.machine.run(script.replace(self.lacks, "/nonexistent"))
