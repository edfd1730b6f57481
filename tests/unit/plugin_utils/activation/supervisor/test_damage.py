# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a loss of power has damaged is named and brought anew, and looking for it takes its time from nobody."""

from __future__ import annotations

import os
import signal
import time

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import cancelled, confirm, deploy

from ..machine import NIX_STORE
from .interrupting import awaiting
from .nixos import NixOS, wait_for, whole

# Every closure is all that it needs, and each that is verified is found modified. As Nix does, it takes for being in use what
# the environment of any process names.
DAMAGED_STORE = f"""
case "$1 $2" in
    '--query --requisites') echo "$3" ;;
    --verify-path*) shift; VERIFY; for path; do echo "path '$path' was modified! expected hash 'x', got 'y'" >&2; done; exit 1 ;;
    --delete*)
        ! grep -qF "$2" /proc/[0-9]*/environ 2>/dev/null || exit 1
        echo "$*" >> @root@/deleted
        ;;
    *)
        {NIX_STORE.partition(chr(10))[2]}
        ;;
esac
"""


def damage(nixos: NixOS, *, verify: str = ":") -> None:
    """Have all that is new on the machine damaged."""
    nixos.replace_tool("nix-store", nixos.here(DAMAGED_STORE.replace("VERIFY", verify)))


def test_what_is_damaged_is_named_and_deleted(nixos: NixOS, old: str) -> None:
    damage(nixos)
    bad = nixos.system("nixos-bad", trouble="exit 2")
    answer = nixos.deploy(bad)
    assert (answer.outcome, nixos.whole_as) == ("rolled_back", whole(old))
    assert f"damaged on this machine: {bad}" in answer.cause
    assert "now deleted" in answer.cause
    assert nixos.there(nixos.path("/deleted").read_text()) == f"--delete {bad}\n"


def test_looking_for_damage_has_an_end(nixos: NixOS, old: str) -> None:
    damage(nixos, verify="sleep 30")
    began = time.monotonic()
    answer = nixos.deploy(nixos.system("nixos-bad", trouble="exit 2"), activation_timeout=2)
    assert (answer.outcome, "damaged" in answer.cause) == ("rolled_back", False)
    assert time.monotonic() - began < 25
    assert nixos.whole_as == whole(old)


def test_who_stops_a_deployment_waits_for_no_search(nixos: NixOS, old: str) -> None:
    damage(nixos)
    slow = nixos.request(nixos.system("nixos-slow", trouble=': > "$root/begun"; sleep 30'))
    thread = nixos.start(slow)
    wait_for(nixos.path("/begun").exists)
    os.kill(nixos.supervisor_of(slow), signal.SIGTERM)
    thread.join()
    answer = deploy(nixos, slow)
    assert (answer.outcome, "damaged" in answer.cause) == ("rolled_back", False)


def test_what_was_rejected_in_the_boot_that_brought_it_is_not_searched_for_damage(nixos: NixOS, old: str) -> None:
    damage(nixos)
    request = awaiting(nixos, nixos.system("nixos-new"))
    answer = confirm(nixos, request.id, cancelled("no"), 60)
    assert (answer.outcome, "damaged" in answer.cause) == ("rolled_back", False)
    assert not nixos.path("/deleted").exists()
