# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How every Nix command line begins, how settings reach Nix beside it, and what is in its language.

Settings may be secrets (``access-tokens``), and everyone may read the command lines of a machine: they travel in the
variable ``NIX_CONFIG``, which Nix reads after its files. Of the language there are attribute paths, strings and plain data:
``value_literal`` is for what only Nix reads; ``laid_out`` writes as nixfmt lays out sets and lists, for people to go on editing.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import typing as t

from ..core.errors import EvaluationError, NixError

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Named on each command line, since no machine can be expected to have them enabled.
FEATURES = ("--extra-experimental-features", "nix-command flakes")

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
# What ends a setting in nix.conf, which knows no quotes.
UNWRITABLE = {"\n": "a line break", "\r": "a line break", "\0": "a null character", "#": "a #"}
SETTINGS_FORM = "give names of nix.conf, such as max-jobs, each with a value of one line without comments, or a list"


def nix(*arguments: str, executable: str = "nix") -> list[str]:
    """Return the command line of ``nix`` with ``arguments``."""
    return [executable, *FEATURES, *arguments]


def setting_problem(options: Mapping[str, t.Any]) -> str | None:
    """Return what is wrong with settings of Nix, if anything is, without their values: some are secrets."""
    for name, value in options.items():
        if not NAME.fullmatch(str(name)):
            return f"not the name of a setting: {name!r}"
        elements = value if isinstance(value, (list, tuple)) else [value]
        if any(isinstance(element, (dict, list, tuple)) for element in elements):
            return f"the value of {name} is neither one value nor a list of such"
        if unwritable := next((what for mark, what in UNWRITABLE.items() if mark in setting(value)), None):
            return f"the value of {name} has {unwritable}, which nix.conf cannot hold"
    return None


def configuration(options: Mapping[str, t.Any]) -> str:
    """Return ``options`` as lines of ``nix.conf``.

    Raises ``NixError``, which names no value, where a line would say something else than what is meant.
    """
    if problem := setting_problem(options):
        raise NixError(f"nix_options: {problem}", code="bad_setting", advice=SETTINGS_FORM)
    return "\n".join(f"{name} = {setting(value)}" for name, value in options.items())


def with_settings(environment: Mapping[str, str], options: Mapping[str, t.Any]) -> dict[str, str]:
    """Return what is added to our environment, with ``options`` after the settings that Nix finds in it anyway."""
    if not options:
        return dict(environment)
    earlier = environment.get("NIX_CONFIG", os.environ.get("NIX_CONFIG", ""))
    return {**environment, "NIX_CONFIG": "\n".join(filter(None, [earlier, configuration(options)]))}


def exported(options: Mapping[str, t.Any]) -> str:
    """Return the lines of sh that do the same in a script, which is sent as standard input."""
    if not options:
        return ""
    return f'NIX_CONFIG="${{NIX_CONFIG:-}}\n"{shlex.quote(configuration(options))}\nexport NIX_CONFIG\n'


def setting(value: t.Any) -> str:
    """Return ``value`` as ``nix.conf`` writes it.

    >>> setting(True), setting(["a", "b"]), setting(4), setting(None)
    ('true', 'a b', '4', '')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return " ".join(setting(element) for element in value)
    return str(value)


STEP = re.compile(r'"(?P<quoted>[^"]*)"|(?P<plain>[^."]+)')
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_'-]*")
# What the language keeps for itself, and what means something where it stands alone.
_WORDS = frozenset("assert else if in inherit let or rec then with null true false".split())
NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]+)?")


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
    if isinstance(value, (int, float)):
        # The language has no literal for the least integer, nor for every exponent.
        return repr(value) if NUMBER.fullmatch(repr(value)) else value_literal(value)
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
