# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One reboot from the request to the machine that is up again, on the system that it was to come back on."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from ..core.errors import RebootError
from ..core.shell import ConnectionLostError
from ..nix.store import store_path_name
from .program import Asked, State, ask_script, parse_asked, parse_state, state_script

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ..core.shell import ScriptLink
    from .program import Request

PAUSE_SECONDS = 1.0


@dataclasses.dataclass(frozen=True)
class Reboot:
    """What became of the request; ``seen`` and ``seconds`` are of a reboot that took place."""

    asked: Asked
    seen: State | None = None
    seconds: float | None = None

    def to_result(self) -> dict[str, t.Any]:
        """Return the fields of a module's result."""
        asked, seen = self.asked, self.seen
        now = seen.boot_id if seen else None if asked.reboots else asked.boot_id
        return {
            "required": bool(asked.reasons),
            "reasons": list(asked.reasons),
            "rebooted": now not in (None, asked.boot_id),
            "boot_id": {"before": asked.boot_id, "after": now},
            "expected": asked.expected,
            "running": seen.running if seen else asked.running,
            "units_failed": list(seen.units_failed) if seen else [],
            "seconds": None if self.seconds is None else round(self.seconds, 1),
        }


def reboot(
    link: ScriptLink,
    fresh: ScriptLink,
    request: Request,
    *,
    say: Callable[[str], None] = lambda text: None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Reboot:
    """Have the machine reboot if it is to, and return once it is up again.

    ``link`` brings the request, and ``fresh`` makes a connection of its own each time the machine is asked for its state: one from
    before the reboot would be as silent as a machine that is down.
    """
    begin = clock()
    deadline = begin + request.delay + request.timeout
    asked = _ask(link, request, deadline, sleep, clock)
    if asked.refused is not None:
        raise RebootError(asked.refused, code="refused", advice=asked.advice, **Reboot(asked).to_result())
    if not asked.reboots:
        return Reboot(asked)
    say(f"reboots into {_name(asked.expected)}; it has {request.timeout} s to come back")
    link.renew()
    seen = _wait(fresh, request, asked, deadline, sleep, clock)
    done = Reboot(asked, seen, clock() - begin)
    if seen.running != asked.expected:
        raise _elsewhere(done)
    return done


def _ask(
    link: ScriptLink, request: Request, deadline: float, sleep: Callable[[float], None], clock: Callable[[], float]
) -> Asked:
    while True:
        try:
            completed = link.run(ask_script(request))
            break
        except ConnectionLostError as error:
            if clock() > deadline:
                raise RebootError(
                    f"the connection was lost and the machine did not come back within {request.timeout} s: {error}",
                    code="lost",
                    advice="look at its console",
                ) from error
            sleep(PAUSE_SECONDS)
            link.renew()
    asked = parse_asked(completed.stdout)
    if asked.boot_id is None and asked.refused is None:
        raise RebootError(
            "the machine does not say which boot it is in",
            code="no_answer",
            log="\n".join([completed.stdout[-4000:], completed.stderr]),
            advice="look at the machine with nix.fleet.nix_info",
        )
    return asked


def _wait(
    fresh: ScriptLink,
    request: Request,
    asked: Asked,
    deadline: float,
    sleep: Callable[[float], None],
    clock: Callable[[], float],
) -> State:
    """Return what is seen of the machine once it is up in another boot; raise when that does not come to pass."""
    script = state_script(request, asked.boot_id or "")
    seen: State | None = None
    while True:
        sleep(PAUSE_SECONDS)
        fresh.renew()
        try:
            seen = parse_state(fresh.run(script).stdout)
            trouble = _trouble(asked, seen)
        except ConnectionLostError as error:
            trouble = f"it cannot be reached: {error}"
        if trouble is None and seen is not None:
            return seen
        if seen is not None and seen.failed and seen.boot_id == asked.boot_id:
            raise RebootError(
                seen.failed, code="not_rebooted", advice="look at the machine", **Reboot(asked, seen).to_result()
            )
        if clock() > deadline:
            raise _away(request, Reboot(asked, seen), trouble or "")


def _trouble(asked: Asked, seen: State) -> str | None:
    if seen.boot_id is None:
        return "it does not say which boot it is in"
    if seen.boot_id == asked.boot_id:
        return f"it answers, and has not rebooted{f' ({seen.unfinished})' if seen.unfinished else ''}"
    return f"it has rebooted, and is not up yet: {seen.unfinished}" if seen.unfinished else None


def _away(request: Request, so_far: Reboot, trouble: str) -> RebootError:
    result = so_far.to_result()
    return RebootError(
        f"the machine was not back within {request.timeout} s: {trouble}",
        code="timeout",
        advice="look at its console; it may still come back, and nix.fleet.nix_info says on what",
        **result,
        changed=True,
    )


def _elsewhere(done: Reboot) -> RebootError:
    asked, seen = done.asked, t.cast("State", done.seen)
    found = f"runs {seen.running or 'nothing that was deployed'}, and not {asked.expected}"
    if seen.booted == asked.expected:
        cause = f"the machine was booted with the right system, but {found}: something has activated it since"
    else:
        cause = f"the machine came back on another system: it {found}"
    return RebootError(
        cause,
        code="other_system",
        advice="find out why the boot loader chose it: its default entry, a one-time choice, or boot counting that gave up",
        **done.to_result(),
        changed=True,
    )


def _name(closure: str | None) -> str:
    return store_path_name(closure) if closure else "its default system"
