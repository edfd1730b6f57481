# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One deployment from its beginning to its confirmation, whatever happens to the connection in between."""

from __future__ import annotations

import dataclasses
import shlex
import time
import typing as t

from ..core.errors import ActivationError
from ..core.process import ConnectionLostError
from ..target.programs import program
from .answer import Answer, details, parse_answer
from .request import begin_script, one_line, question_script, read_script

if t.TYPE_CHECKING:
    from ..core.process import Completed, ScriptLink, Shell
    from .request import Request

# How long a machine may stay away after its deployment must have ended: longer than a reboot takes.
PATIENCE_SECONDS = 120
RETRY_SECONDS = 3
# What a busy machine may take to let somebody in, however short the patience.
ATTEMPT_SECONDS = 30.0
# What it takes at most to answer over a slow line.
ANSWER_SECONDS = 10


def up_to_date(shell: Shell, request: Request, *, gc_root: str | None = None) -> Answer | None:
    """Return the answer of a machine that has nothing to do, in one round trip; None where there is any doubt.

    With ``gc_root``, the closure must also be kept from the garbage collector as what was copied under that name, so
    that a copy would find nothing to do either. Raises what ``shell`` raises.
    """
    # What begins something even so, or is to say more than that there is nothing to do.
    if request.rollback is not None or request.install_bootloader or request.goal == "dry-activate":
        return None
    answer = parse_answer(shell.run(question_script(request, gc_root)).stdout)
    return answer if answer.outcome == "unchanged" else None


def deploy(
    link: ScriptLink,
    request: Request,
    *,
    say: t.Callable[[str], None] = lambda text: None,
    sleep: t.Callable[[float], None] = time.sleep,
    clock: t.Callable[[], float] = time.monotonic,
) -> Answer:
    """Begin the deployment on the target and return how it ended, or that it awaits its confirmation.

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
                raise unreachable(
                    request.id, f"the connection was lost and the machine did not come back: {error}"
                ) from error
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
            advice=answer.advice or f"see with nix.fleet.status what it runs; this was deployment {deployment}",
            **details(deployment, answer),
        )
    return answer


def unreachable(deployment: str, cause: str) -> ActivationError:
    """Return the error of a machine that did not come back."""
    return ActivationError(
        cause,
        code="unreachable",
        advice=(
            f"deployment {deployment} ends on the target by itself; its journal tells how (nix.fleet.status), and where it"
            " does not, its supervisor may have been stopped: get in by the console, and look at it with ps (kill -CONT)"
        ),
        outcome="unknown",
        id=deployment,
    )


@dataclasses.dataclass(frozen=True)
class Confirmation:
    """Whether a new system stays; the target knows the status."""

    status: str
    reason: str = ""


CONFIRMED = Confirmation("confirmed")


def cancelled(reason: str) -> Confirmation:
    """Return what sends a machine back to the system it ran before, for a reason that is told to people."""
    return Confirmation("cancelled", one_line(reason) or "no reason was given")


def longest_attempt(patience: float) -> float:
    """Return after how many seconds one attempt of ``confirm`` is given up: so early that there is time for another."""
    return max(patience / 2, ATTEMPT_SECONDS)


def confirm(
    link: ScriptLink,
    deployment: str,
    confirmation: Confirmation,
    patience: float,
    *,
    say: t.Callable[[str], None] = lambda text: None,
    sleep: t.Callable[[float], None] = time.sleep,
    clock: t.Callable[[], float] = time.monotonic,
) -> Answer:
    """Confirm or cancel what a deployment has activated, and return how it ended.

    That ``link`` is new is what a confirmation is worth. A machine that cannot be reached goes back by itself and can be
    asked then, so it is tried for ``patience`` seconds. Each attempt must end within
    ``longest_attempt`` of them. What the trouble was is part of the answer's cause.
    """
    # So early that the machine itself says that its supervisor does not answer.
    script = confirm_script(deployment, confirmation, max(1, round(longest_attempt(patience)) - ANSWER_SECONDS))
    deadline = clock() + patience
    trouble: ConnectionLostError | None = None
    while True:
        try:
            completed = link.run(script)
            if parse_answer(completed.stdout).silent and clock() < deadline:
                continue
            answer = checked(completed, deployment)
        except ConnectionLostError as error:
            if clock() > deadline:
                raise unreachable(deployment, f"the machine could not be reached anew: {error}") from error
            if trouble is None:
                say(
                    "it cannot be reached anew; unless the confirmation has arrived, it goes back by itself: trying again"
                    f" ({_short(error)})"
                )
            trouble = error
            sleep(RETRY_SECONDS)
            link.renew()
        else:
            return answer if answer.good or trouble is None else _explained(answer, trouble)


def _explained(answer: Answer, trouble: ConnectionLostError) -> Answer:
    return dataclasses.replace(answer, cause=f"{answer.cause} ({_short(trouble)})")


def _short(trouble: ConnectionLostError) -> str:
    """Return ssh's own reason: the last line, after its banners, and what follows Ansible's introduction to it."""
    lines = [line.strip() for line in str(trouble).splitlines() if line.strip()]
    return lines[-1].rpartition("can be reached over ssh: ")[2].rstrip(".")[:300] if lines else "no reason was given"


def confirm_script(deployment: str, confirmation: Confirmation, seconds: int) -> str:
    """Return the script that confirms or cancels a deployment, and waits so long for its end."""
    return "\n".join(
        [
            program("confirmation"),
            read_script([f"id={deployment}"]),
            shlex.join(["confirm", confirmation.status, confirmation.reason, str(seconds)]),
        ]
    )
