# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot be written down at the end of a deployment confuses neither its controller nor the next one."""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import subprocess
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import (
    CONFIRMED,
    cancelled,
    confirm,
    deploy,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.platforms.platform import platforms
from ansible_collections.nix.fleet.plugins.plugin_utils.target.programs import part

from ..machine import SHELLS
from .interrupting import awaiting, cut_off
from .nixos import PROFILE, NixOS, wait_for, whole

# What takes the last place of a file on a full disk.
NO_OUTCOME = 'case $* in */outcome.fleet*) exit 1 ;; esac; exec {mv} "$@"'


def test_a_deployment_that_cannot_write_its_end_is_known_to_the_journal(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new")
    nixos.replace_tool("mv", NO_OUTCOME)
    assert nixos.deploy(new).outcome == "activated"
    nixos.replace_tool("mv", 'exec {mv} "$@"')
    assert nixos.deploy(new).outcome == "unchanged"
    assert nixos.whole_as == whole(new)


def test_a_deployment_that_has_no_room_for_its_program_is_refused_and_leaves_nothing(nixos: NixOS, old: str) -> None:
    nixos.replace_tool("ln", 'case "$*" in */boot) exit 1 ;; esac; exec {ln} "$@"')
    assert nixos.deploy(nixos.system("nixos-new")).outcome == "refused"
    assert list((nixos.state / "runs").iterdir()) == []


@pytest.mark.parametrize("trouble", ["exit 2", ":"])
def test_a_note_that_is_cut_off_takes_no_other_away(nixos: NixOS, old: str, trouble: str) -> None:
    notes = nixos.state / "half_active"
    nixos.state.mkdir(parents=True)
    text = f"/one\n{nixos.here(PROFILE)}\n/another\n"
    notes.write_text(text)
    nixos.replace_tool("grep", 'case "$*" in -v*/half_active) echo /one; kill -9 $$ ;; esac; exec {grep} "$@"')
    answer = nixos.deploy(nixos.system("nixos-new", trouble=trouble))
    assert notes.read_text() == text
    assert f"{notes.name} could not be written" in f"{answer.cause} {answer.warnings}"


def test_a_text_that_there_is_no_room_for_leaves_what_was_there(small: NixOS) -> None:
    file = small.state / "file"
    file.write_text("old\n")
    small.script("-c", FILL)
    small.script("-c", f'{part("record")}\n{part("path")}\npath_write "$@"', "sh", str(file), "new " * 5000)
    assert file.read_text() == "old\n"
    (small.state / "zeros").unlink()
    for text in ("new\nnewer\n", ""):
        small.script("-c", f'{part("record")}\n{part("path")}\npath_write "$@"', "sh", str(file), text.rstrip("\n"))
        assert file.read_text() == text
    assert not list(small.state.glob("*.fleet"))


def test_a_line_of_the_journal_that_was_cut_off_spoils_no_other(nixos: NixOS, old: str) -> None:
    first = nixos.request(nixos.system("nixos-new"))
    nixos.state.mkdir(parents=True)
    (nixos.state / "journal.jsonl").write_text('{"id":"earlier","run":"ni')
    deploy(nixos, first)
    lines = (nixos.state / "journal.jsonl").read_text().splitlines()
    assert (len(lines), lines[1].startswith(f'{{"id":"{first.id}"')) == (2, True)


@pytest.mark.parametrize(("trouble", "outcome"), [("exit 2", "rolled_back"), (":", "activated")])
def test_a_journal_that_cannot_be_written_is_told(nixos: NixOS, old: str, trouble: str, outcome: str) -> None:
    (nixos.state / "journal.jsonl").mkdir(parents=True)
    answer = nixos.deploy(nixos.system("nixos-new", trouble=trouble))
    assert answer.outcome == outcome
    assert "the journal could not be written" in (answer.cause if outcome == "rolled_back" else answer.warnings)


SITE = "/nix/var/nix/profiles/site"
WEBSITE: dict[str, t.Any] = {"platform": platforms()["custom"], "profile": SITE, "program": "activate"}
# Until there is neither room for a file nor for what is in one.
FILL = """
cat /dev/zero > "$HOME/.local/state/nix.fleet/zeros" 2>/dev/null
number=0
while true 2>/dev/null > "$HOME/.local/state/nix.fleet/full-$number"; do number=$((number + 1)); done || :
"""


@pytest.fixture(params=SHELLS)
def small(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> t.Iterator[NixOS]:
    """A machine of a user, whose lock lies with the other files of deployments, on a disk that is soon full."""
    machine = NixOS(tmp_path, request.param)
    machine.state.mkdir(parents=True, mode=0o700)
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", "size=256k,nr_inodes=40,mode=700", "tmpfs", str(machine.state)]
    if mount is None or subprocess.run([mount, *options], check=False, capture_output=True).returncode:
        pytest.skip("it takes root to mount a small disk")
    yield machine
    subprocess.run(["umount", "-l", str(machine.state)], check=True)


@pytest.mark.parametrize("outcome", ["confirmed", "rolled_back"])
def test_on_a_full_disk_a_confirmation_is_heard_and_the_end_is_told(small: NixOS, outcome: str) -> None:
    first = small.closure("site-1", activate="echo first >> @root@/calls")
    assert small.deploy(first, **WEBSITE).outcome == "activated"
    second = small.closure("site-2", activate=f"echo second >> @root@/calls; {FILL}")
    request = awaiting(small, second, **WEBSITE)
    answer = confirm(small, request.id, CONFIRMED if outcome == "confirmed" else cancelled("no"), 60)
    assert answer.outcome == outcome
    assert small.standing(SITE) == (second if outcome == "confirmed" else first)
    wait_for(lambda: not (small.live / "lock").is_symlink())
    assert small.journal[-1]["outcome"] == outcome


def test_what_could_tell_its_end_in_memory_alone_is_not_undone_after_a_reboot(nixos: NixOS) -> None:
    sites = [nixos.closure(f"site-{name}", activate=f"echo {name} >> @root@/calls") for name in ("old", "new")]
    nixos.deploy(sites[0], **WEBSITE)
    asked = nixos.request(sites[1], **WEBSITE)
    outcome = nixos.state / "runs" / asked.id / "outcome"
    nixos.replace_tool("mv", NO_OUTCOME)
    nixos.replace_tool(
        "rm", f'case "$*" in *{outcome}*) ln -sfn /nowhere/outcome {outcome} ;; *) exec {{rm}} "$@" ;; esac'
    )
    nixos.replace_tool("sync", f'echo "$*" >> "{nixos.root}/synced"')
    assert deploy(nixos, asked).outcome == "activated"
    synced = nixos.path("/synced").read_text().splitlines()
    assert ("./outcome.fleet" in synced, synced[-1]) == (True, ".")
    for tool in ("mv", "rm"):
        nixos.replace_tool(tool, f'exec {{{tool}}} "$@"')
    outcome.unlink()
    shutil.rmtree(nixos.live)
    assert nixos.deploy(sites[1], **WEBSITE).outcome == "unchanged"
    assert nixos.calls == ["old", "new"]


def test_on_a_full_disk_a_killed_worker_is_made_up_for_at_once(small: NixOS) -> None:
    first = small.closure("site-1", activate="echo first >> @root@/calls")
    small.deploy(first, **WEBSITE)
    second = small.closure("site-2", activate=f"echo second >> @root@/calls; {FILL} : > @root@/full; sleep 60")
    request = small.request(second, **WEBSITE)
    thread = small.start(request)
    wait_for(small.path("/full").exists)
    os.kill(small.worker_of(request), signal.SIGKILL)
    # Who has no room to say that it is its turn waits for 30 seconds.
    wait_for(lambda: small.calls == ["first", "second", "first"], 20)
    thread.join()
    assert small.standing(SITE) == first


def test_an_end_for_which_there_was_no_room_is_no_end(nixos: NixOS, old: str) -> None:
    slow = cut_off(nixos)
    (nixos.live / f"outcome-{slow.id}").touch()
    nixos.path("/repaired").touch()
    nixos.deploy(old)
    assert nixos.journal[0]["outcome"] == "rolled_back"


@pytest.mark.parametrize("rebooted", [False, True])
def test_an_end_that_memory_alone_has_beside_a_record_is_an_end(nixos: NixOS, *, rebooted: bool) -> None:
    sites = [nixos.closure(f"site-{name}", activate=f"echo {name} >> @root@/calls") for name in ("old", "new")]
    nixos.deploy(sites[0], **WEBSITE)
    asked = nixos.request(sites[1], **WEBSITE)
    outcome = nixos.state / "runs" / asked.id / "outcome"
    nixos.replace_tool("mv", NO_OUTCOME)
    unwritable = f'*{outcome}*) ln -sfn /nowhere/outcome {outcome} ;; "-f ./recorded") exit 1'
    nixos.replace_tool("rm", f'case "$*" in {unwritable} ;; *) exec {{rm}} "$@" ;; esac')
    nixos.replace_tool("sync", f'echo "$*" >> "{nixos.root}/synced"')
    assert deploy(nixos, asked).outcome == "activated"
    assert nixos.path("/synced").read_text().splitlines()[-1] == nixos.here("/nix/var/nix/profiles")
    if rebooted:
        for tool in ("mv", "rm"):
            nixos.replace_tool(tool, f'exec {{{tool}}} "$@"')
        outcome.unlink()
        shutil.rmtree(nixos.live)
    assert nixos.deploy(sites[1], **WEBSITE).outcome == ("activated" if rebooted else "unchanged")
    assert nixos.calls == ["old", "new", *["new"] * rebooted]


def test_on_a_full_disk_the_journal_has_what_nobody_was_asked_to_confirm(small: NixOS) -> None:
    site = small.closure("site-1", activate=FILL)
    answer = small.deploy(site, **WEBSITE)
    assert (answer.outcome, answer.warnings) == ("activated", ())
    assert [entry["outcome"] for entry in small.journal] == ["activated"]
