# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine that is not back always has one deployment that is to bring it back, whatever others begin and do not finish."""

from __future__ import annotations

import os
import signal
import typing as t

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import cancelled, confirm_script, deploy

from .interrupting import awaiting, children_of, custom, guard_of, is_gone, not_back
from .nixos import NixOS, wait_for, whole

if t.TYPE_CHECKING:
    from ansible_collections.nix.fleet.plugins.plugin_utils.activation.request import Request


def can_go_back(nixos: NixOS) -> None:
    nixos.path("/no-way-back").unlink()


def guard_killed(nixos: NixOS, request: Request) -> None:
    """Kill who would try again, with what it tries."""
    guard = guard_of(nixos, request)
    os.kill(guard, signal.SIGSTOP)
    family = [*children_of(guard), guard]
    for process in family:
        os.kill(process, signal.SIGKILL)
    wait_for(lambda: all(is_gone(process) for process in family))


def cancel(nixos: NixOS, request: Request) -> None:
    nixos.run(confirm_script(request.id, cancelled("not wanted"), 30))


def test_the_same_system_that_is_rejected_again_takes_no_way_back_away(nixos: NixOS, stuck: str) -> None:
    first = not_back(nixos)
    second = awaiting(nixos, first.closure, lock_timeout=600)
    cancel(nixos, second)
    assert nixos.journal[-1]["outcome"] == "failed"
    can_go_back(nixos)
    wait_for(lambda: nixos.whole_as == whole(stuck), 30)


def test_the_same_system_that_fails_when_it_is_tried_again_takes_no_way_back_away(nixos: NixOS, stuck: str) -> None:
    first = not_back(nixos)
    program = nixos.path(f"{first.closure}/bin/switch-to-configuration")
    program.write_text(program.read_text().replace("test)", "test) exit 2;"))
    assert deploy(nixos, nixos.request(first.closure, lock_timeout=600)).outcome == "failed"
    can_go_back(nixos)
    wait_for(lambda: nixos.whole_as == whole(stuck), 30)


def test_who_is_told_to_stop_before_anything_was_touched_takes_no_way_back_away(nixos: NixOS, stuck: str) -> None:
    not_back(nixos)
    nix_store = nixos.tool("nix-store")
    nix_store.rename(nix_store.with_name("nix-store-itself"))
    # It is in the middle of recording what there is.
    nixos.replace_tool(
        "nix-store",
        f'case $* in */closure\\ *) : >"{nixos.root}/recording"; until [ -e "{nixos.root}/go" ]; do sleep 0.05; done ;; esac\n'
        f'exec {nix_store}-itself "$@"',
    )
    asked = nixos.request(nixos.system("nixos-new"), lock_timeout=600)
    thread = nixos.deploying(asked)
    wait_for(nixos.path("/recording").exists)
    os.kill(nixos.supervisor_of(asked), signal.SIGTERM)
    nixos.path("/go").touch()
    thread.join()
    assert deploy(nixos, asked).outcome == "refused"
    can_go_back(nixos)
    wait_for(lambda: nixos.whole_as == whole(stuck), 30)


def test_who_comes_next_brings_back_for_one_whose_guard_is_gone(nixos: NixOS, stuck: str) -> None:
    guard_killed(nixos, not_back(nixos))
    can_go_back(nixos)
    tool = nixos.closure("tool", bin__activate="echo tool >> @root@/calls")
    assert deploy(nixos, custom(nixos, tool)).outcome == "activated"
    assert nixos.whole_as == whole(stuck)


def test_one_whose_guard_is_gone_is_tried_again_after_who_comes_next(nixos: NixOS, stuck: str) -> None:
    guard_killed(nixos, not_back(nixos))
    bad = nixos.request(nixos.system("nixos-bad", trouble="exit 2"))
    assert deploy(nixos, bad).outcome == "rolled_back"
    can_go_back(nixos)
    wait_for(lambda: nixos.whole_as == whole(stuck), 30)
