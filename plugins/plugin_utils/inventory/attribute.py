# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attribute paths of a flake, as Nix's command line reads them."""

from __future__ import annotations

import re
import typing as t

from .fields import Check, quoted

if t.TYPE_CHECKING:
    from collections.abc import Sequence

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_'-]*")
_STEP = re.compile(r'"(?P<quoted>[^"]*)"|(?P<plain>[^."]+)')
# What ends a quoted step, or would mean something else where the path is read as an expression.
_UNSPEAKABLE = re.compile(r'["\\\x00-\x1f\x7f]|\$\{')

_ANYWHERE = Check("attribute path")

_BUILT: dict[str, tuple[str, tuple[str, ...]]] = {
    "nixos": ("nixosConfigurations", ("config", "system", "build", "toplevel")),
    "darwin": ("darwinConfigurations", ("system",)),
    "nix-on-droid": ("nixOnDroidConfigurations", ("activationPackage",)),
    "home-manager": ("homeConfigurations", ("activationPackage",)),
}
CONFIGURATIONS = {output: platform for platform, (output, _rest) in _BUILT.items()}


def attribute_path(steps: Sequence[str], check: Check = _ANYWHERE) -> str:
    """Return ``steps`` as an attribute path, each quoted where Nix needs that."""
    for step in steps:
        if not step or _UNSPEAKABLE.search(step):
            raise check.failure(
                f"{quoted(step)} cannot be named in an attribute path; choose a name without double quotes, backslashes, "
                "${ and control characters"
            )
    return ".".join(step if _PLAIN.fullmatch(step) else f'"{step}"' for step in steps)


def steps_of(path: str) -> tuple[str, ...]:
    """Return the steps of an attribute path as a user writes it behind ``#``."""
    steps: list[str] = []
    position = 0
    while position <= len(path):
        step = _STEP.match(path, position)
        if step is None or path[step.end() : step.end() + 1] not in ("", "."):
            raise _ANYWHERE.failure(f"{quoted(path)} cannot be read; write it as NAME.NAME")
        steps.append(step["quoted"] if step["quoted"] is not None else step["plain"])
        position = step.end() + 1
    attribute_path(steps)
    return tuple(steps)


def built_attribute(platform: str, configuration: str, check: Check) -> str:
    """Return what is built for a ``configuration`` among the flake's standard outputs."""
    output, rest = _BUILT[platform]
    return attribute_path((output, configuration, *rest), check)
