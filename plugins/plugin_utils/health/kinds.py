# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of check: units of systemd, TCP ports, commands (and web pages, in web.py), and checks made of a task's options."""

from __future__ import annotations

import dataclasses
import fnmatch
import re
import socket
import time
import typing as t

from . import web
from .check import (
    OUTPUT_BYTES,
    SEARCHED_BYTES,
    Answer,
    Check,
    Context,
    Finding,
    HealthError,
    Kind,
    shortened,
    shown,
    words_of,
)

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ALL = "all"
NO_SYSTEMCTL = 127
# A unit that is asked for by name, and no option of systemctl.
NAME = re.compile(r"[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]*")


@dataclasses.dataclass(frozen=True)
class UnitsCheck:
    """The units ``units``, or all of the machine's but those that match ``exempt``."""

    name: str
    timeout: int
    units: tuple[str, ...]
    exempt: tuple[str, ...] = ()

    output_bytes: t.ClassVar[int] = OUTPUT_BYTES

    def call(self) -> list[str]:
        """See ``CheckOnTarget.call``."""
        return (
            ["health_failed_units", str(self.timeout)]
            if self._all
            else ["health_unit_states", str(self.timeout), *self.units]
        )

    def finding(self, answer: Answer) -> Finding:
        """See ``CheckOnTarget.finding``."""
        if answer.late:
            return Finding(False, f"systemctl did not answer within {self.timeout} s")
        if answer.code == NO_SYSTEMCTL:
            return Finding(False, "there is no systemctl on this machine: it has no units", final=True)
        if answer.code:
            return Finding(False, f"systemctl ended with exit code {answer.code}", answer.output)
        bad = self._failed(answer.output) if self._all else self._inactive(answer.output)
        if bad:
            return Finding(False, ", ".join(bad))
        return Finding(True, "no unit has failed" if self._all else f"active: {', '.join(self.units)}")

    @property
    def _all(self) -> bool:
        return self.units == (ALL,)

    def _failed(self, output: str) -> list[str]:
        units = [line.split()[0] for line in output.splitlines() if line.strip()]
        return [
            f"{unit} has failed"
            for unit in units
            if not any(fnmatch.fnmatchcase(unit, pattern) for pattern in self.exempt)
        ]

    def _inactive(self, output: str) -> list[str]:
        states = [
            dict(line.partition("=")[::2] for line in block.splitlines() if "=" in line)
            for block in re.split(r"\n\s*\n", output.strip())
        ]
        if len(states) != len(self.units):
            return [f"systemctl described {len(states)} of {len(self.units)} units"]
        return [_state(unit, state) for unit, state in zip(self.units, states, strict=True) if not _is_active(state)]


def _is_active(state: Mapping[str, str]) -> bool:
    return state.get("ActiveState") in ("active", "reloading")


def _state(unit: str, state: Mapping[str, str]) -> str:
    if state.get("LoadState") == "not-found":
        return f"there is no unit {unit}"
    result = state.get("Result", "")
    why = f" ({result})" if result not in ("", "success") else ""
    return f"{unit} is {state.get('ActiveState', 'in an unknown state')}{why}"


def _units_of(options: Mapping[str, t.Any], _context: Context) -> UnitsCheck:
    # "a, b" is a list to Ansible, with the spaces in it.
    units = tuple(unit.strip() for unit in options["units"])
    if not units:
        raise ValueError("units is empty: name units, or all of them with 'all'")
    if ALL in units and units != (ALL,):
        raise ValueError("units is either 'all' or a list of names")
    for unit in units:
        if not NAME.fullmatch(unit):
            raise ValueError(f"{unit!r} is not the name of a unit")
    exempt = tuple(pattern.strip() for pattern in options["except"] or ())
    if exempt and units != (ALL,):
        raise ValueError("except goes with units: all")
    # Without a dot, systemctl means a service too.
    named = tuple(unit if unit == ALL or "." in unit else f"{unit}.service" for unit in units)
    return UnitsCheck(options["name"] or f"units {', '.join(units)}", options["timeout"], named, exempt)


@dataclasses.dataclass(frozen=True)
class PortCheck:
    """The port ``port`` of ``host``."""

    name: str
    timeout: int
    host: str
    port: int

    def run(self) -> Finding:
        """See ``CheckFromController.run``."""
        begin = time.monotonic()
        try:
            socket.create_connection((self.host, self.port), timeout=self.timeout).close()
        except TimeoutError:
            return Finding(False, f"{self.host} did not answer within {self.timeout} s")
        except (OSError, UnicodeError) as error:
            cause = getattr(error, "strerror", None) or error
            return Finding(False, f"no connection to {self.host}: {cause}")
        return Finding(True, f"{self.host} answered in {1000 * (time.monotonic() - begin):.0f} ms")


