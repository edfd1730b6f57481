# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The moments of a deployment at which faults strike. None is guessed by a clock: each says itself that it has come."""

from __future__ import annotations

import dataclasses
import typing as t

from .row import Moment

if t.TYPE_CHECKING:
    from .scene import Scene

# Waits on the controller, wherever a derivation is built: in an evaluation that needs its result, or in a build.
_GATE = """
if [ -d {directory} ]; then
    touch {directory}/reached
    until [ -e {directory}/go ]; do [ -d {directory} ] || exit 1; sleep 0.05; done
fi
"""
# Waits on the target, within an activation. Only where the row has made the gate: not in a later boot, and not for ever.
ACTIVATION_GATE = """
if [ -d {gate} ]; then
    touch {gate}/reached
    while [ -d {gate} ] && [ ! -e {gate}/go ]; do sleep 0.05; done
fi
"""
# Some megabytes that no machine has yet.
PAYLOAD = (
    '({ pkgs, ... }: { environment.etc."payload".source = pkgs.runCommand "payload-{token}" { } '
    "''head -c 4000000 /dev/urandom > $out''; })"
)
THROTTLE = "500kB"


def _reached_here(scene: Scene) -> None:
    scene.run.wait_until((scene.directory / "reached").exists, "the moment")


def _go_here(scene: Scene) -> None:
    (scene.directory / "go").touch()


def _throttle(scene: Scene) -> None:
    scene.lab("throttle", scene.machine.name, THROTTLE)


def _some_has_arrived(scene: Scene) -> None:
    """Wait until a good part of what is copied has passed the line, which is slow; nothing else is as much."""
    begun = scene.machine.carried()
    scene.run.wait_until(lambda: scene.machine.carried() > begun + 600_000, "a copy under way")


def _hold_new_connections(scene: Scene) -> None:
    """Let the run go on in the session that it has, and wait with the new connection that is to confirm."""
    _reached_here(scene)
    scene.lab("refuse", scene.machine.name)
    _go_here(scene)
    scene.wait_for_confirmation_awaited()


def _let_in(scene: Scene) -> None:
    scene.lab("admit", scene.machine.name)


AT_REST = Moment("before it begins")
EVALUATION = Moment(
    "evaluation",
    _reached_here,
    _go_here,
    module='({ pkgs, ... }: { environment.etc."gate".text = builtins.readFile '
    "(pkgs.runCommand \"evaluated-{token}\" { } ''" + _GATE + "echo > \"$out\"''); })",
)
BUILD = Moment(
    "build",
    _reached_here,
    _go_here,
    module='({ pkgs, ... }: { environment.etc."gate".source = '
    "pkgs.runCommand \"built-{token}\" { } ''" + _GATE + "echo > \"$out\"''; })",
)
QUESTION = Moment(
    "right before it is asked whether it runs already",
    _reached_here,
    _go_here,
    hold="Ask the host what it runs",
)
COPY = Moment("copy", _some_has_arrived, prepare=_throttle, module=PAYLOAD)
BEFORE_COPY = Moment("right before the copy", _reached_here, _go_here, hold="Copy", module=PAYLOAD)
BEFORE_ACTIVATION = Moment("right before activation", _reached_here, _go_here, hold="Activate")


def activation_with(module: str) -> Moment:
    """Return the moment at which an activation has come to the gate that a module brings into it."""
    return Moment(
        "activation",
        lambda scene: scene.wait_at_gate(),
        lambda scene: scene.open_gate(),
        prepare=lambda scene: scene.make_gate(),
        module=module,
    )


ACTIVATION = activation_with("{ system.activationScripts.gate = ''" + ACTIVATION_GATE + "''; }")
AWAITING = Moment(
    "awaiting confirmation",
    _hold_new_connections,
    _let_in,
    hold="Activate",
)


def _gated_loader(before: str, after: str) -> str:
    return (
        "({ lib, pkgs, ... }: { system.build.installBootLoader = lib.mkForce (pkgs.writeShellScript \"gated-loader\" ''"
        f"{before}${{pkgs.path}}/nixos/install-bootloader.sh \"$@\" || exit\n{after}''); }})"
    )


# The new system has been confirmed, and its profile has been set; its boot loader has not.
CONFIRMATION = Moment(
    "confirmed, boot loader not yet set",
    lambda scene: scene.wait_at_gate(),
    lambda scene: scene.open_gate(),
    prepare=lambda scene: scene.make_gate(),
    module=_gated_loader(ACTIVATION_GATE, ""),
)
# Its boot loader has, and what ran has not ended yet.
LOADER_WRITTEN = dataclasses.replace(
    CONFIRMATION, name="confirmed, boot loader set", module=_gated_loader("", ACTIVATION_GATE)
)
