# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine that Nix runs on: the controller, or any other by its shell.

Somebody else may have Nix's database in hand for a moment: a command that found it so is run again. Nix itself waits for
whoever writes, but not where a store is new and several of its processes are about to set it up.
"""

from __future__ import annotations

import dataclasses
import random
import re
import shlex
import shutil
import time
import typing as t
from pathlib import Path

from ..core import process
from ..core.errors import NixError
from ..target.programs import calling, program
from .command import exported
from .log import NixLog

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ..core.process import Completed, Shell

Item = t.TypeVar("Item")

COMMAND_NOT_FOUND = 127
RUN = program("command") + "\n"
# By which it is found out on another machine whether somebody still reads what the command prints.
KEEPALIVE = "\0"
# Linux takes no longer argument than 128 KiB. What surrounds the names and the quotes around them need some of it.
NAMES_LENGTH = 100_000
# Who comes second to a new store finds its database locked, or the file with its schema's number still empty.
BUSY = re.compile(r"""^\s*(?:error:\s+)+(?:SQLite database '[^'\n]*' is busy|"[^"\n]*/db/schema" is corrupt)""", re.M)
BUSY_ADVICE = "see who holds that file (fuser, lsof), a backup or a repair perhaps; run again when it is done"
# Each a little longer or shorter, lest those who met once meet again.
PAUSES = (0.2, 0.4, 0.8, 1.6, 3.2, 6.4)
EXISTING = f'{program("store")}\nstore_existing "$@"\n'


def portions(items: Sequence[Item], length: Callable[[Item], int]) -> Iterator[list[Item]]:
    """Yield ``items`` in their order, each time as many as one argument can name; ``length`` is that of an item."""
    portion: list[Item] = []
    room = NAMES_LENGTH
    for item in items:
        needed = length(item) + len(" ")
        if portion and needed > room:
            yield portion
            portion, room = [], NAMES_LENGTH
        portion.append(item)
        room -= needed
    if portion:
        yield portion


class Machine(t.Protocol):
    """Somewhere with Nix and a store."""

    @property
    def name(self) -> str:
        """Which machine this is, for messages and to tell it from another."""

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float | None = None,
        on_stderr_line: Callable[[str], None] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run ``argv``, with ``environment`` added to what it finds there; a failure of the command is not an exception, a missing command is a ``NixError``.

        A command that finds Nix's database busy is run again, and what it says before it comes twice to ``on_stderr_line``.
        Raises ``CommandTimeoutError`` after ``timeout`` seconds.
        """

    def existing(self, paths: Sequence[str]) -> set[str]:
        """Return those of ``paths`` that exist."""


# What a Nix may have in memory that another machine answers: more than ten times what a copy takes, whatever its size. What
# a machine announces is had in memory before it comes. Where a shell or a system does not know that limit, there is none.
MEMORY = 1 << 30


def limited(memory: int | None) -> list[str]:
    """Return what to put before a command of the controller's that may have so many bytes of memory."""
    if memory is None:
        return []
    return ["/bin/sh", "-c", calling("source_command", "source_command_exec"), "sh", kibibytes(memory)]


def kibibytes(memory: int | None) -> str:
    """Return ``memory`` as `ulimit` takes it; nothing for no limit."""
    return "" if memory is None else str(memory >> 10)


class Controller:
    """The machine that Ansible runs on, as the user who runs it.

    ``memory``: how many bytes a command may have whose messages are followed; there is no limit by default.
    """

    name = "the controller"

    def __init__(self, environment: Mapping[str, str] | None = None, *, memory: int | None = None) -> None:
        self.environment = dict(environment or {})
        self._limit = limited(memory)

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float | None = None,
        on_stderr_line: Callable[[str], None] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Completed:
        """See ``Machine.run``; lines of standard error are handed on as they come."""
        added = {**self.environment, **(environment or {})}
        # What somebody follows takes long, and has to end also when this process is killed. The rest is over by then.
        followed = on_stderr_line is not None
        run = ["sh", "-c", calling("command", "command_run"), "sh", "input", *self._limit, *argv]
        words = run if followed else argv
        try:
            completed = when_free(
                lambda: process.run(
                    words, hold_stdin=followed, timeout=timeout, on_stderr_line=on_stderr_line, environment=added
                )
            )
            if completed.rc == COMMAND_NOT_FOUND and shutil.which(argv[0], path=added.get("PATH")) is None:
                raise FileNotFoundError(argv[0])
            return dataclasses.replace(completed, argv=tuple(argv))
        except FileNotFoundError as missing:
            raise NixError(
                f"there is no {argv[0]} on the controller",
                code="no_program",
                command=argv[:1],
                advice="install Nix there, or have a builder evaluate and build (deploy_evaluate_on: builder, deploy_build_on)",
            ) from missing
        except (OSError, ValueError) as error:
            # A value error is that of an argument with a null character.
            raise NixError(
                f"{argv[0]} cannot be run on the controller: {getattr(error, 'strerror', None) or error}",
                code="not_run",
                command=argv[:1],
                advice="check the program, and that the controller has memory and processes to spare",
            ) from error

    def existing(self, paths: Sequence[str]) -> set[str]:
        """See ``Machine.existing``."""
        return {path for path in paths if Path(path).exists()}


class Remote:
    """Any other machine, by a shell on it; ``options`` are settings for its Nix."""

    def __init__(self, shell: Shell, options: Mapping[str, t.Any] | None = None) -> None:
        self.name = shell.host
        self._shell = shell
        self._exported = exported(options or {})

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float | None = None,
        on_stderr_line: Callable[[str], None] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Completed:
        """See ``Machine.run``; what came on standard error is handed on when the command has ended."""
        del timeout  # The connection's, or the task's own.
        added = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in (environment or {}).items())
        script = f'{RUN}{self._exported}{added}command_run output "$@"\n'
        completed = when_free(lambda: _without_keepalives(self._shell.run(script, *argv)))
        if completed.rc == COMMAND_NOT_FOUND:
            raise NixError(
                f"there is no {argv[0]} on {self.name}",
                code="no_program",
                command=argv[:1],
                log=completed.stderr,
                advice="install Nix there, or add the directory of its programs to PATH with `environment:`",
            )
        if on_stderr_line is not None:
            for line in completed.stderr.splitlines():
                on_stderr_line(line)
        return completed

    def existing(self, paths: Sequence[str]) -> set[str]:
        """See ``Machine.existing``."""
        existing: set[str] = set()
        for some in portions(paths, len):
            existing.update(self._shell.run(EXISTING, *some).stdout.splitlines())
        return existing


def _without_keepalives(answer: Completed) -> Completed:
    return dataclasses.replace(answer, stdout=answer.stdout.replace(KEEPALIVE, ""))


def when_free(run: Callable[[], Completed]) -> Completed:
    """Return how the command of Nix's ended that ``run`` runs: again, for a while, if the database was busy."""
    for pause in PAUSES:
        completed = run()
        if not was_busy(completed):
            return completed
        time.sleep(pause * random.uniform(0.5, 1.5))
    return run()


def was_busy(completed: Completed) -> bool:
    """Whether a command of Nix's failed because the database was busy, and not because one in a builder's log was."""
    if completed.ok or "/db" not in completed.stderr:
        return False
    log = NixLog().read_all(completed.stderr)
    return is_busy(f"error: {log.cause}" if log.cause else "\n".join(log.other))


def is_busy(text: str) -> bool:
    """Whether these words of Nix's say that its database was busy."""
    return bool(BUSY.search(text))
