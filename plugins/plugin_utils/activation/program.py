# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scripts of an activation, each of which is one round trip."""

from __future__ import annotations

import shlex
import typing as t

from ..target.programs import program

if t.TYPE_CHECKING:
    from .request import Request
    from .verdict import Verdict


def begin_script(request: Request) -> str:
    """Return the script that begins the deployment, or finds it begun, and waits for its end.

    What goes on without the connection is made of the same functions, so that they travel once.
    """
    return "\n".join(
        [
            f"functions={shlex.quote(program('deployment', request.platform))}",
            f"request={shlex.quote(_read(request))}",
            'eval "$functions"',
            'eval "$request"',
            f'begin "$functions" "$request" {shlex.quote(request.settings)}',
        ]
    )


def question_script(request: Request, kept_as: str | None) -> str:
    """Return the script that asks whether there is nothing to do: a quarter of the one that would do it.

    ``kept_as`` is the name under which the closure must be kept as what was copied, where that is asked for.
    """
    return "\n".join(
        [program("question", request.platform), _read(request), shlex.join(["question_ask", kept_as or ""])]
    )


def rollback_script(request: Request) -> str:
    """Return the script that knows where a rollback goes, and does nothing."""
    return "\n".join([program("rollback", request.platform), _read(request)])


def confirm_script(deployment: str, verdict: Verdict, seconds: int) -> str:
    """Return the script that confirms or cancels a deployment, and waits so long for its end."""
    return "\n".join(
        [
            program("confirmation"),
            shlex.join(["request_read", f"id={deployment}"]),
            shlex.join(["confirm", verdict.word, verdict.reason, str(seconds)]),
        ]
    )


def _read(request: Request) -> str:
    return shlex.join(["request_read", *request.arguments()])
