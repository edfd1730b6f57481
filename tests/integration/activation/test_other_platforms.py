# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A home, a Mac and a phone are activated by their own means: what neither the fleet's deployments nor the table of faults shows."""

from __future__ import annotations

import pytest

from .conftest import DIFFERENT, STEP, Target


def lock_of(host: Target) -> str:
    """Return where the lock of a host's deployments is: in memory where root has a place for it."""
    state = STATE[host.name]
    return "/run/nix.fleet/lock" if state.startswith("/var/lib") else f"{state}/lock"


STATE = {
    "workstation": "/home/alice/.local/state/nix.fleet",
    "macbook": "/var/lib/nix.fleet",
    "phone": "~nix-on-droid/.local/state/nix.fleet",
}
SLOW = "echo begun > /tmp/begun; sleep 5; rm -f /tmp/begun"
BEGUN = "test -e /tmp/begun"
NAMES = ("workstation", "macbook", "phone")


@pytest.fixture(params=NAMES)
def host(request: pytest.FixtureRequest) -> Target:
    host: Target = request.getfixturevalue(request.param)
    host.root("rm -f /tmp/begun")
    return host


@pytest.fixture
def plain(host: Target) -> str:
    """The closure that the host has before each test."""
    plain = host.system()
    answer = host.activate(plain)
    assert answer["outcome"] in ("confirmed", "unchanged"), answer
    return plain


# Without setsid, what an activation has started is harder to end.
@pytest.mark.parametrize("host", ["macbook"], indirect=True)
def test_an_activation_that_hangs_goes_back(host: Target, plain: str) -> None:
    answer = host.activate(host.system(STEP[host.name] % "sleep 1000"), activation_timeout=4)
    assert (answer["outcome"], answer["exit_code"]) == ("rolled_back", 124), answer
    assert host.current_state == (plain, plain)
    assert host.root("ps -eo args | grep '[s]leep 1000'").rc == 1


def test_a_supervisor_that_is_killed_with_its_guard_is_made_up_for(host: Target, plain: str) -> None:
    task = host.start(closure=host.system(STEP[host.name] % SLOW))
    host.wait_until(BEGUN)
    supervisor = f"readlink {lock_of(host)} | sed -n s/^pid=//p"
    host.says(f"p=$({supervisor}); kill -9 $(ps -o ppid= -p $p) $p")
    answer = task.result()
    assert answer["outcome"] == "rolled_back", answer
    assert host.current_state == (plain, plain)


def test_a_dry_run_says_something_and_changes_nothing(host: Target, plain: str) -> None:
    answer = host.activate(host.system(DIFFERENT[host.name] % "dry"), goal="dry-activate")
    assert (answer["outcome"], answer["changed"], answer["failed"]) == ("unchanged", False, False), answer
    assert host.current_state == (plain, plain)


def test_files_in_the_way_of_a_home_are_kept_by_another_name(workstation: Target) -> None:
    workstation.activate(workstation.system())
    workstation.user("rm -f ~/notes ~/notes.*; echo mine > ~/notes")
    home = workstation.system('{ home.file."notes".text = "managed"; }')
    (predicted,) = workstation.activate(home, "--check")["warnings"]
    assert predicted.endswith(": /home/alice/notes")
    answer = workstation.activate(home)
    log = workstation.user(f"cat {answer['log_file']}").said
    assert (answer["outcome"], "would be clobbered" in log) == ("rolled_back", True)
    assert workstation.activate(home, backup_extension="bak")["outcome"] == "confirmed"
    assert "managed" in workstation.user("cat ~/notes ~/notes.bak").said


def test_a_profile_in_the_legacy_directory_is_moved_and_gone_back_to(workstation: Target) -> None:
    plain = workstation.system()
    workstation.activate(plain)
    generations = workstation.generations
    workstation.move_to_legacy()
    assert workstation.activate(plain)["outcome"] == "unchanged"
    answer = workstation.activate(workstation.system(STEP["workstation"] % "exit 3"))
    assert answer["outcome"] == "rolled_back", answer
    assert (workstation.default, workstation.generations) == (plain, generations)
    workstation.move_to_legacy()
    new = workstation.system(DIFFERENT["workstation"] % "moved")
    assert workstation.activate(new)["outcome"] == "confirmed"
    assert workstation.default == new
    assert workstation.root("ls /nix/var/nix/profiles/per-user/alice/home-manager").rc != 0


def test_a_mac_without_escalation_is_told_to_escalate(macbook: Target) -> None:
    answer = macbook.start(closure=macbook.system(), escalate=False).result()
    assert (answer["outcome"], "become" in answer["advice"]) == ("refused", True)
