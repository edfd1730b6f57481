# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine reboots once, and is waited for until it is back: the request, the programs that it needs, and their answers."""

from __future__ import annotations

import dataclasses
import re
import shlex
import time
import typing as t

from ..activation.request import LONGEST_SECONDS, PROFILE, one_line
from ..core.errors import RebootError
from ..core.process import ConnectionLostError
from ..nix.store import is_store_path, store_path, store_path_name
from ..target.programs import fields_and_log, program

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ..activation.request import Origin
    from ..core.process import ScriptLink
    from ..platforms.platform import Platform


@dataclasses.dataclass(frozen=True)
class Request:
    """One reboot of one machine, as the options of a task say it."""

    id: str
    platform: Platform
    origin: Origin
    when: str = "if_required"
    timeout: int = 600
    closure: str | None = None
    profile: str | None = None
    message: str = ""
    delay: int = 0
    check: bool = False

    def __post_init__(self) -> None:
        """Raise ``RebootError`` for what no machine should be asked."""
        for problem in self._problems():
            raise RebootError(problem, code="bad_request", advice="nothing was touched; correct it")

    def variables(self) -> dict[str, str]:
        """Return the request as the shell program's variables."""
        return {
            "id": self.id,
            "who": self.origin.text,
            "when": self.when,
            "timeout": str(self.timeout),
            "closure": self.closure or "",
            "profile": self.profile or "",
            "message": one_line(self.message),
            "delay": str(self.delay),
            "check": str(int(self.check)),
        }

    def _problems(self) -> t.Iterator[str]:
        if self.when == "always" and not self.platform.reboots:
            yield f"{self.platform.name} is not what a machine is booted with, so that there is nothing to reboot"
        if not 1 <= self.timeout <= LONGEST_SECONDS:
            yield f"timeout is not a number of seconds from 1 to {LONGEST_SECONDS}: {self.timeout}"
        if not 0 <= self.delay <= LONGEST_SECONDS:
            yield f"delay is not a number of seconds from 0 to {LONGEST_SECONDS}: {self.delay}"
        if self.closure and not is_store_path(self.closure):
            yield f"closure is not a store path: {self.closure!r}"
        if self.profile is not None and not PROFILE.fullmatch(self.profile):
            yield f"profile is not an absolute path: {self.profile!r}"


def ask_script(request: Request) -> str:
    """Return the script that says whether to reboot, and has the machine do so.

    The program that goes on without the connection travels inside it.
    """
    restart = "\n".join([_common(request), "reboot_main"])
    return "\n".join(
        [
            _common(request),
            f"program={shlex.quote(restart)}",
            "reboot_ask",
        ]
    )


def state_script(request: Request, boot_id: str) -> str:
    """Return the script that says what there is to see of a machine that was in boot ``boot_id``."""
    return "\n".join([_common(request), shlex.join(["reboot_state", boot_id])])


def _common(request: Request) -> str:
    variables = [f"{name}={shlex.quote(value)}" for name, value in request.variables().items()]
    return "\n".join(
        [
            program("reboot", request.platform),
            *variables,
            "state_find_run",
            'profile=$(platform_profile_named "$profile")',
        ]
    )


BOOT_ID = re.compile(r"[0-9A-Za-z-]{8,64}")


@dataclasses.dataclass(frozen=True)
class Asked:
    """What a machine answered to the request: what it is on, what it would come back on, and whether it reboots."""

    boot_id: str | None
    running: str | None
    default: str | None
    expected: str | None
    reasons: tuple[str, ...] = ()
    reboots: bool = False
    refused: str | None = None
    advice: str | None = None


@dataclasses.dataclass(frozen=True)
class State:
    """What a machine is on, at one moment after the request."""

    boot_id: str | None
    running: str | None
    booted: str | None
    unfinished: str | None = None
    failed: str | None = None
    units_failed: tuple[str, ...] = ()


def parse_asked(text: str) -> Asked:
    """Read the answer to the request; what is missing or nonsense is as if it were not there."""
    fields, one = _fields(text)
    return Asked(
        boot_id=_boot_id(one.get("boot_id")),
        running=store_path(one.get("running")),
        default=store_path(one.get("default")),
        expected=store_path(one.get("expected")),
        reasons=tuple(reason for reason in fields.get("reason", ()) if reason),
        reboots=one.get("outcome") == "asked",
        refused=one.get("cause", "no reason was given") if one.get("outcome") == "refused" else None,
        advice=one.get("advice") or None,
    )


def parse_state(text: str) -> State:
    """Read what there was to see; what is missing or nonsense is as if it were not there."""
    fields, one = _fields(text)
    return State(
        boot_id=_boot_id(one.get("boot_id")),
        running=store_path(one.get("running")),
        booted=store_path(one.get("booted")),
        unfinished=one.get("unfinished") or None,
        failed=one.get("failed") or None,
        units_failed=tuple(unit for unit in fields.get("unit_failed", ()) if unit),
    )


def _fields(text: str) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Return all values of each key, and its last one."""
    fields, _log = fields_and_log(text)
    return fields, {key: values[-1] for key, values in fields.items()}


def _boot_id(text: str | None) -> str | None:
    return text if text is not None and BOOT_ID.fullmatch(text) else None


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
            advice="see with nix.fleet.status what it runs",
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
        advice="look at its console; it may still come back, and nix.fleet.status says on what",
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
