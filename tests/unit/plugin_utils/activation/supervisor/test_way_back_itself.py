# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the way back does itself is told, is not taken for another's doing, and activates nothing that has never run."""

from __future__ import annotations

import os
import plistlib
import signal
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import (
    CONFIRMED,
    cancelled,
    confirm,
    deploy,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.platforms.platform import platforms

from ..machine import SHELLS
from .home import CURRENT, Home
from .interrupting import awaiting, children_of, cut_down, guard_of, is_gone, rewrite_record
from .nixos import PROFILE, RUNNING, NixOS, wait_for, whole

if t.TYPE_CHECKING:
    import pathlib

    from ansible_collections.nix.fleet.plugins.plugin_utils.activation.request import Request

SHELL = next(iter(SHELLS))
# The first time, it gets there and fails nevertheless; then it fails at once.
HALF_BACK = (
    '[ ! -e "@root@/broken" ] || '
    '{ [ -e "@root@/once" ] || { : >"@root@/once"; ln -sfn "$self" "$current"; }; echo >>"@root@/tries"; exit 1; }'
)


class Darwin(NixOS):
    """A Mac whose files are below its own directory."""

    def here(self, text: str) -> str:
        places = "darwin_etc=/etc darwin_library=/Library darwin_users=/Users"
        return super().here(text.replace(places, places.replace("=/", "=@root@/")))

    def mac_system(self, name: str, checks: str = ":", **programs: str) -> str:
        activate = f'{checks}; echo "activate {name}" >> @root@/calls; ln -sfn "${{0%/activate}}" {RUNNING}'
        system = self.closure(name, activate=activate, systemConfig="", **programs)
        self.path(f"{system}/etc").mkdir()
        return system


@pytest.fixture
def mac(tmp_path: pathlib.Path) -> Darwin:
    """A Mac that runs the first generation of its system."""
    mac = Darwin(tmp_path, SHELL, uid=0)
    old = mac.mac_system("darwin-old")
    for link, target in {f"{PROFILE}-1-link": old, PROFILE: "system-1-link", RUNNING: old}.items():
        mac.link(link, target)
    return mac


def test_a_home_that_the_way_back_has_made_current_itself_is_tried_again(tmp_path: pathlib.Path) -> None:
    user = Home(tmp_path, SHELL, uid=1000)
    user.hurry()
    old = user.home_of("old", trouble=HALF_BACK)
    user.install_homes(old)
    user.path("/broken").touch()
    assert user.deploy_home(user.home_of("bad", trouble="exit 3")).outcome == "rollback_failed"
    wait_for(lambda: len(user.path("/tries").read_text()) > 2 or len(user.journal) > 1, 30)
    user.path("/broken").unlink()
    wait_for(lambda: len(user.journal) > 1, 30)
    assert [entry["outcome"] for entry in user.journal] == ["rollback_failed", "rolled_back"]
    assert user.standing(CURRENT) == old


def test_a_home_that_is_not_back_before_a_reboot_is_brought_back_by_the_next_deployment(tmp_path: pathlib.Path) -> None:
    user = Home(tmp_path, SHELL, uid=1000)
    user.hurry()
    old = user.home_of("old", trouble=HALF_BACK)
    user.install_homes(old)
    user.path("/broken").touch()
    bad = user.request(user.home_of("bad", trouble="exit 3"), platform=platforms()["home-manager"])
    assert deploy(user, bad).outcome == "rollback_failed"
    guard = guard_of(user, bad)
    os.kill(guard, signal.SIGSTOP)
    wait_for(lambda: all(is_gone(child) for child in children_of(guard)))
    cut_down([guard])
    run, mark = user.state / "runs" / bad.id, next(user.live.glob("acting-*"))
    rewrite_record(user, bad, recorded_boot="earlier")
    for link, text in {run / "boot": "boot earlier", mark: f"{bad.id} earlier"}.items():
        link.unlink()
        link.symlink_to(text)
    user.path("/broken").unlink()
    assert user.deploy_home(user.home_of("worse", trouble="exit 3")).outcome == "rolled_back"
    assert [(entry["id"] == bad.id, entry["outcome"]) for entry in user.journal] == [
        (True, "rollback_failed"),
        (True, "rolled_back"),
        (False, "rolled_back"),
    ]
    assert user.standing(CURRENT) == old


def test_a_mac_goes_back_though_a_user_s_settings_stop_every_nix_of_theirs(mac: Darwin) -> None:
    settings = mac.path("/Users/alice/.config/nix/nix.conf")
    settings.parent.mkdir(parents=True)
    careful = mac.mac_system("darwin-careful", f'[ ! -L "{settings}" ] || exit 1')
    mac.link(f"{PROFILE}-1-link", careful)
    mac.link(RUNNING, careful)
    home = "/nix/store/00000000000000000000000000000000-home-manager-files/.config/nix/nix.conf"
    bad = mac.mac_system("darwin-bad", f'ln -s "{home}" "{settings}"; exit 3')
    assert deploy(mac, mac.request(bad, platform=platforms()["darwin"])).outcome == "rolled_back"


def test_a_system_that_was_never_activated_is_not_made_current_on_the_way_back(mac: Darwin) -> None:
    old = mac.standing(RUNNING)
    mac.path(f"{PROFILE}.broken").touch()
    answer = deploy(mac, mac.request(mac.mac_system("darwin-new"), platform=platforms()["darwin"]))
    assert answer.outcome == "rolled_back"
    assert mac.calls == []
    assert mac.standing(RUNNING) == old


def test_settings_that_nix_darwin_does_not_know_are_told_before_anything_is_touched(tmp_path: pathlib.Path) -> None:
    mac = Darwin(tmp_path, SHELL, uid=0)
    mac.path("/etc/nix").mkdir(parents=True, exist_ok=True)
    mac.path("/etc/nix/nix.custom.conf").write_text("substituters = https://cache.example.org")
    system = mac.mac_system("darwin-new", checks="test ! -e /etc/nix/nix.custom.conf")
    answer = deploy(mac, mac.request(system, platform=platforms()["darwin"]))
    assert (answer.outcome, "/etc/nix/nix.custom.conf" in (answer.cause or "") + answer.log) == ("refused", True)
    assert "nix.settings" in (answer.advice or "")
    assert mac.calls == []


@pytest.mark.parametrize(("there", "looked_at"), [(True, True), (False, False)])
def test_what_check_mode_does_not_look_at_on_a_mac_is_told(mac: Darwin, there: bool, looked_at: bool) -> None:
    absent = "/nix/store/00000000000000000000000000000000-darwin-absent"
    system = mac.mac_system("darwin-new") if there else absent
    answer = deploy(mac, mac.request(system, platform=platforms()["darwin"], check=True))
    assert answer.outcome == "activated"
    assert ("/etc was not looked at" not in answer.log) is looked_at
    assert "own checks were not run" in answer.log
    assert mac.calls == []


@pytest.mark.parametrize(("name", "outcome"), [("bashrc", "activated"), ("zshrc", "refused")])
def test_content_that_nix_darwin_knows_of_another_file_is_in_the_way(mac: Darwin, name: str, outcome: str) -> None:
    mac.replace_tool("shasum", "echo 0123456789abcdef")
    mac.path("/etc").mkdir(exist_ok=True)
    mac.path(f"/etc/{name}").touch()
    system = mac.mac_system("darwin-new", ": [bashrc]='0123456789abcdef'")
    mac.path(f"{system}/etc/{name}").symlink_to("/nowhere")
    answer = deploy(mac, mac.request(system, platform=platforms()["darwin"], check=True))
    assert answer.outcome == outcome, answer


def test_what_a_failed_system_has_put_in_place_of_a_link_is_moved_aside_for_the_old_one(mac: Darwin) -> None:
    looks = f'readlink "{RUNNING}" >"@root@/current"'
    careful = mac.mac_system("darwin-careful", f'{looks}; [ ! -f "@root@/etc/hosts.allow" ] || exit 2')
    mac.path(f"{careful}/etc/hosts.allow").symlink_to("/nowhere")
    for link in (f"{PROFILE}-1-link", RUNNING):
        mac.link(link, careful)
    bad = mac.mac_system("darwin-bad", 'mkdir -p "@root@/etc"; echo new > "@root@/etc/hosts.allow"; exit 3')
    answer = deploy(mac, mac.request(bad, platform=platforms()["darwin"]))
    assert (answer.outcome, "/etc/hosts.allow." in answer.cause) == ("rolled_back", True), answer
    # It takes away what the one that is current has and it has not.
    assert mac.path("/current").read_text().strip() == mac.here(bad)


def test_a_file_that_a_failed_system_has_renamed_is_put_back(mac: Darwin) -> None:
    mac.replace_tool("shasum", "echo 0123456789abcdef")
    file = mac.path("/etc/bashrc")
    file.parent.mkdir()
    file.write_text("own")
    renames = 'mv "@root@/etc/bashrc" "@root@/etc/bashrc.before-nix-darwin"'
    bad = mac.mac_system("darwin-bad", f": [bashrc]='0123456789abcdef'; {renames}; exit 3")
    mac.path(f"{bad}/etc/bashrc").symlink_to("/nowhere")
    assert deploy(mac, mac.request(bad, platform=platforms()["darwin"])).outcome == "rolled_back"
    assert file.read_text() == "own"


def test_a_job_that_would_make_the_failed_system_current_ends_before_the_old_one_is_activated(mac: Darwin) -> None:
    job = mac.path(f"{mac.standing(RUNNING)}/Library/LaunchDaemons/org.nixos.activate-system.plist")
    job.parent.mkdir(parents=True)
    job.touch()
    calls = f'"{mac.root}/calls"'
    once = f"""grep -q asked {calls} 2>/dev/null || echo '"PID" = 7;'"""
    mac.replace_tool("launchctl", f"case $2 in *activate-system) {once}; echo asked >>{calls} ;; esac")
    bad = mac.mac_system("darwin-bad", "exit 3")
    assert deploy(mac, mac.request(bad, platform=platforms()["darwin"])).outcome == "rolled_back"
    assert mac.calls == ["asked", "asked", "activate darwin-old"]


def test_a_launch_agent_of_a_failed_system_is_removed_and_told(mac: Darwin) -> None:
    agent = "Library/LaunchAgents/org.nixos.ticking.plist"
    there = mac.path(f"/{agent}")
    there.parent.mkdir(parents=True)
    bad = mac.mac_system("darwin-bad", f"touch {there}; exit 3")
    mac.path(f"{bad}/{agent}").parent.mkdir(parents=True)
    mac.path(f"{bad}/{agent}").symlink_to("/nowhere")
    answer = deploy(mac, mac.request(bad, platform=platforms()["darwin"]))
    assert (answer.outcome, there.exists()) == ("rolled_back", False), answer
    assert f"{agent}, which the activation has left" in answer.log
    assert "left of it" not in answer.cause


def test_a_mac_whose_remote_login_a_system_has_turned_off_lets_in_again(mac: Darwin) -> None:
    off = mac.path("/no-sshd")
    mac.replace_tool("launchctl", f'case $1 in list) [ ! -e "{off}" ] ;; bootstrap) rm -f "{off}" ;; esac')
    answer = deploy(
        mac, mac.request(mac.mac_system("darwin-bad", f'touch "{off}"; exit 3'), platform=platforms()["darwin"])
    )
    assert (answer.outcome, off.exists()) == ("rolled_back", False)


def test_warnings_of_a_mac_and_parts_that_it_has_skipped_are_told(mac: Darwin) -> None:
    system = mac.mac_system("darwin-new", "echo 'warning: take care'; echo 'error: no apps'")
    answer = deploy(mac, mac.request(system, platform=platforms()["darwin"]))
    assert (answer.outcome, answer.warnings) == ("activated", ("take care", "no apps"))


def test_a_mac_that_boots_in_the_middle_is_to_go_back_by_itself(mac: Darwin) -> None:
    new = mac.mac_system("darwin-new", "ls @root@/Library/LaunchDaemons >> @root@/calls || :")
    asked = mac.request(new, platform=platforms()["darwin"])
    mac.replace_tool("sync", f'echo "$*" >>"{mac.root}/synced"')
    assert deploy(mac, asked).outcome == "activated"
    assert set(mac.calls) == {"activate darwin-new", f"nix.fleet.{asked.id}.plist"}
    assert f"{asked.id}.plist " in mac.path("/synced").read_text()
    assert list(mac.path("/Library/LaunchDaemons").iterdir()) == []


def test_a_mac_whose_state_directory_is_not_there_at_boot_goes_back_when_it_is(mac: Darwin) -> None:
    old = mac.standing(RUNNING)
    request = awaited(mac)
    cut_down([guard_of(mac, request), mac.supervisor_of(request)])
    (plist,) = mac.path("/Library/LaunchDaemons").iterdir()
    watch = plistlib.loads(plist.read_bytes())
    assert watch["KeepAlive"] == {"SuccessfulExit": False}
    words = watch["ProgramArguments"]
    words[2] = words[2].replace("/bin/wait4path", ":")
    mac.state.rename(mac.path("/elsewhere"))
    assert mac.script(*words[1:]).returncode != 0
    assert plist.exists()
    mac.path("/elsewhere").rename(mac.state)
    assert mac.script(*words[1:]).returncode == 0
    assert mac.standing(RUNNING) == old
    assert not plist.exists()


def test_units_that_fail_on_the_way_back_are_told(nixos: NixOS) -> None:
    says = 'ln -sfn "$self" "/run/current-system"; echo "warning: the following units failed: web.service"; exit 4'
    old = nixos.system("nixos-old", trouble=says)
    nixos.install(old)
    answer = nixos.deploy(nixos.system("nixos-bad", trouble="exit 2"))
    assert answer.outcome == "rolled_back"
    assert "web.service" in answer.cause
    assert nixos.whole_as == whole(old)


def awaited(mac: Darwin, **fields: t.Any) -> Request:
    """Deploy to a Mac what nobody confirms."""
    return awaiting(mac, mac.mac_system("darwin-new", **fields), platform=platforms()["darwin"])


@pytest.fixture
def mac_of_2024(mac: Darwin) -> Darwin:
    """A Mac whose system has a part that its user activates, and mends sudo."""
    old = mac.mac_system("darwin-older", "rm -f @root@/no-sudo", activate_user="echo user >> @root@/calls")
    mac.link(f"{PROFILE}-1-link", old)
    mac.link(RUNNING, old)
    mac.replace_tool("sudo", f'[ ! -e "{mac.root}/no-sudo" ] || exit 1; shift 3; exec "$@"')
    return mac


@pytest.mark.parametrize(("login", "user"), [("alice", ["user"]), ("", [])])
def test_a_mac_whose_sudo_was_broken_or_not_used_goes_back_to_a_system_with_a_part_for_its_user(
    mac_of_2024: Darwin, login: str, user: list[str]
) -> None:
    mac, old = mac_of_2024, mac_of_2024.standing(RUNNING)
    mac.environment["SUDO_USER"] = login
    request = awaited(mac, checks="touch @root@/no-sudo")
    assert confirm(mac, request.id, cancelled("not wanted"), 30).outcome == "rolled_back"
    assert mac.standing(RUNNING) == old
    assert mac.calls == ["activate darwin-new", "activate darwin-older", *user]


def test_a_mac_that_boots_in_the_middle_knows_whose_part_of_its_system_is_to_be_activated(mac_of_2024: Darwin) -> None:
    mac_of_2024.environment["SUDO_USER"] = "alice"
    request = awaited(mac_of_2024)
    (plist,) = mac_of_2024.path("/Library/LaunchDaemons").iterdir()
    assert plistlib.loads(plist.read_bytes())["EnvironmentVariables"]["SUDO_USER"] == "alice"
    confirm(mac_of_2024, request.id, CONFIRMED, 30)


def test_a_mac_that_had_not_activated_its_system_since_it_booted_goes_back_to_that(mac: Darwin) -> None:
    old = mac.standing(PROFILE)
    mac.path(RUNNING).unlink()
    answer = confirm(mac, awaited(mac).id, cancelled("not wanted"), 30)
    assert (answer.outcome, mac.standing(RUNNING)) == ("rolled_back", old)


def test_a_service_that_an_activation_has_left_is_removed(mac: Darwin) -> None:
    daemon = "Library/LaunchDaemons/org.example.old.plist"
    for directory in (f"{mac.standing(RUNNING)}/Library/LaunchDaemons", "/Library/LaunchDaemons"):
        mac.path(directory).mkdir(parents=True)
    mac.path(f"{mac.standing(RUNNING)}/{daemon}").symlink_to("/nowhere")
    mac.path(f"/{daemon}").touch()
    mac.replace_tool("launchctl", "exit 1")
    assert deploy(mac, mac.request(mac.mac_system("darwin-new"), platform=platforms()["darwin"])).outcome == "activated"
    assert not mac.path(f"/{daemon}").exists()


def test_a_mac_whose_new_system_is_current_when_its_activation_fails_goes_back(mac: Darwin) -> None:
    old = mac.standing(RUNNING)
    bad = mac.mac_system("darwin-bad", f'ln -sfn "${{0%/activate}}" {RUNNING}; exit 3')
    answer = deploy(mac, mac.request(bad, platform=platforms()["darwin"]))
    assert (answer.outcome, mac.standing(RUNNING)) == ("rolled_back", old)


def test_a_mac_that_let_nobody_in_lets_nobody_in_when_it_is_back(mac: Darwin) -> None:
    mac.replace_tool("launchctl", f'case $1 in list) exit 1 ;; *) echo "$@" >>"{mac.root}/turned-on" ;; esac')
    answer = deploy(mac, mac.request(mac.mac_system("darwin-bad", "exit 3"), platform=platforms()["darwin"]))
    assert (answer.outcome, mac.path("/turned-on").exists()) == ("rolled_back", False)


def test_a_file_that_a_failed_system_has_not_renamed_is_not_replaced_by_an_earlier_one(mac: Darwin) -> None:
    mac.replace_tool("shasum", "echo 0123456789abcdef")
    mac.path("/etc").mkdir()
    for name, text in {"bashrc": "own", "bashrc.before-nix-darwin": "earlier"}.items():
        mac.path(f"/etc/{name}").write_text(text)
    bad = mac.mac_system("darwin-bad", ": [bashrc]='0123456789abcdef'; exit 3")
    mac.path(f"{bad}/etc/bashrc").symlink_to("/nowhere")
    assert deploy(mac, mac.request(bad, platform=platforms()["darwin"])).outcome == "rolled_back"
    assert mac.path("/etc/bashrc").read_text() == "own"
