# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell program of an activation, put together from its parts."""

from __future__ import annotations

import pathlib
import shlex
import typing as t

if t.TYPE_CHECKING:
    from .request import Request
    from .verdict import Verdict

# In the order in which they are read: a platform's functions take the place of the general ones.
BEFORE_PLATFORM = ("target", "process", "lock", "journal", "request", "history", "platform")
AT_QUESTION = ("target", "process", "lock", "request", "platform")
ASKING = ("objections", "standing", "settled")
ON_TARGET = ("descendants", "step", "confirmation", "supervisor", "recover", "damage", "standing", "outcome", "main")
FOLLOWING = ("descendants", "step", "confirmation", "standing", "outcome", "claim", "launch", "follow")
AT_BEGIN = (*FOLLOWING, "objections", "begin")
AT_CONFIRMATION = (*FOLLOWING, "confirm")


def begin_script(request: Request) -> str:
    """Return the script that begins the deployment, or finds it begun, and waits for its end.

    The program that goes on without the connection travels inside it, and is a file on the target only once
    there is something to do.
    """
    read_request = shlex.join(["read_request", *request.arguments()])
    return "\n".join(
        [
            _functions(request, AT_BEGIN),
            "write_program() {",
            # Quoted, and not a document within this one: to copy that into a file takes two processes.
            f"printf '%s\\n' {shlex.quote(_functions(request, ON_TARGET))} &&",
            'say own_uid "$own_uid" &&',
            f"printf '%s\\n' {shlex.quote(read_request)} 'main \"$@\"'",
            "}",
            read_request,
            "begin",
            '[ ! -e "$run/log" ] || say log_file "$run/log"',
        ]
    )


def question_script(request: Request, kept_as: str | None) -> str:
    """Return the script that asks whether there is nothing to do: a quarter of the one that would do it.

    ``kept_as`` is the name under which the closure must be kept as what was copied, where that is asked for.
    """
    return "\n".join(
        [
            *map(part, AT_QUESTION),
            request.platform.functions,
            *map(part, ASKING),
            shlex.join(["read_request", *request.arguments()]),
            shlex.join(["ask", kept_as or ""]),
        ]
    )


def request_script(request: Request) -> str:
    """Return the script that knows what is asked for and what that means on the machine, and does nothing."""
    return "\n".join([_functions(request, ()), shlex.join(["read_request", *request.arguments()])])


def confirm_script(deployment: str, verdict: Verdict) -> str:
    """Return the script that brings ``verdict`` on a deployment, and waits for its end."""
    return "\n".join(
        [
            *map(part, BEFORE_PLATFORM + AT_CONFIRMATION),
            shlex.join(["read_request", f"id={deployment}"]),
            shlex.join(["confirm", verdict.word, verdict.reason]),
            '[ ! -e "$run/log" ] || say log_file "$run/log"',
        ]
    )


def part(name: str) -> str:
    """Return the shell functions of the file ``name``."""
    return pathlib.Path(__file__).with_name(f"{name}.sh").read_text(encoding="utf-8")


def _functions(request: Request, parts: t.Sequence[str]) -> str:
    return "\n".join([*map(part, BEFORE_PLATFORM), request.platform.functions, *map(part, parts)])
