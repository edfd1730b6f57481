# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attribute paths, strings and plain data, as Nix reads and writes them.

``value_literal`` is for what only Nix reads; ``laid_out`` writes as nixfmt lays out sets and lists, for people to go on editing.
"""

from __future__ import annotations

import json
import re
import sys
import typing as t

from ..core.errors import EvaluationError, NixError

if t.TYPE_CHECKING:
    from collections.abc import Sequence

STEP = re.compile(r'"(?P<quoted>[^"]*)"|(?P<plain>[^."]+)')
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_'-]*")
# What the language keeps for itself, and what means something where it stands alone.
_WORDS = frozenset("assert else if in inherit let or rec then with null true false".split())
_LEAST, _MOST = -(2**63), 2**63 - 1


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
        code="bad_attribute",
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


def laid_out(value: t.Any, depth: int = 0) -> str:
    """Return ``value`` as Nix reads it back, in lines that begin ``depth`` steps to the right but for the first."""
    if isinstance(value, dict):
        return _enclosed(
            "{", [f"{_name(name)} = {laid_out(item, depth + 1)};" for name, item in value.items()], "}", depth
        )
    if isinstance(value, (list, tuple)):
        return _enclosed("[", [_element(item, depth + 1) for item in value], "]", depth)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float):
        return _real(value)
    if "\0" in value:
        raise NixError(
            f"{value[:40]!r} cannot be written in Nix, whose texts have no zero bytes",
            code="null_character",
            advice="leave it out",
        )
    # No line of it may look like one of the file's own.
    return string_literal(value).replace("\n", "\\n").replace("\t", "\\t")


def _enclosed(begin: str, items: list[str], end: str, depth: int) -> str:
    if not items:
        return f"{begin} {end}"
    step = "  " * (depth + 1)
    return "\n".join([begin, *(f"{step}{item}" for item in items), f"{'  ' * depth}{end}"])


def _element(value: t.Any, depth: int) -> str:
    # In a list, what begins with a sign would be two elements.
    text = laid_out(value, depth)
    return f"({text})" if text.startswith("-") else text


def _name(name: str) -> str:
    return name if PLAIN.fullmatch(name) and name not in _WORDS else laid_out(name)


def _integer(value: int) -> str:
    if not _LEAST <= value <= _MOST:
        raise NixError(
            f"{value} cannot be written in Nix, whose integers have 64 bits",
            code="large_number",
            advice="write it as a text",
        )
    # The sign is an operator, and the number behind it would not fit.
    return f"({_LEAST + 1} - 1)" if value == _LEAST else str(value)


def _real(value: float) -> str:
    if 0 < abs(value) < sys.float_info.min:
        raise NixError(
            f"{value} cannot be written in Nix, which knows no number so small",
            code="small_number",
            advice="write it as a text",
        )
    mantissa, exponent_sign, exponent = repr(value).partition("e")
    return re.sub(r"^(-?\d+)$", r"\1.0", mantissa) + exponent_sign + exponent
