# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments of one machine never run together, and one asked for twice is begun once."""

from __future__ import annotations

import threading
import typing as t

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import deploy

from .nixos import NixOS

if t.TYPE_CHECKING:
    from ansible_collections.nix.fleet.plugins.plugin_utils.activation.answer import Answer


def test_a_second_deployment_is_refused_and_told_whose_the_first_is(nixos: NixOS, old: str) -> None:
    slow = nixos.request(nixos.system("nixos-slow", trouble="sleep 2"))
    thread = nixos.start(slow)
    answer = nixos.deploy(nixos.system("nixos-new"))
    assert (answer.outcome, "alice@laptop" in answer.cause, slow.id in answer.cause) == ("refused", True, True)
    thread.join()
    assert nixos.boots == "slow"


def test_two_at_once_never_run_together(nixos: NixOS, old: str) -> None:
    answers: list[Answer] = []
    systems = [nixos.system(f"nixos-{name}", trouble="sleep 1") for name in ("a", "b", "c")]
    threads = [
        threading.Thread(target=lambda system=system: answers.append(nixos.deploy(system))) for system in systems
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.outcome for answer in answers).count("activated") >= 1
    calls = nixos.calls
    assert [call.split()[1] for call in calls[::2]] == [call.split()[1] for call in calls[1::2]]


def test_asking_again_waits_for_what_was_begun_and_begins_nothing(nixos: NixOS, old: str) -> None:
    slow = nixos.request(nixos.system("nixos-slow", trouble="sleep 1"))
    thread = nixos.start(slow)
    assert deploy(nixos, slow).outcome == "activated"
    thread.join()
    assert nixos.calls == ["test slow", "boot slow"]
    assert deploy(nixos, slow).outcome == "activated"
