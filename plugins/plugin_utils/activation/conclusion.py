# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a deployment that awaits a verdict: brought over a new connection, or not at all."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from ..core.shell import ConnectionLostError
from .answer import parse_answer
from .deployment import RETRY_SECONDS, checked, unreachable
from .program import confirm_script

if t.TYPE_CHECKING:
    from ..core.shell import ScriptLink
    from .answer import Answer
    from .verdict import Verdict


# What a busy machine may take to let somebody in, however short the patience.
LOOK_SECONDS = 30.0
# What it takes at most to answer over a slow line.
ANSWER_SECONDS = 10


def longest_look(patience: float) -> float:
    """Return after how many seconds one attempt of ``conclude`` is given up: so early that there is time for another."""
    return max(patience / 2, LOOK_SECONDS)


def conclude(
    link: ScriptLink,
    deployment: str,
    verdict: Verdict,
    patience: float,
    *,
    say: t.Callable[[str], None] = lambda text: None,
    sleep: t.Callable[[float], None] = time.sleep,
    clock: t.Callable[[], float] = time.monotonic,
) -> Answer:
    """Bring ``verdict`` on what a deployment has activated, and return how it ended.

    That ``link`` is new is what the verdict is worth. A machine that cannot be reached goes back by itself and can be
    asked then, so it is tried for ``patience`` seconds. Each attempt must end within
    ``longest_look`` of them. What the trouble was is part of the answer's cause.
    """
    # So early that the machine itself says that its supervisor does not answer.
    script = confirm_script(deployment, verdict, max(1, round(longest_look(patience)) - ANSWER_SECONDS))
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
                raise unreachable(deployment, error) from error
            if trouble is None:
                say(
                    "it cannot be reached anew; unless the verdict has arrived, it goes back by itself: trying again"
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
