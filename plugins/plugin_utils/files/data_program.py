# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one script that gives a machine its files, has the service take them, and goes back where that does no good."""

from __future__ import annotations

import pathlib
import shlex
import typing as t

from ..health.round import part as health_part
from ..target.programs import program
from .script import FUNCTIONS, PRINTF_IS_ITS_OWN, content_function

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .data_request import Request, RuntimeFile

# As much of an old file is shown as a difference.
SHOWN_BYTES = 64 * 1024
# What stands for the new file in the command that validates it, as with Ansible's own modules.
FILE = "%s"
_APPLY = pathlib.Path(__file__).with_name("apply.sh").read_text(encoding="utf-8")


def script(request: Request, contents: Mapping[RuntimeFile, bytes], *, check: bool, diff: bool) -> str:
    """Return the script; what it answers is read by ``parse_answer``.

    All of it is read before any of it is run, so that it goes on when the connection is gone.
    """
    files = list(enumerate(request.files))
    return "\n".join(
        [
            FUNCTIONS,
            program("processes"),
            health_part("limited"),
            _APPLY,
            *(_file(number, file) for number, file in files),
            *(content_function(number, contents[file]) for number, file in files if not file.absent),
            *(_command(function, words) for function, words in request.commands.items()),
            f"check={int(check)} diff={int(diff)} shown_bytes={SHOWN_BYTES}",
            f"timeout={request.timeout} within={request.within}",
            "{",
            PRINTF_IS_ITS_OWN,
            shlex.join(["apply", *(str(number) for number, _file in files)]),
            # What went wrong has ended it before; that nobody listens any more is no failure.
            "exit 0",
            "}",
            "",
        ]
    )


def _file(number: int, file: RuntimeFile) -> str:
    facts = [file.directory, file.name, file.owner or "", file.group or "", file.mode, file.letters]
    words = shlex.join([str(number), *facts, _yes(file.absent), _yes(file.secret)])
    return f'file_{number}() {{ "$@" {words}; }}'


def _command(function: str, words: Sequence[str]) -> str:
    """Return a function that runs ``words`` for a limited time, with its argument for the new file; without any, it succeeds."""
    if not words:
        return f"{function}() {{ :; }}"
    # What is a program to sh has the file as an argument: its path is no part of the program.
    if words[:2] == ("sh", "-c") and len(words) == 3:
        words = ("sh", "-c", words[2].replace(FILE, '"$1"'), "sh", FILE)
    quoted = " ".join(_with_file(word) for word in words)
    return f'{function}() {{ limited "$timeout" {quoted}; }}'


def _with_file(word: str) -> str:
    return '"${1-}"'.join(shlex.quote(piece) if piece else "" for piece in word.split(FILE)) or "''"


def _yes(value: bool) -> str:
    return "yes" if value else "no"
