# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one reboot is asked to be, the programs that ask for it and look at the machine, and their answers."""

from __future__ import annotations

import dataclasses
import re
import shlex
import typing as t

from ..activation.request import LONGEST_SECONDS, PROFILE, one_line
from ..core.errors import RebootError
from ..nix.store import is_store_path, store_path
from ..target.programs import fields_and_log, program

if t.TYPE_CHECKING:
    from ..activation.request import Origin
    from ..platforms.platform import Platform

WHEN = ("if_required", "always")


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
    restart = "\n".join([_common("reboot_restart", request), "reboot_main"])
    return "\n".join(
        [
            _common("reboot_ask", request),
            f"program={shlex.quote(restart)}",
            "reboot_ask",
        ]
    )


def state_script(request: Request, boot_id: str) -> str:
    """Return the script that says what there is to see of a machine that was in boot ``boot_id``."""
    return "\n".join([_common("reboot_state", request), shlex.join(["reboot_state", boot_id])])


def _common(name: str, request: Request) -> str:
    variables = [f"{name}={shlex.quote(value)}" for name, value in request.variables().items()]
    return "\n".join(
        [
            program(name, request.platform),
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
