# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in for a home-manager generation activates as home-manager's own do."""

from __future__ import annotations

from .conftest import LEGACY, Machine

PROFILE = "~/.local/state/nix/profiles/home-manager"
CURRENT = "readlink ~/.local/state/home-manager/gcroots/current-home"


def test_called_by_a_driver_it_leaves_the_profile_to_that(workstation: Machine) -> None:
    workstation.user(f"{workstation.system()}/activate")
    home = workstation.system('{ home.file."one".text = "1"; }')
    before = workstation.user(f"readlink {PROFILE}").said
    assert workstation.user(f"{home}/activate --driver-version 1 && cat ~/one").rc == 0
    assert workstation.user(f"readlink {PROFILE}").said == before


def test_what_is_not_its_own_is_never_overwritten(workstation: Machine) -> None:
    home = workstation.system('{ home.file."notes".text = "managed"; }')
    outcome = workstation.user(f"echo mine > ~/notes; {home}/activate; echo rc $?; cat ~/notes")
    assert "Existing file '/home/alice/notes' would be clobbered" in outcome.said
    assert "rc 1\nmine\n" in outcome.said
    saved = workstation.user(f"HOME_MANAGER_BACKUP_EXT=bak {home}/activate && cat ~/notes ~/notes.bak")
    assert saved.rc == 0, saved.said
    assert "managedmine\n" in saved.said


def test_a_step_that_fails_ends_it(workstation: Machine) -> None:
    step = '({ lib, ... }: { home.activation.bad = lib.hm.dag.entryAfter [ "writeBoundary" ] "false"; })'
    outcome = workstation.user(f"{workstation.system(step)}/activate --driver-version 1")
    assert (outcome.rc, "Activating bad" in outcome.said) == (1, True)


def test_a_profile_in_the_legacy_directory_is_moved(workstation: Machine) -> None:
    home = workstation.system()
    workstation.user(f"{home}/activate")
    workstation.move_to_legacy()
    outcome = workstation.user(f"DRY_RUN=1 {home}/activate && readlink -f {PROFILE} && ls -A {LEGACY}")
    assert (outcome.rc, outcome.said.splitlines()[-1]) == (0, home), outcome.said