def _port_of(options: Mapping[str, t.Any], context: Context) -> PortCheck:
    port = options["port"]
    if not 1 <= port <= 65535:
        raise ValueError(f"{port} is not a TCP port")
    if options["host"] == "":
        raise ValueError("host is empty")
    host = options["host"] or context.address()
    at = f" of {options['host']}" if options["host"] else ""
    return PortCheck(options["name"] or f"port {port}{at}", options["timeout"], host, port)


@dataclasses.dataclass(frozen=True)
class CommandCheck:
    """The words ``argv``, run without a shell of their own."""

    name: str
    timeout: int
    argv: tuple[str, ...]
    codes: tuple[int, ...] = (0,)
    contains: str | None = None

    @property
    def output_bytes(self) -> int:
        """See ``CheckOnTarget.output_bytes``."""
        return OUTPUT_BYTES if self.contains is None else SEARCHED_BYTES

    def call(self) -> list[str]:
        """See ``CheckOnTarget.call``."""
        return ["health_command", str(self.timeout), *self.argv]

    def finding(self, answer: Answer) -> Finding:
        """See ``CheckOnTarget.finding``."""
        if answer.late:
            return Finding(False, f"did not end within {self.timeout} s", answer.output)
        if answer.code not in self.codes:
            wanted = " or ".join(map(str, self.codes))
            said = shortened(answer.output.strip().rpartition("\n")[2])
            return Finding(False, f"exit code {answer.code} instead of {wanted}{said and f': {said}'}", answer.output)
        if self.contains is not None and self.contains not in answer.output:
            return Finding(False, f"its output does not contain {shortened(self.contains)!r}", answer.output)
        return Finding(True, f"exit code {answer.code}")


@dataclasses.dataclass(frozen=True)
class CommandNotRun:
    """A command in check mode: nobody knows what it would change."""

    name: str
    timeout: int

    def run(self) -> Finding:
        """See ``CheckFromController.run``."""
        return Finding(None, "not run in check mode")


def _command_of(options: Mapping[str, t.Any], context: Context) -> CommandCheck | CommandNotRun:
    argv = words_of(options["command"])
    name = options["name"] or f"command {shortened(shown(argv))}"
    if context.check_mode:
        return CommandNotRun(name, options["timeout"])
    codes = (0,) if options["rc"] is None else tuple(options["rc"])
    for code in codes:
        if not 0 <= code <= 255:
            raise ValueError(f"rc {code} is not an exit code")
    if not codes:
        raise ValueError("rc is empty")
    return CommandCheck(name, options["timeout"], argv, codes, options["contains"])


UNITS = Kind("units", ("units", "except"), _units_of)
PORT = Kind("port", ("port", "host"), _port_of)
COMMAND = Kind("command", ("command", "rc", "contains"), _command_of)
KINDS: tuple[Kind, ...] = (UNITS, web.HTTP, PORT, COMMAND)


def checks_of(entries: Sequence[Mapping[str, t.Any]], context: Context) -> list[Check]:
    """Return the checks that ``entries`` ask for, in their order; raises on the first that makes no sense."""
    return [_check_of(number, entry, context) for number, entry in enumerate(entries, 1)]


def _check_of(number: int, entry: Mapping[str, t.Any], context: Context) -> Check:
    given = {name for name, value in entry.items() if value is not None}
    kinds = [kind for kind in KINDS if kind.name in given]
    names = ", ".join(kind.name for kind in KINDS)
    if len(kinds) != 1:
        found = f"it has {' and '.join(kind.name for kind in kinds)}" if kinds else "it has none of them"
        raise _error("kind", f"check {number} is to have exactly one of {names}; {found}")
    (kind,) = kinds
    strange = sorted(given - {"name", "timeout", *kind.options})
    if strange:
        raise _error("option", f"check {number} is one of {kind.name}, which takes no {' and no '.join(strange)}")
    if entry["timeout"] < 1:
        raise _error("timeout", f"check {number}: its timeout of {entry['timeout']} s leaves no time for it")
    try:
        return kind.of(entry, context)
    except ValueError as error:
        raise _error("value", f"check {number}: {error}") from error


def _error(code: str, cause: str) -> HealthError:
    return HealthError(cause, code=code, advice="correct the checks; none of them has been made")
