# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a supervisor left that was ended from outside is finished, by whoever comes next."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import time
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import deploy

from ..machine import SHELLS
from .nixos import PROFILE, NixOS, wait_for, whole

if t.TYPE_CHECKING:
    from ansible_collections.nix.fleet.plugins.plugin_utils.activation.request import Request


@pytest.mark.parametrize("shell", SHELLS)
def test_without_setsid_a_killed_supervisor_is_made_up_for_as_well(tmp_path: pathlib.Path, shell: str) -> None:
    machine = NixOS(tmp_path, shell, uid=0, setsid=False)
    old = machine.system("nixos-old")
    machine.install(old)
    slow = machine.request(machine.system("nixos-slow", trouble="sleep 3"))
    thread = machine.start(slow)
    wait_for(lambda: machine.calls == ["test slow"])
    os.kill(machine.supervisor_of(slow), signal.SIGKILL)
    thread.join()
    assert deploy(machine, slow).outcome == "rolled_back"
    time.sleep(2)
    assert machine.whole_as == whole(old)


def test_a_killed_supervisor_is_made_up_for_at_once(nixos: NixOS, old: str) -> None:
    slow = nixos.request(nixos.system("nixos-slow", trouble="sleep 3"))
    thread = nixos.start(slow)
    wait_for(lambda: nixos.calls == ["test slow"])
    os.kill(nixos.supervisor_of(slow), signal.SIGKILL)
    thread.join()
    assert deploy(nixos, slow).outcome == "rolled_back"
    assert nixos.whole_as == whole(old)
    # What the killed one had started does not finish later.
    time.sleep(2)
    assert nixos.whole_as == whole(old)


def test_what_a_power_cut_left_is_made_up_for_by_the_next_deployment(nixos: NixOS, old: str) -> None:
    slow = nixos.request(nixos.system("nixos-slow", trouble='echo $$ > "$root/step"; sleep 30'))
    thread = nixos.start(slow)
    wait_for(lambda: nixos.path("/step").exists() and nixos.path("/step").read_text().strip().isdigit())
    for pid in family(nixos.supervisor_of(slow), int(nixos.path("/step").read_text())):
        os.kill(pid, signal.SIGKILL)
    new = nixos.system("nixos-new")
    answer = nixos.deploy(new)
    assert (answer.outcome, answer.cause, answer.previous.generation) == ("activated", "", 2)
    assert nixos.whole_as == whole(new)
    assert [entry["outcome"] for entry in nixos.journal] == ["rolled_back", "activated"]
    thread.join()


def test_what_was_interrupted_is_never_called_unchanged(nixos: NixOS, old: str) -> None:
    slow = nixos.request(nixos.system("nixos-slow", trouble='echo $$ > "$root/step"; sleep 30'))
    thread = nixos.start(slow)
    wait_for(lambda: nixos.path("/step").exists() and nixos.path("/step").read_text().strip().isdigit())
    for pid in family(nixos.supervisor_of(slow), int(nixos.path("/step").read_text())):
        os.kill(pid, signal.SIGKILL)
    assert nixos.deploy(old).outcome == "activated"
    assert nixos.whole_as == whole(old)
    thread.join()


def family(supervisor: int, step: int) -> list[int]:
    """Return the guardian, the supervisor and the step, which a power cut ends all at once."""
    status = pathlib.Path(f"/proc/{supervisor}/stat").read_text()
    guardian = int(status.rpartition(") ")[2].split()[1])
    return [guardian, supervisor, step]


def test_a_record_that_is_not_whole_is_not_acted_upon(nixos: NixOS, old: str) -> None:
    slow = cut_off(nixos)
    (nixos.state / "runs" / slow.id / "recorded").write_text("")
    assert nixos.deploy(nixos.system("nixos-bad", trouble="exit 2")).outcome == "rolled_back"
    assert nixos.calls == ["test slow", "test bad", "test old"]
    assert nixos.whole_as == whole(old)
    assert sorted(nixos.generations(PROFILE)) == [1, 2]
    assert [entry["outcome"] for entry in nixos.journal] == ["failed", "rolled_back"]


def cut_off(nixos: NixOS) -> Request:
    """Begin a deployment, and end all that belongs to it in the middle of its activation, as a power cut does."""
    slow = nixos.request(nixos.system("nixos-slow", trouble='echo $$ > "$root/step"; sleep 30'))
    thread = nixos.start(slow)
    wait_for(lambda: nixos.path("/step").exists() and nixos.path("/step").read_text().strip().isdigit())
    for pid in family(nixos.supervisor_of(slow), int(nixos.path("/step").read_text())):
        os.kill(pid, signal.SIGKILL)
    for pid in followers(nixos):
        with contextlib.suppress(ProcessLookupError):  # it may have been one that only slept a moment
            os.kill(pid, signal.SIGKILL)
    thread.join()
    return slow


def followers(nixos: NixOS) -> list[int]:
    """Return the shells that wait on this machine for the end of a deployment."""
    return [int(cwd.parent.name) for cwd in pathlib.Path("/proc").glob("[0-9]*/cwd") if leads_to(cwd, nixos.root)]


def leads_to(link: pathlib.Path, target: pathlib.Path) -> bool:
    """Return whether ``link`` is one to ``target``; that of a process may be gone by now."""
    try:
        return link.readlink() == target
    except OSError:
        return False
