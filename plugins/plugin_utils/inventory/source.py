# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a source of nodes is. A new one is a file with a ``Source`` in it, and a line in ``sources.py``."""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .node import Node


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where data came from."""

    # The file or flake, for messages.
    place: str
    # The flake that the configurations are built of.
    flake: str | None = None
    # The output that the user named, if any.
    attribute: tuple[str, ...] | None = None
    # What it takes to read the place again.
    reading: Mapping[str, t.Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Source:
    """One way in which a fleet may be written down."""

    name: str
    # What it looks for in a flake, for messages.
    looks_for: str
    # A Nix function { outputs, value }: of the flake's outputs, and of the value that the user named (or null), to
    # plain data, or to null where there is none of this kind. `at` and `plain` of evaluation.py are in scope.
    expression: str
    # What nodes those data are.
    nodes: Callable[[t.Any, Origin], tuple[Node, ...]]
    # Files beside the inventory file that are read when no option names a place.
    files: tuple[str, ...] = ()
