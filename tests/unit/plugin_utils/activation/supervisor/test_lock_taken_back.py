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


def test_who_goes_back_for_another_does_not_give_its_lock_up(nixos: NixOS, old: str) -> None:
    slow = cut_off(nixos)
    nixos.path("/repaired").touch()
    lock = nixos.live / "lock"
    noted = f'readlink "{lock}" | grep "^id=" >> "{nixos.root}/given-up"'
    nixos.replace_tool("rm", f'case "$*" in *"{lock}") {noted} ;; esac; exec {{rm}} "$@"')
    asked = nixos.request(nixos.system("nixos-new"))
    assert deploy(nixos, asked).outcome == "activated"
    assert nixos.path("/given-up").read_text().split() == [f"id={slow.id}", f"id={asked.id}"]


def test_who_comes_late_to_finish_what_is_about_to_end_leaves_the_lock_to_it(nixos: NixOS, old: str) -> None:
    ends = f': > "{nixos.root}/ends"; until [ -e "{nixos.root}/go" ]; do sleep 0.05; done'
    nixos.replace_tool("rm", f'case "$*" in *./settings*) {ends} ;; esac; exec {{rm}} "$@"')
    asked = nixos.request(nixos.system("nixos-new"))
    thread = threading.Thread(target=deploy, args=(nixos, asked))
    thread.start()
    wait_for(nixos.path("/ends").exists)
    nixos.program(asked, "recover")
    assert (nixos.live / "lock").is_symlink()
    nixos.path("/go").touch()
    thread.join()
    assert not (nixos.live / "lock").is_symlink()
