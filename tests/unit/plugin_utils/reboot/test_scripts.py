# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine is asked about a reboot, and what it does not start where another user may have begun, in each kind of shell."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import threading
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.request import Origin
from ansible_collections.nix.fleet.plugins.plugin_utils.platforms.platform import platforms
from ansible_collections.nix.fleet.plugins.plugin_utils.reboot.reboot import (
    Asked,
    Request,
    ask_script,
    parse_asked,
    parse_state,
    state_script,
)

from ..activation.machine import SHELLS
from ..activation.supervisor.nixos import NixOS, wait_for

SYSTEMCTL = """
case $1 in
    reboot) echo "$*" >> @root@/asked; exit $(cat @root@/exit-code) ;;
    is-system-running) echo running ;;
    list-units) echo bad.service loaded failed failed Bad ;;
esac
"""
BOOT_ID = "/proc/sys/kernel/random/boot_id"


class Rebooting(NixOS):
    """A machine whose `systemctl` only notes what it is asked, and whose boot can be changed."""

    def __init__(self, root: pathlib.Path, shell: str) -> None:
        super().__init__(root, shell, uid=0)
        self.replace_tool("systemctl", self.here(SYSTEMCTL))
        (self.root / "exit-code").write_text("0")
        self.boot("00000000-first")

    def boot(self, identity: str) -> None:
        file = self.path("/proc/boot_id")
        file.parent.mkdir(exist_ok=True)
        file.write_text(identity)

    def here(self, text: str) -> str:
        return super().here(text.replace(BOOT_ID, f"{self.root}/proc/boot_id"))

    def ask(self, **fields: t.Any) -> Asked:
        return parse_asked(self.run(ask_script(request(**fields))).stdout)

    @property
    def asked_to_reboot(self) -> list[str]:
        file = self.root / "asked"
        return file.read_text().splitlines() if file.exists() else []


def request(**fields: t.Any) -> Request:
    given = {"id": "reboot-1", "platform": platforms()["nixos"], "origin": Origin("alice", "laptop"), "timeout": 2}
    return Request(**{**given, **fields})


@pytest.fixture(params=sorted(SHELLS))
def machine(tmp_path: pathlib.Path, request: pytest.FixtureRequest) -> Rebooting:
    """A machine that was booted with the system that it runs, under each shell."""
    machine = Rebooting(tmp_path, request.param)
    system = machine.system("one", kernel="6.12", kernel_params="quiet")
    machine.install(system)
    machine.link("/run/booted-system", system)
    return machine


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"kernel": "6.17"}, "kernel"),
        ({"initrd": "new"}, "initrd"),
        ({"kernel_modules": "new"}, "kernel-modules"),
        ({"dtbs": "new"}, "dtbs"),
        ({"kernel_params": "verbose"}, "kernel-params"),
        ({"init_interface_version": "systemd 3"}, "init-interface-version"),
    ],
)
def test_each_part_of_a_boot_is_a_reason(machine: Rebooting, files: dict[str, str], reason: str) -> None:
    new = machine.system("two", **{"kernel": "6.12", "kernel_params": "quiet", **files})
    machine.install(new)
    assert machine.ask(check=True).reasons == (reason,)


def test_a_default_that_neither_runs_nor_was_booted_is_a_reason(machine: Rebooting) -> None:
    same = {"kernel": "6.12", "kernel_params": "quiet"}
    running = machine.standing("/run/current-system")
    machine.install(machine.system("two", **same))
    assert machine.ask(check=True).reasons == ()
    machine.link("/run/current-system", t.cast("str", running))
    assert machine.ask(check=True).reasons == ("system",)
    machine.path("/run/booted-system").unlink()
    assert machine.ask(check=True).reasons == ("system",)


def test_a_specialisation_of_the_default_is_none(machine: Rebooting) -> None:
    same = {"kernel": "6.12", "kernel_params": "quiet"}
    special = machine.system("special", **same)
    new = machine.system("two", **same)
    machine.install(new)
    machine.link(f"{new}/specialisation/special", special)
    machine.link("/run/current-system", special)
    assert machine.ask(check=True).reasons == ()


def test_the_machine_is_asked_once_however_often_the_request_arrives(machine: Rebooting) -> None:
    first = machine.ask(when="always", message="it's $(touch x)")
    assert first.reboots
    wait_for(lambda: machine.asked_to_reboot != [])
    machine.boot("00000000-second")
    assert machine.ask(when="always") == first
    assert machine.asked_to_reboot == ["reboot --message=it's $(touch x)"]
    assert parse_state(machine.run(state_script(request(), "00000000-first")).stdout).boot_id == "00000000-second"
    assert list((machine.state / "runs").iterdir()) == []
    assert not (machine.live / "lock").is_symlink()


