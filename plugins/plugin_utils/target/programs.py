# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell that runs on targets: which program is made of which parts, and how its answer is read."""

from __future__ import annotations

import functools
import json
import pathlib
import re
import typing as t

if t.TYPE_CHECKING:
    from ..platforms.platform import Platform

# The head of a function, and what is said of it.
HEAD = re.compile(r"^(\w+\(\) [{(]) # .*$")

# The table, which the pull modules of the Nix side read too. A platform's own functions follow the part `platform`, whose
# functions they take the place of.
PARTS: dict[str, list[str]] = json.loads(pathlib.Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))

# What ends a program that comes on standard input, as stdin_program.sh knows it.
END_OF_PROGRAM = "nix.fleet end of program"


def program(name: str, platform: Platform | None = None) -> str:
    """Return the functions of program ``name`` as they are sent: without comments, for a machine may be far away."""
    return "\n".join(without_comments(text) for text in texts(name, platform))


def calling(name: str, function: str) -> str:
    """Return program ``name`` as a script that hands its arguments to ``function``."""
    return f'{program(name)}\n{function} "$@"\n'


def from_stdin(script: str, *arguments: str) -> tuple[list[str], bytes]:
    """Return the command that runs ``script``, and what its standard input begins with; the rest of it is the script's to read.

    The command is one line, which any login shell takes.
    """
    start = "; ".join(program("stdin_program").splitlines())
    return ["sh", "-c", start, "nix.fleet", *arguments], f"{script}\n{END_OF_PROGRAM}\n".encode()


def texts(name: str, platform: Platform | None = None) -> list[str]:
    """Return the parts of program ``name`` as they stand in their files, in their order."""
    found = []
    for each in PARTS[name]:
        found.append(part(each))
        if each == "platform" and platform is not None:
            found.append(platform.functions)
    return found


@functools.cache
def part(name: str) -> str:
    """Return the file ``name``.sh of this directory."""
    return pathlib.Path(__file__).with_name(f"{name}.sh").read_text(encoding="utf-8")


@functools.cache
def without_comments(text: str) -> str:
    """Return ``text`` without comments, empty lines and indentation; no part has any of them in a quoted text that matters."""
    lines = (HEAD.sub(r"\1", line.strip()) for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#"))


def fields_and_log(text: str) -> tuple[dict[str, list[str]], str]:
    """Return the values of each key in an answer's lines ``key=value``, in their order, and the log that follows them.

    Whoever wrote them is not trusted.
    """
    fields: dict[str, list[str]] = {}
    log = []
    for line in text.split("\n"):
        key, equals, value = line.partition("=")
        if key == "log" and equals:
            log.append(value)
        elif equals and re.fullmatch("[a-z_]+", key):
            fields.setdefault(key, []).append(value.rstrip("\r"))
    return fields, "\n".join(log)


def number(text: t.Any) -> int | None:
    """Return ``text`` as a number that a machine may sensibly have counted to, else None."""
    return int(text) if re.fullmatch("[0-9]{1,18}", str(text)) else None
