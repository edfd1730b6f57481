# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A command on the target: it ends with the right exit code, and says the right thing."""

from __future__ import annotations

import dataclasses
import shlex
import typing as t

from .check import OUTPUT_BYTES, SEARCHED_BYTES, Answer, Finding, Kind, Surroundings, shortened

if t.TYPE_CHECKING:
    from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class CommandCheck:
    """The words ``argv``, run without a shell of their own."""

    name: str
    timeout: int
    argv: tuple[str, ...]
    codes: tuple[int, ...] = (0,)
    contains: str | None = None

    script: t.ClassVar[str] = "command"

    @property
    def output_bytes(self) -> int:
        """See ``CheckOnTarget.output_bytes``."""
        return OUTPUT_BYTES if self.contains is None else SEARCHED_BYTES

    def call(self) -> list[str]:
        """See ``CheckOnTarget.call``."""
        return ["command_output", str(self.timeout), *self.argv]

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

    def look(self) -> Finding:
        """See ``CheckFromController.look``."""
        return Finding(None, "not run in check mode")


def _of(options: Mapping[str, t.Any], surroundings: Surroundings) -> CommandCheck | CommandNotRun:
    argv = words_of(options["command"])
    name = options["name"] or f"command {shortened(shown(argv))}"
    if surroundings.check_mode:
        return CommandNotRun(name, options["timeout"])
    codes = (0,) if options["rc"] is None else tuple(options["rc"])
    for code in codes:
        if not 0 <= code <= 255:
            raise ValueError(f"rc {code} is not an exit code")
    if not codes:
        raise ValueError("rc is empty")
    return CommandCheck(name, options["timeout"], argv, codes, options["contains"])


def words_of(command: t.Any) -> tuple[str, ...]:
    """Return the words of a command that is said as a line for sh, or as a list; raises ``ValueError``."""
    if isinstance(command, str):
        words: tuple[str, ...] = ("sh", "-c", command) if command.strip() else ()
    elif isinstance(command, list) and all(type(word) in (str, int, float) for word in command):
        words = tuple(str(word) for word in command)
    else:
        raise ValueError(
            "command is a line for sh, or a list of words; what YAML takes for another value is to be quoted"
        )
    if not words or not words[0]:
        raise ValueError("command is empty")
    if any("\0" in word for word in words):
        raise ValueError("command has a null character in it")
    return words


def shown(words: tuple[str, ...]) -> str:
    """Return what ``words_of`` has made words of, for a person: a line for sh as it was said."""
    return words[2] if words[:2] == ("sh", "-c") and len(words) == 3 else shlex.join(words)


KIND = Kind(
    "command",
    {
        "command": {"type": "raw"},
        "rc": {"type": "list", "elements": "int"},
        "contains": {"type": "str"},
    },
    _of,
)
