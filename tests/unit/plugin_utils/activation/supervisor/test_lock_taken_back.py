# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployment that was without its lock for a moment looks whose it is by now, and waits where it is another's."""

from __future__ import annotations

import os
import signal
import threading

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import deploy

from .nixos import NixOS, wait_for, whole
from .test_abandoned import own_name
from .test_interruption import blocked_recovery, cut_off, is_gone


def is_anothers(nixos: NixOS) -> bool:
    return (nixos.live / "lock").readlink().as_posix().startswith("id=another\n")


def test_who_was_slow_after_a_recovery_leaves_the_lock_to_who_has_taken_it(nixos: NixOS, old: str) -> None:
    blocked_recovery(nixos, old)
    asked = nixos.request(nixos.system("nixos-new"))
    thread = threading.Thread(target=deploy, args=(nixos, asked))
    thread.start()
    wait_for(lambda: nixos.calls == ["test slow", "test old"])
    first = int((nixos.state / "runs" / asked.id / "worker").readlink().as_posix().split()[0])
    recovering = nixos.worker_of(asked)
    os.kill(first, signal.SIGSTOP)
    nixos.path("/go").touch()
    wait_for(lambda: is_gone(recovering))
    nixos.hold_lock(os.getpid())
    os.kill(first, signal.SIGCONT)
    thread.join()
    assert deploy(nixos, asked).outcome == "refused"
    assert is_anothers(nixos)
    assert nixos.whole_as == whole(old)


def test_a_recovery_for_a_deployment_that_was_killed_leaves_the_lock_to_who_has_taken_it(
    nixos: NixOS, old: str
) -> None:
    slow = cut_off(nixos)
    nixos.hold_lock(os.getpid())
    nixos.environment["NIX_FLEET_LOCK"] = "killed"
    nixos.program(slow, "recover")
    assert is_anothers(nixos)
    assert nixos.calls == ["test slow"]


def test_a_dead_lock_is_given_up_by_one_at_a_time(nixos: NixOS, old: str) -> None:
    asked = nixos.request(nixos.system("nixos-new", check="echo $PPID > @root@/step; sleep 30"))
    thread = threading.Thread(target=deploy, args=(nixos, asked))
    thread.start()
    wait_for(nixos.path("/step").exists)
    (nixos.live / "takeover").symlink_to(own_name())
    os.kill(nixos.supervisor_of(asked), signal.SIGKILL)
    wait_for((nixos.state / "runs" / asked.id / "outcome").exists, 30)
    assert (nixos.live / "lock").is_symlink()
    nixos.hold_lock(os.getpid())
    (nixos.live / "takeover").unlink()
    thread.join()
    assert is_anothers(nixos)
