# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A failure is told by the words of the step that failed; warnings of a deployment that succeeds are told too."""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.answer import (
    Answer,
    failure,
    units_failure,
    warnings_of_activation,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import CONFIRMED, confirm, deploy
from ansible_collections.nix.fleet.plugins.plugin_utils.platforms.platform import platforms

from ..machine import SHELLS
from .interrupting import awaiting
from .nixos import PROFILE, NixOS, wait_for

# Much more than a failure shows, on the way back.
CHATTY = "i=0; while [ $i -lt 60 ]; do echo back $i; i=$((i + 1)); done"
HOME = "/home/.local/state/nix/profiles/home-manager"
COLLISION = """
echo "Starting Home Manager activation"
echo "Activating checkFilesChanged"
echo "Activating checkLinkTargets"
echo "Please do one of the following:
- In standalone mode, use 'home-manager switch -b backup' to back up files automatically."
echo "Existing file '/home/alice/.profile' would be clobbered"
echo "Existing file '/home/alice/.bashrc' would be clobbered"
exit 1
"""


@pytest.fixture
def chatty(nixos: NixOS) -> str:
    """The system that a machine goes back to with many words."""
    system = nixos.system("nixos-chatty", afterwards=CHATTY, loading=CHATTY)
    nixos.install(system)
    return system


