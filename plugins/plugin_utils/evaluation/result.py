# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of an attribute that is evaluated."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ..core.errors import EvaluationError, NixError
from ..nix.machine import BUSY, BUSY_ADVICE

# What Nix says, the code that stands for it, and what to do about it.
DIAGNOSES = (
    (BUSY, "busy", BUSY_ADVICE),
    (
        re.compile(
            r"pure eval|forbidden in pure|attribute 'currentSystem' missing|is not allowed in pure", re.IGNORECASE
        ),
        "impure",
        "if the configuration is meant to depend on the machine that evaluates it, set impure (nix_impure)",
    ),
    (
        re.compile(r"not tracked by Git|does not exist in Git repository", re.IGNORECASE),
        "untracked_file",
        "git add the file: a flake in a Git repository consists of the files that Git knows",
    ),
    (
        re.compile(r"Could not resolve|unable to download|Failed to open archive|cannot fetch", re.IGNORECASE),
        "network",
        "check the network, or lock the flake's inputs to something that this machine has",
    ),
    (
        re.compile(
            r"""(?:path|opening file|getting status of) ['"]?/nix/store/[^'"]+['"]?:? (?:does not exist|No such file)""",
            re.IGNORECASE,
        ),
        "missing_file",
        "the configuration names a file that is not there: correct its name, or add it",
    ),
    (
        re.compile(
            r"does not contain a '?/?flake\.nix|could not find a flake\.nix|does not exist|getting status of",
            re.IGNORECASE,
        ),
        "no_flake",
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
    """Why an attribute did not evaluate; see ``NixError`` for the fields."""

    cause: str
    command: tuple[str, ...] = ()
    log: str = ""
    advice: str | None = None
    code: str = "failed"

    @classmethod
    def of(cls, error: NixError) -> Failed:
        """Return what an exception says."""
        return cls(error.cause, error.command, error.log, error.advice, error.code.rpartition(".")[2])

    def error(self, host: str | None = None) -> EvaluationError:
        """Return the failure as an exception."""
        return EvaluationError(
            self.cause, code=self.code, host=host, command=self.command, log=self.log, advice=self.advice
        )


Result = Evaluated | Failed


def to_json(result: Result) -> dict[str, t.Any]:
    """Return ``result`` as plain data."""
    return {"failed" if isinstance(result, Failed) else "evaluated": dataclasses.asdict(result)}


def from_json(data: t.Any) -> Result:
    """Read back ``to_json``; raises ``TypeError`` or ``LookupError`` at what another version wrote."""
    if "failed" in data:
        return Failed(**{**data["failed"], "command": tuple(data["failed"]["command"])})
    return Evaluated(**{**data["evaluated"], "warnings": tuple(data["evaluated"].get("warnings", ()))})


def diagnosis(log: str) -> tuple[str, str]:
    """Return the code and the advice for an error, by what Nix says of it."""
    for pattern, code, advice in DIAGNOSES:
        if pattern.search(log):
            return code, advice
    return "nix", "repeat the command with --show-trace to see the way to the error"
