# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong with a host, told so that a person can act on it."""

from __future__ import annotations

import shlex
import typing as t

from .text import harmless

if t.TYPE_CHECKING:
    from collections.abc import Sequence

LOG_LINES = 25
# What a machine says of itself may be of any length.
LOG_CHARACTERS = 16_000
CAUSE_CHARACTERS = 2_000


class NixError(Exception):
    """A stage failed for one host.

    ``code`` names the stage, if the class does not, and what went wrong within it, such as `copy.no_nix`. It stays the same
    whatever the words are: programs and tests compare it. ``cause`` is one sentence. ``command`` is what was run, ``log`` what
    it printed (its last lines are kept), and ``advice`` the next step for the operator. The host is filled in at the border to
    Ansible when it is not known here. All of them may be another machine's words: they are kept short, and fit to be printed.
    """

    stage = "nix"

    def __init__(
        self,
        cause: str,
        *,
        code: str,
        host: str | None = None,
        command: Sequence[str] | None = None,
        log: str = "",
        advice: str | None = None,
        **details: t.Any,
    ) -> None:
        if "." in code:
            self.stage = code.partition(".")[0]
        self.code = f"{self.stage}.{code.rpartition('.')[2]}"
        self.cause = harmless(cause[:CAUSE_CHARACTERS])
        super().__init__(self.cause)
        self.host = host
        self.command = tuple(command or ())
        self.log = ""
        self.with_log(log)
        self.advice = advice and harmless(advice[:CAUSE_CHARACTERS])
        self.details = details

    def with_log(self, log: str) -> NixError:
        """Have the last lines of ``log`` as what was printed, and return the error."""
        self.log = last_lines(harmless(log[-LOG_CHARACTERS:]))
        return self

    @property
    def headline(self) -> str:
        """Which host failed at which stage, and why, in one sentence."""
        prefix = f"{self.host}: " if self.host else ""
        return f"{prefix}{self.stage}: {self.cause}"

    @property
    def command_line(self) -> str:
        """The command as a shell takes it, or nothing."""
        return harmless(shlex.join(self.command))

    def __str__(self) -> str:
        lines = [self.headline]
        if self.log:
            lines.append(self.log)
        if self.command:
            lines.append(f"command: {self.command_line}")
        if self.advice:
            lines.append(f"next: {self.advice}")
        return "\n".join(lines)

    def to_result(self) -> dict[str, t.Any]:
        """Return the failure as the fields of an Ansible result; ``msg`` is added at the border.

        What there is nothing to say of is left out.
        """
        optional = {"command": self.command_line, "log": self.log, "advice": self.advice}
        return {
            "host": self.host,
            "stage": self.stage,
            "code": self.code,
            "cause": self.cause,
            **{name: text for name, text in optional.items() if text},
            **self.details,
        }


class EvaluationError(NixError):
    """The configuration could not be evaluated."""

    stage = "evaluation"


class BuildError(NixError):
    """A derivation could not be built."""

    stage = "build"


class CopyError(NixError):
    """A closure did not arrive whole on the target."""

    stage = "copy"


class ActivationError(NixError):
    """The target does not run what it was meant to run."""

    stage = "activation"


class KeysError(NixError):
    """The target does not have the secrets that it was to be brought."""

    stage = "keys"


class RuntimeDataError(NixError):
    """The target's service does not have the data that it was to be given."""

    stage = "data"


class RebootError(NixError):
    """The target was not rebooted, or not into the system that it was to come back on."""

    stage = "reboot"


class CacheError(NixError):
    """A store that others fetch from does not have what it was to be given."""

    stage = "cache"


class GitError(NixError):
    """Git did not do what it was asked for."""

    stage = "git"


class InventoryError(NixError):
    """The inventory's data cannot be used."""

    stage = "inventory"


def last_lines(log: str, count: int = LOG_LINES) -> str:
    """Return the last ``count`` lines of ``log`` without trailing white space."""
    return "\n".join(line.rstrip() for line in log.rstrip().splitlines()[-count:])
