# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check is, and what comes of one."""

from __future__ import annotations

import dataclasses
import shlex
import typing as t

from ..core.errors import NixError

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .web import Request, Response


class HealthError(NixError):
    """A host does not do what it is there for."""

    stage = "health"


# Enough to see why a check does not hold.
OUTPUT_BYTES = 64 * 1024
# As far as a page or an output is searched.
SEARCHED_BYTES = 1024 * 1024


@dataclasses.dataclass(frozen=True)
class Finding:
    """What a check found.

    ``held`` is None when it was not run. ``text`` is one line, and ``output`` what a command or a page said, when that
    may tell why. With ``final`` waiting will not change it.
    """

    held: bool | None
    text: str
    output: str = ""
    final: bool = False


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a check's function on the target printed, and how it ended; see target/health.sh."""

    output: str
    code: int
    late: bool


@dataclasses.dataclass(frozen=True)
class Context:
    """What a check may need to know of, beside its options.

    ``address`` says where Ansible connects to, and ``fetch`` asks a web server from the controller.
    """

    address: Callable[[], str]
    fetch: Callable[[Request], Response]
    check_mode: bool = False


class CheckFromController(t.Protocol):
    """A check that the controller makes."""

    @property
    def name(self) -> str:
        """What the check is called in results."""

    @property
    def timeout(self) -> int:
        """After how many seconds it has failed."""

    def run(self) -> Finding:
        """Run it once."""


class CheckOnTarget(t.Protocol):
    """A check that the target makes: a function of a shell script."""

    @property
    def name(self) -> str:
        """What the check is called in results."""

    @property
    def timeout(self) -> int:
        """After how many seconds it has failed."""

    @property
    def output_bytes(self) -> int:
        """How much of what the function prints is wanted."""

    def call(self) -> list[str]:
        """Return the function's name and its arguments."""

    def finding(self, answer: Answer) -> Finding:
        """Judge what the function answered."""


Check: t.TypeAlias = "CheckFromController | CheckOnTarget"


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of check, named for the option that asks for it.

    ``options`` are what its checks take, beside ``name`` and ``timeout``. ``of`` makes a check of options; it raises
    ``ValueError`` with what is wrong with them.
    """

    name: str
    options: tuple[str, ...]
    of: Callable[[Mapping[str, t.Any], Context], Check]


def shortened(text: str, length: int = 60) -> str:
    """Return the first line of ``text`` in at most ``length`` characters."""
    line, *more = text.strip().splitlines() or [""]
    return f"{line[: length - 1]}…" if more or len(line) > length else line


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
