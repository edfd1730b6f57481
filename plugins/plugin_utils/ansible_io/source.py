# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that say what to evaluate and where, turned into the program's terms."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ..nix.command import with_settings
from ..nix.machine import Controller, Machine, Remote
from ..nix.source import Source

if t.TYPE_CHECKING:
    from .action import NixAction

SOURCE_OPTIONS: dict[str, t.Any] = {
    "flake": {"type": "str"},
    "file": {"type": "str"},
    "args": {"type": "dict", "default": {}},
    "override_inputs": {"type": "dict", "default": {}},
    "impure": {"type": "bool", "default": False},
    "nix_options": {"type": "dict", "default": {}},
}


def machine_of(action: NixAction, options: dict[str, t.Any]) -> Machine:
    """Return the machine that the task runs on, with the settings that the options name."""
    settings = options["nix_options"]
    if action.on_controller:
        return Controller(with_settings(action.environment, settings))
    return Remote(action.shell, settings)


def machine_for_secrets(action: NixAction, options: dict[str, t.Any]) -> Machine:
    """Return the same, for commands with what must come to no disk there in their environment."""
    if action.on_controller:
        return machine_of(action, options)
    return Remote(action.shell_for_secrets(None, allow_disk=False), options["nix_options"])


def source_of(action: NixAction, options: dict[str, t.Any]) -> Source:
    """Return the source that the options name; paths of the controller that are relative start at the playbook."""

    base = action._loader.get_basedir()
    flake, file = options["flake"], options["file"]
    overrides = {name: str(reference) for name, reference in options["override_inputs"].items()}
    if action.on_controller and file is not None:
        file = absolute_path(file, base)
    if action.on_controller or options.get("send_flake"):
        flake = absolute_flake(flake, base) if flake is not None else None
        overrides = {name: absolute_flake(reference, base) for name, reference in overrides.items()}
    return Source(
        flake=flake,
        file=file,
        expression=options.get("expr"),
        override_inputs=overrides,
        arguments=options["args"],
        impure=options["impure"],
        options=options["nix_options"],
    )


def absolute_flake(reference: str, base: str) -> str:
    """Return a path as an absolute one, and any other flake reference as it is.

    >>> absolute_flake("./fleet", "/srv/deploy"), absolute_flake("github:o/r", "/srv/deploy")
    ('/srv/deploy/fleet', 'github:o/r')
    """
    return absolute_path(reference, base) if reference.startswith((".", "~")) else reference


def absolute_path(path: str, base: str) -> str:
    """Return ``path`` as an absolute one.

    Links are not resolved: what a link points to may lie outside the Git repository that the link is in.
    """
    return str(Path(base, Path(path).expanduser()))
