# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that say what to evaluate and where, turned into the program's terms."""

from __future__ import annotations

import dataclasses
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
    if action.on_controller:
        return controller(action, options)
    return Remote(action.shell, options["nix_options"])


def controller(action: NixAction, options: dict[str, t.Any]) -> Controller:
    """Return the controller with the same settings, wherever the task runs."""
    return Controller(with_settings(action.environment, options["nix_options"]))


def machine_for_secrets(action: NixAction, options: dict[str, t.Any]) -> Machine:
    """Return the same, for commands with what must come to no disk there in their environment."""
    if action.on_controller:
        return machine_of(action, options)
    return Remote(action.shell_for_secrets(None, allow_disk=False), options["nix_options"])


def source_of(action: NixAction, options: dict[str, t.Any]) -> Source:
    """Return the source that the options name, on the machine that the task runs on."""
    if action.on_controller:
        return source_on_controller(action, options)
    source = _source(options)
    if not options.get("send_flake"):
        return source
    return dataclasses.replace(_at_home(source, action), file=source.file)


def source_on_controller(action: NixAction, options: dict[str, t.Any]) -> Source:
    """Return the same of the controller, where paths that are relative start at the playbook."""
    return _at_home(_source(options), action)


def _source(options: dict[str, t.Any]) -> Source:
    return Source(
        flake=options["flake"],
        file=options["file"],
        expression=options.get("expr"),
        override_inputs={name: str(reference) for name, reference in options["override_inputs"].items()},
        arguments=options["args"],
        impure=options["impure"],
        options=options["nix_options"],
    )


def _at_home(source: Source, action: NixAction) -> Source:
    base = action._loader.get_basedir()
    return dataclasses.replace(
        source,
        flake=None if source.flake is None else absolute_flake(source.flake, base),
        file=None if source.file is None else absolute_path(source.file, base),
        override_inputs={name: absolute_flake(reference, base) for name, reference in source.override_inputs.items()},
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
