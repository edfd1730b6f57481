# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at all checks: those of the target in one round trip, and meanwhile those of the controller."""

from __future__ import annotations

import pathlib
import re
import secrets
import shlex
import threading
import typing as t

from ..target.programs import program
from .check import Answer, Finding

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ..core.shell import Shell
    from .check import Check, CheckFromController, CheckOnTarget


# To connect, to escalate, and to be slow.
LINK_SECONDS = 20


class TargetAwayError(Exception):
    """The target could not be asked; the message says why."""


def look_once(checks: Sequence[Check], shell: Shell) -> list[Finding]:
    """Return what each check finds, in their order. ``shell`` raises ``TargetAwayError``."""
    looks = {number: _Look(check) for number, check in enumerate(checks) if not on_target(check)}
    asked = {number: check for number, check in enumerate(checks) if on_target(check)}
    findings = dict(zip(asked, _ask(list(asked.values()), shell), strict=True)) if asked else {}
    findings |= {number: look.finding() for number, look in looks.items()}
    return [findings[number] for number in range(len(checks))]


def seconds_on_target(checks: Sequence[Check]) -> float:
    """Return how long the target may take to answer one look, in the worst case."""
    # Each check takes its own time, and a moment to be ended.
    return sum(check.timeout + 2 for check in checks if on_target(check)) + LINK_SECONDS


def on_target(check: Check) -> t.TypeGuard[CheckOnTarget]:
    """Whether the target makes the check."""
    return hasattr(check, "call")


class _Look:
    """A look from the controller, in a thread of its own: neither a name server nor a slow page holds it up."""

    def __init__(self, check: Check) -> None:
        self._check = t.cast("CheckFromController", check)
        self._findings: list[Finding] = []
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        self._findings.append(self._check.look())

    def finding(self) -> Finding:
        # What has a limit of its own says better why it was reached.
        self._thread.join(self._check.timeout + 0.5)
        if self._findings:
            return self._findings[0]
        return Finding(False, f"no answer within {self._check.timeout} s")


def _ask(checks: Sequence[CheckOnTarget], shell: Shell) -> list[Finding]:
    mark = f"nix.fleet-{secrets.token_hex(8)}"
    try:
        completed = shell.run(script(checks, mark))
    except TargetAwayError as error:
        return [Finding(False, str(error)) for _check in checks]
    answers = answers_of(completed.stdout, mark)
    if len(answers) != len(checks):
        said = completed.stderr.strip() or f"exit code {completed.rc}"
        return [Finding(False, "the machine did not run the checks to their end", said) for _check in checks]
    return [check.finding(answer) for check, answer in zip(checks, answers, strict=True)]


def script(checks: Sequence[CheckOnTarget], mark: str) -> str:
    """Return the shell script that makes ``checks``.

    What they are about is in its text, quoted, and not in the arguments of a process, which every user can see.
    """
    files = ["limited", *sorted({check.script for check in checks}), "round"]
    calls = [f"limit={check.output_bytes} check {shlex.join(check.call())}" for check in checks]
    return "\n".join([program("processes"), *map(part, files), f"mark={shlex.quote(mark)}", *calls, ""])


def answers_of(text: str, mark: str) -> list[Answer]:
    """Read what the script printed."""
    pattern = rf"\n{mark} begin\n(.*?)\n{mark} notes\n(.*?)([0-9]+) (late)?\n{mark} end\n"
    return [
        Answer(output=output, notes=notes, code=int(code), late=bool(late))
        for output, notes, code, late in re.findall(pattern, f"\n{text}", flags=re.DOTALL)
    ]


def part(name: str) -> str:
    """Return the shell functions of the file ``name``."""
    return pathlib.Path(__file__).with_name(f"{name}.sh").read_text(encoding="utf-8")
