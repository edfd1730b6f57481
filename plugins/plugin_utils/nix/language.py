# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attribute paths and strings, as Nix reads and writes them."""

from __future__ import annotations

import json
import re
import typing as t

from ..core.errors import EvaluationError

if t.TYPE_CHECKING:
    from collections.abc import Sequence

STEP = re.compile(r'"(?P<quoted>[^"]*)"|(?P<plain>[^."]+)')
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_'-]*")


def attribute_steps(path: str) -> tuple[str, ...]:
    """Return the names in an attribute path; a name in double quotes is taken as it is, dots included.

    >>> attribute_steps('homeConfigurations."alice@workstation.lan".activationPackage')
    ('homeConfigurations', 'alice@workstation.lan', 'activationPackage')
    """
    steps: list[str] = []
    position = 0
    while path:
        step = STEP.match(path, position)
        if step is None:
            break
        steps.append(step["plain"] if step["quoted"] is None else step["quoted"])
        position = step.end()
        if position == len(path):
            return tuple(steps)
        if path[position] != ".":
            break
        position += 1
    if not path:
        return ()
    raise EvaluationError(
        f"not an attribute path: {path!r}",
        advice="separate names by dots, and put a name that has a dot in it in double quotes",
    )


def attribute_path(steps: Sequence[str]) -> str:
    """Return ``steps`` as Nix's command line takes them.

    >>> attribute_path(["nixosConfigurations", "db.example", "config"])
    'nixosConfigurations."db.example".config'
    """
    return ".".join(step if PLAIN.fullmatch(step) else f'"{step}"' for step in steps)


def string_literal(text: str) -> str:
    """Return ``text`` as a string in the Nix language, in which nothing of it is code.

    >>> print(string_literal('a "b" ${c}'))
    "a \\"b\\" \\${c}"
    """
    # A bare carriage return in a literal would be read as a line feed.
    escapes = {"\\": "\\\\", '"': '\\"', "$": "\\$", "\r": "\\r"}
    return '"' + "".join(escapes.get(character, character) for character in text) + '"'


def value_literal(value: t.Any) -> str:
    """Return plain data as an expression of the Nix language, in which nothing of it is code."""
    return f"(builtins.fromJSON {string_literal(json.dumps(value))})"
