# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units of systemd: those that are named are active, or none of the machine's has failed."""

from __future__ import annotations

import dataclasses
import fnmatch
import re
import typing as t

from .check import OUTPUT_BYTES, Answer, Finding, Kind, Surroundings

if t.TYPE_CHECKING:
    from collections.abc import Mapping

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

    script: t.ClassVar[str] = "units"
    output_bytes: t.ClassVar[int] = OUTPUT_BYTES

    def call(self) -> list[str]:
        """See ``CheckOnTarget.call``."""
        return ["failed_units", str(self.timeout)] if self._all else ["states_of_units", str(self.timeout), *self.units]

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


def _of(options: Mapping[str, t.Any], _surroundings: Surroundings) -> UnitsCheck:
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


KIND = Kind(
    "units",
    {"units": {"type": "list", "elements": "str"}, "except": {"type": "list", "elements": "str"}},
    _of,
)
