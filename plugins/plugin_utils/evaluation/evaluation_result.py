# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of an attribute that is evaluated."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ..core.errors import EvaluationError
from ..nix.busy import BUSY, BUSY_ADVICE

ADVICE = (
    (BUSY, BUSY_ADVICE),
    (
        re.compile(
            r"pure eval|forbidden in pure|attribute 'currentSystem' missing|is not allowed in pure", re.IGNORECASE
        ),
        "if the configuration is meant to depend on the machine that evaluates it, set impure (nix_impure)",
    ),
    (
        re.compile(r"not tracked by Git|does not exist in Git repository", re.IGNORECASE),
        "git add the file: a flake in a Git repository consists of the files that Git knows",
    ),
    (
        re.compile(r"Could not resolve|unable to download|Failed to open archive|cannot fetch", re.IGNORECASE),
        "check the network, or lock the flake's inputs to something that this machine has",
    ),
    (
        re.compile(
            r"""(?:path|opening file|getting status of) ['"]?/nix/store/[^'"]+['"]?:? (?:does not exist|No such file)""",
            re.IGNORECASE,
        ),
        "the configuration names a file that is not there: correct its name, or add it",
    ),
    (
        re.compile(
            r"does not contain a '?/?flake\.nix|could not find a flake\.nix|does not exist|getting status of",
            re.IGNORECASE,
        ),
        "check the path: a flake is taken on the machine that evaluates it, and only a plain path, without path: before"
        " it, is sent there from the controller (send_flake)",
    ),
)


@dataclasses.dataclass(frozen=True)
class Evaluated:
    """What an attribute evaluated to: a derivation, or with ``apply`` any value; and what Nix warned of meanwhile."""

    drv_path: str | None = None
    out_path: str | None = None
    value: t.Any = None
    warnings: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Failed:
    """Why an attribute did not evaluate."""

    cause: str
    command: tuple[str, ...] = ()
    log: str = ""
    advice: str | None = None

    def error(self, host: str | None = None) -> EvaluationError:
        """Return the failure as an exception."""
        return EvaluationError(self.cause, host=host, command=self.command, log=self.log, advice=self.advice)


Result = Evaluated | Failed


def to_json(result: Result) -> dict[str, t.Any]:
    """Return ``result`` as plain data."""
    return {"failed" if isinstance(result, Failed) else "evaluated": dataclasses.asdict(result)}


def from_json(data: t.Any) -> Result:
    """Read back ``to_json``; raises ``TypeError`` or ``LookupError`` at what another version wrote."""
    if "failed" in data:
        return Failed(**{**data["failed"], "command": tuple(data["failed"]["command"])})
    return Evaluated(**{**data["evaluated"], "warnings": tuple(data["evaluated"].get("warnings", ()))})


def advice_for(log: str) -> str:
    """Return the next step after an error, by what Nix says."""
    for pattern, advice in ADVICE:
        if pattern.search(log):
            return advice
    return "repeat the command with --show-trace to see the way to the error"