def test_a_machine_that_does_not_go_down_says_so_and_can_be_deployed_to(machine: Rebooting) -> None:
    (machine.root / "exit-code").write_text("1")
    assert machine.ask(when="always").reboots
    wait_for((machine.state / "runs/reboot-1/failed").exists)
    wait_for(lambda: not (machine.live / "lock").is_symlink())
    seen = parse_state(machine.run(state_script(request(), "00000000-first")).stdout)
    assert "exit code 1" in (seen.failed or "")


def test_a_deployment_at_work_is_named(machine: Rebooting) -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        machine.hold_lock(process.pid, boot="00000000-first")
        answer = machine.ask(when="always")
        process.kill()
    assert "bob@desk" in (answer.refused or "")
    assert machine.asked_to_reboot == []


def test_a_system_that_would_not_be_booted_is_refused(machine: Rebooting) -> None:
    answer = machine.ask(when="always", closure="/nix/store/0123456789abcdfghijklmnpqrsvwxyz-nixos-old")
    assert "would boot" in (answer.refused or "")
    assert machine.asked_to_reboot == []


def test_a_system_that_deploy_rs_has_wrapped_is_no_reason_once_it_runs(machine: Rebooting) -> None:
    system = machine.system("nixos-a")
    package = machine.closure("activatable-nixos-a", deploy_rs_activate="exit 1")
    machine.link(f"{package}/nixos-version", f"{system}/nixos-version")
    machine.install(package)
    machine.link("/run/current-system", system)
    machine.link("/run/booted-system", machine.system("nixos-b"))
    assert machine.ask(check=True).reasons == ()


NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


@as_root
@pytest.mark.parametrize("place", [".", "runs", "runs/20260101T000000Z-00000000"])
def test_a_directory_of_another_users_is_refused(machine: Rebooting, place: str) -> None:
    theirs = machine.state / place
    theirs.mkdir(parents=True)
    os.chown(theirs, NOBODY, NOBODY)
    assert "belongs to another user" in (machine.ask(when="always").refused or "")
    assert machine.asked_to_reboot == []
    assert not (machine.state / "runs/reboot-1").exists()


@as_root
def test_an_answer_of_another_users_is_not_given(machine: Rebooting) -> None:
    planted = machine.state / "runs/reboot-1"
    planted.mkdir(parents=True)
    (planted / "answer").write_text("boot_id=00000000-false\n")
    (planted / "decision").symlink_to("asked")
    os.chown(planted, NOBODY, NOBODY)
    answer = machine.ask(when="always")
    assert (answer.reboots, "belongs to another user" in (answer.refused or "")) == (False, True)


def test_what_starts_when_its_start_is_no_longer_waited_for_reboots_nothing(machine: Rebooting) -> None:
    decision = machine.state / "runs/reboot-1/decision"
    machine.replace_tool("setsid", f'ln -s "it was too late" "{decision}"; exec {{setsid}} "$@"')
    assert machine.ask(when="always").refused == "it was too late"
    wait_for((decision.parent / "begun").exists)
    wait_for(lambda: not (machine.live / "lock").is_symlink())
    assert machine.asked_to_reboot == []


def test_what_is_ended_before_it_had_the_machine_reboot_says_so(machine: Rebooting) -> None:
    assert machine.ask(when="always", delay=600).reboots
    run = machine.state / "runs/reboot-1"
    os.kill(int((machine.live / "lock").readlink().as_posix().partition("pid=")[2].split()[0]), signal.SIGKILL)
    wait_for((run / "failed").exists)
    wait_for(lambda: not (machine.live / "lock").is_symlink())
    seen = parse_state(machine.run(state_script(request(), "00000000-first")).stdout)
    assert seen.failed == "what was to reboot the machine was ended before it did"
    assert machine.asked_to_reboot == []


def test_a_request_that_finds_itself_half_written_waits_for_the_rest(machine: Rebooting) -> None:
    answers: list[Asked] = []
    run = machine.state / "runs/reboot-1"
    run.mkdir(parents=True)
    second = threading.Thread(target=lambda: answers.append(machine.ask(when="always")))
    second.start()
    (run / "answer").write_text("boot_id=00000000-first\n")
    (run / "decision").symlink_to("asked")
    second.join()
    assert [(answer.boot_id, answer.reboots) for answer in answers] == [("00000000-first", True)]
