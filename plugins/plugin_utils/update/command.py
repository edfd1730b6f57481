# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command lines of Nix that are about a flake as a whole."""

from __future__ import annotations

import json
import typing as t

from ..nix.command import nix
from ..nix.language import string_literal
from ..nix.source import NO_LOCK_FILE

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def update(flake: str, inputs: Sequence[str], output: str) -> list[str]:
    """Return the command that writes the updated lock file to ``output``, and leaves the flake's own as it is."""
    return nix("flake", "update", "--flake", flake, "--output-lock-file", output, "--", *inputs)


def check(flake: str, lock: str | None) -> list[str]:
    """Return the command that runs the flake's checks, with the lock file ``lock`` in place of its own."""
    return nix("flake", "check", *_reference(lock), "--", flake)


def archive(flake: str, lock: str | None) -> list[str]:
    """Return the command that has the flake and all its inputs in the store, and names them."""
    return nix("flake", "archive", "--json", *_reference(lock), "--", flake)


def metadata(flake: str, lock: str | None) -> list[str]:
    """Return the command that says what the flake is, and which inputs it has."""
    return nix("flake", "metadata", "--json", *_reference(lock), "--", flake)


def references(attributes: Sequence[Mapping[str, t.Any]]) -> list[str]:
    """Return the command that prints flake references, given as their attributes, as one JSON list of addresses."""
    expression = f"map builtins.flakeRefToString (builtins.fromJSON {string_literal(json.dumps(list(attributes)))})"
    return nix("eval", "--json", "--expr", expression)


def _reference(lock: str | None) -> list[str]:
    return [NO_LOCK_FILE] if lock is None else ["--reference-lock-file", lock, NO_LOCK_FILE]
