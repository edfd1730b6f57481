# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One deployment from its beginning to its end, whatever happens to the connection in between."""

from __future__ import annotations

import time
import typing as t

from ..core.errors import ActivationError
from ..core.shell import ConnectionLostError
from .answer import Answer, parse_answer
from .program import begin_script

if t.TYPE_CHECKING:
    from ..core.process import Completed
    from ..core.shell import ScriptLink
    from .request import Request

# How long a machine may stay away after its deployment must have ended: longer than a reboot takes.
PATIENCE_SECONDS = 120
RETRY_SECONDS = 3


def deploy(
    link: ScriptLink,
    request: Request,
    *,
    say: t.Callable[[str], None] = lambda text: None,
    sleep: t.Callable[[float], None] = time.sleep,
    clock: t.Callable[[], float] = time.monotonic,
) -> Answer:
    """Begin the deployment on the target and return how it ended, or that it awaits a verdict.

    The same script goes out again after a lost connection: it begins nothing twice, but waits for what it began.
    """
    # By then it has ended by itself: the activation, and going back after it.
    deadline = (
        clock() + 2 * request.activation_timeout + request.confirm_timeout + request.lock_timeout + PATIENCE_SECONDS
    )
    script = begin_script(request)
    losses = 0
    while True:
        try:
            return checked(link.run(script), request.id)
        except ConnectionLostError as error:
            if clock() > deadline:
                raise unreachable(request.id, error) from error
            losses += 1
            if losses == 1:
                say("the connection was lost; the activation goes on on the target, trying to reach it again")
            sleep(RETRY_SECONDS)
            link.renew()


def longest(request: Request) -> float:
    """Return after how many seconds a machine that has not answered never will.

    Several steps have the time of an activation, on the way there and back. Few take any of it.
    """
    return 4.0 * request.activation_timeout + request.confirm_timeout + request.lock_timeout + PATIENCE_SECONDS


def checked(completed: Completed, deployment: str) -> Answer:
    """Return the target's answer; raise when there is none."""
    answer = parse_answer(completed.stdout)
    if answer.outcome == "unknown":
        raise ActivationError(
            answer.cause or "the activation's supervisor did not say how it ended",
            code="no_answer",
            log=answer.log or "\n".join([completed.stdout[-4000:], completed.stderr]),
            advice=answer.advice or f"look at the machine with nix.fleet.nix_info; this was deployment {deployment}",
            **details(deployment, answer),
        )
    return answer


def details(deployment: str, answer: Answer) -> dict[str, t.Any]:
    """Return what an error says of ``answer`` besides its own fields."""
    return {key: value for key, value in answer.to_result().items() if key != "log"} | {
        "id": deployment,
        "run": (answer.journal or {}).get("run"),
    }


def unreachable(deployment: str, error: ConnectionLostError) -> ActivationError:
    """Return the error of a machine that did not come back."""
    return ActivationError(
        f"the connection was lost and the machine did not come back: {error}",
        code="unreachable",
        advice=(
            f"deployment {deployment} ends on the target by itself; its journal will tell how (nix.fleet.nix_info)"
        ),
        outcome="unknown",
        id=deployment,
    )