@pytest.fixture(params=SHELLS)
def user(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> NixOS:
    """A machine whose user activates what is that user's own."""
    return NixOS(tmp_path, request.param)


def home(machine: NixOS, name: str, says: str) -> str:
    ends = """
        roots="$HOME/.local/state/home-manager/gcroots"
        mkdir -p "$roots" "/nix/var/nix/profiles" && ln -sfn "${0%/activate}" "$roots/current-home"
        nix-env --profile "/nix/var/nix/profiles/nix-on-droid" --set "${0%/activate}"
    """
    return machine.closure(f"home-{name}", activate=f"{says}\n{ends}", home_files="")


def activate(machine: NixOS, platform: str, closure: str, **fields: t.Any) -> Answer:
    return machine.deploy(closure, platform=platforms()[platform], **fields)


def test_the_words_of_a_failed_activation_are_shown_and_not_those_of_the_way_back(nixos: NixOS, chatty: str) -> None:
    answer = nixos.deploy(
        nixos.system("nixos-bad", trouble="echo setting up /etc...; echo the disk is on fire; exit 2")
    )
    error = failure("x", answer)
    assert (answer.outcome, error.log) == ("rolled_back", "setting up /etc...\nthe disk is on fire")
    assert "exit code 2: the disk is on fire; the machine is back" in error.cause
    assert "back 59" in answer.log


def test_the_journal_keeps_what_was_said_last(nixos: NixOS, chatty: str) -> None:
    nixos.deploy(nixos.system("nixos-bad", trouble="echo the disk is on fire; exit 2"))
    assert "the disk is on fire" in nixos.journal[-1]["cause"]


def test_what_a_snippet_said_before_it_failed_is_part_of_the_cause(nixos: NixOS, chatty: str) -> None:
    trouble = """
        echo "setting up /etc..."
        echo "useradd: cannot lock /etc/passwd"
        echo "Activation script snippet 'users' failed (1)"
        echo "Failed to run activate script"
        echo "restarting the following units: a.service"
        exit 2
    """
    answer = nixos.deploy(nixos.system("nixos-bad", trouble=trouble))
    assert "the activation script's snippet users failed: useradd: cannot lock /etc/passwd" in answer.cause


@pytest.mark.parametrize(
    ("said", "told"), [("cp: cannot stat '/x'", "failed: cp: cannot stat '/x'"), ("", "failed, and does not say where")]
)
def test_a_script_that_names_no_snippet_is_told_by_what_it_said_last(
    nixos: NixOS, chatty: str, said: str, told: str
) -> None:
    trouble = f"""
        echo "activating the configuration..."
        echo "setting up /etc..."
        echo "{said}"
        echo "warning: not applying GID change of group audio (29 -> 17)"
        echo "setting up tmpfiles"
        echo "the following new units were started: a.service"
        exit 2
    """
    answer = nixos.deploy(nixos.system("nixos-bad", trouble=trouble))
    assert f"exit code 2: the activation script {told}" in answer.cause


def test_of_all_groups_and_users_whose_numbers_stay_one_is_told(nixos: NixOS, old: str) -> None:
    changes = "\n".join(
        f"echo 'warning: not applying {kind} change of {name} (1 -> 2)'"
        for kind, name in [("GID", "group a"), ("GID", "group b"), ("GID", "group c"), ("UID", "user d")]
    )
    answer = nixos.deploy(nixos.system("nixos-new", trouble=f"{changes}\necho 'warning: take care'"))
    assert sorted(answer.warnings) == [
        "not applying GID change of group a (1 -> 2), and of 2 more",
        "not applying UID change of user d (1 -> 2)",
        "take care",
    ]


def test_the_words_of_a_boot_loader_that_cannot_be_written_are_shown(nixos: NixOS, chatty: str) -> None:
    answer = nixos.deploy(nixos.system("nixos-bad", loading="echo OSError: No space left on device; exit 1"))
    assert failure("x", answer).log.splitlines()[-1] == "OSError: No space left on device"
    assert "No space left on device" in answer.cause


def test_the_words_of_failed_units_are_shown(nixos: NixOS, chatty: str) -> None:
    trouble = 'ln -sfn "$self" "/run/current-system"; echo "warning: the following units failed: a.service"; echo "a: no database"; exit 4'
    bad = nixos.system("nixos-bad", trouble=trouble, loading=CHATTY)
    assert units_failure("x", nixos.deploy(bad)).log.splitlines()[-1] == "a: no database"
    back = nixos.deploy(nixos.system("nixos-worse", trouble=trouble), failed_units="rollback")
    assert failure("x", back).log.splitlines()[-1] == "a: no database"


def test_of_a_system_that_nobody_confirmed_the_words_of_its_activation_are_shown(nixos: NixOS, chatty: str) -> None:
    request = awaiting(
        nixos,
        nixos.system("nixos-mute", afterwards="echo restarting the following units: sshd.service"),
        confirm_timeout=1,
    )
    wait_for(lambda: bool(nixos.journal))
    answer = deploy(nixos, request)
    assert answer.outcome == "rolled_back"
    assert failure("x", answer).log == "restarting the following units: sshd.service"


def test_a_way_back_that_fails_too_shows_both(nixos: NixOS) -> None:
    nixos.install(nixos.system("nixos-first"), nixos.system("nixos-fragile", trouble=f"{CHATTY}; echo too old; exit 2"))
    answer = nixos.deploy(nixos.system("nixos-bad", trouble="echo the disk is on fire; exit 2"))
    log = failure("x", answer).log
    assert (answer.outcome, "the disk is on fire" in log, "too old" in log) == ("rollback_failed", True, True)


def test_what_was_said_outlives_a_way_back_that_takes_several_turns(nixos: NixOS) -> None:
    nixos.hurry()
    fragile = nixos.system("nixos-fragile", trouble='[ -e "$root/repaired" ] || exit 2')
    nixos.install(nixos.system("nixos-first"), fragile)
    request = nixos.request(nixos.system("nixos-bad", trouble="echo one; echo the disk is on fire; exit 2"))
    nixos.start(request).join()
    nixos.path("/repaired").touch()
    wait_for(lambda: nixos.journal[-1]["outcome"] == "rolled_back")
    assert failure("x", deploy(nixos, request)).log == "one\nthe disk is on fire"


def test_files_in_the_way_of_a_home_are_named_and_what_to_do(user: NixOS) -> None:
    (user.home / ".local/state/nix/profiles").mkdir(parents=True)
    old = home(user, "old", CHATTY)
    assert activate(user, "home-manager", old).outcome == "activated"
    answer = activate(user, "home-manager", home(user, "new", COLLISION))
    error = failure("x", answer)
    assert answer.outcome == "rolled_back"
    assert "Existing file '/home/alice/.profile' would be clobbered (and 1 more)" in error.cause
    assert "would be clobbered" in error.log.splitlines()[-1]
    assert "deploy_backup_extension" in (error.advice or "")


def test_a_dry_run_that_fails_refuses_with_its_reason_and_what_to_do(user: NixOS) -> None:
    answer = activate(user, "home-manager", home(user, "new", COLLISION), goal="dry-activate")
    assert (answer.outcome, answer.code, answer.exit_code) == ("refused", "dry_run", 1)
    assert "Existing file '/home/alice/.profile' would be clobbered (and 1 more)" in answer.cause
    assert "deploy_backup_extension" in (answer.advice or "")


def test_a_file_that_a_home_has_moved_away_is_nothing_to_do(user: NixOS) -> None:
    moved = "Existing file '/home/alice/.profile' is in the way of '/nix/store/x', will be moved to '.profile.bak'"
    answer = activate(user, "home-manager", home(user, "new", f'echo "{moved}"; echo boom; exit 7'))
    assert "deploy_backup_extension" not in (failure("x", answer).advice or "")


@pytest.mark.parametrize("platform", ["home-manager", "nix-on-droid"])
def test_the_part_of_an_activation_that_failed_is_named(user: NixOS, platform: str) -> None:
    says = "echo Activating linkGeneration; echo fine; echo Activating dconfSettings; echo 'no session bus'; exit 1"
    answer = activate(user, platform, home(user, "new", says))
    assert "exit code 1: dconfSettings: no session bus" in answer.cause


def test_what_a_mac_aborts_for_is_named_without_its_colours(tmp_path: pathlib.Path) -> None:
    mac = NixOS(tmp_path, "dash", uid=0)
    says = r"""printf '\033[1;31merror: Unexpected files in /etc, aborting activation\033[0m\n'; echo 'The following: '; exit 2"""
    answer = activate(mac, "darwin", mac.closure("darwin-new", activate=says, systemConfig=""))
    assert "exit code 2: Unexpected files in /etc, aborting activation" in answer.cause


@pytest.mark.parametrize(
    ("says", "setting"),
    [
        ("users cannot be created over SSH without Full Disk Access", "Allow full disk access for remote users"),
        ("permission denied when trying to update apps over SSH", "Allow full disk access for remote users"),
        ("Build users have unexpected UIDs", "ids.uids.nixbld"),
        ("Build user group has mismatching GID", "ids.gids.nixbld"),
        ("Determinate detected", "nix.enable = false"),
        ("primary user `bob` does not exist", "system.primaryUser"),
        ("custom settings in `/etc/nix/nix.custom.conf`", "nix.settings"),
        ("Unexpected files in /etc", "bootstrap_move_aside"),
    ],
)
def test_what_a_mac_aborts_for_has_the_setting_that_ends_it(tmp_path: pathlib.Path, says: str, setting: str) -> None:
    mac = NixOS(tmp_path, "dash", uid=0)
    aborts = f"cat <<'END'\nerror: {says}, aborting activation\nEND\nexit 2"
    answer = activate(mac, "darwin", mac.closure("darwin-new", activate=aborts, systemConfig=""))
    assert setting in (answer.advice or "")


def test_warnings_of_a_nixos_are_told_once(nixos: NixOS, old: str) -> None:
    warning = "echo 'warning: user alice has no password file' >&2"
    answer = nixos.deploy(
        nixos.system("nixos-new", trouble=f"{warning}; {warning}", loading="echo warning: old firmware")
    )
    assert answer.warnings == ("user alice has no password file", "old firmware")
    assert warnings_of_activation("a", answer)["warnings"] == ["a: user alice has no password file", "a: old firmware"]


def test_units_that_failed_are_no_warning_besides(nixos: NixOS, old: str) -> None:
    trouble = 'ln -sfn "$self" "/run/current-system"; echo "warning: the following units failed: a.service"; exit 4'
    assert nixos.deploy(nixos.system("nixos-new", trouble=trouble)).warnings == ()


def test_warnings_come_with_the_confirmation_and_not_before_it(nixos: NixOS, old: str) -> None:
    request = nixos.request(nixos.system("nixos-new", trouble="echo warning: take care"), confirm_timeout=30)
    awaiting = deploy(nixos, request)
    assert (awaiting.outcome, awaiting.warnings) == ("awaiting", ())
    assert confirm(nixos, request.id, CONFIRMED, 30).warnings == ("take care",)


WARNED = {
    "home-manager": (
        "Suggested commands:\nsystemctl --user restart a.service\nsystemctl --user stop b.service\nActivating last",
        ("Suggested commands: systemctl --user restart a.service; systemctl --user stop b.service",),
    ),
    "nix-on-droid": (
        "Linking of /etc/hosts failed. Please remove this file.",
        ("Linking of /etc/hosts failed. Please remove this file.",),
    ),
    "custom": ("Warning: no room for a cache\nwarning: unknown setting 'eval-cores'", ("no room for a cache",)),
}


@pytest.mark.parametrize("platform", WARNED)
def test_warnings_of_every_platform_are_told(user: NixOS, platform: str) -> None:
    (user.home / ".local/state/nix/profiles").mkdir(parents=True)
    text, told = WARNED[platform]
    says = f"cat <<'END'\n{text}\nEND"
    fields = {"profile": f"{PROFILE}-mine", "program": "activate"} if platform == "custom" else {}
    answer = activate(user, platform, home(user, "new", says), **fields)
    assert (answer.outcome, answer.warnings) == ("activated", told)


def test_the_file_with_the_whole_log_is_named(nixos: NixOS, old: str) -> None:
    answer = nixos.deploy(nixos.system("nixos-bad", trouble="echo not today; exit 2"))
    assert answer.log_file is not None
    assert "not today" in nixos.path(answer.log_file).read_text()
    assert nixos.deploy(old).log_file is None
