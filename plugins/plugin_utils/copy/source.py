# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stores that a closure can come from: the controller's, or another machine's."""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import shutil
import typing as t

from ..core import process
from ..core.errors import CopyError
from ..core.shell import NIX_PATH
from ..nix.command import configuration, with_settings
from ..nix.machine import BUSY_ADVICE, is_busy, when_free
from ..nix.path_info import FIRST_FORMAT, UnknownFormError, parse_path_infos, path_infos
from ..nix.store import parse_path_sizes, path_sizes
from .door import NO_NIX, no_nix
from .errors import NOT_THERE_ADVICE
from .pulse import BEATS_PER_TIMEOUT
from .watch import Watch

if t.TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ..nix.path_info import PathInfo
    from .link import Link


SENDER_PATIENCE = 3

# What a Nix may have in memory that another machine answers: more than ten times what a copy takes, whatever its size. What
# a machine announces is had in memory before it comes. Where a shell or a system does not know that limit, there is none.
MEMORY = 1 << 30
LIMITED = 'ulimit -d "$1" 2>/dev/null; shift; exec "$@"'

# Reads settings for Nix up to an empty line, runs a command, and prints an empty line to standard error now and then
# until it ends. The end of standard input ends the command: its output would otherwise wait for ever in a session
# that nobody listens to any more. Then the socket is of no use, and sshd does not remove it. One line, since it
# passes through whatever shell the user logs in to.
BEATING = "; ".join(
    [
        *NIX_PATH.splitlines(),
        "period=$1",
        "socket=$2",
        "memory=$3",
        "shift 3",
        'settings=$(while IFS= read -r line && [ -n "$line" ]; do printf "%s\\n" "$line"; done)',
        'NIX_CONFIG=$(printf "%s\\n%s" "${NIX_CONFIG:-}" "$settings")',
        "export NIX_CONFIG",
        "exec 3<&0",
        'while echo >&2; do sleep "$period" >/dev/null 2>&1; done & beat=$!',
        '{ [ -z "$memory" ] || ulimit -d "$memory" 2>/dev/null; exec "$@"; } </dev/null 3<&- & command=$!',
        '{ while read -r line; do :; done; kill -KILL "$command"; } <&3 2>/dev/null & listener=$!',
        'wait "$command"',
        "code=$?",
        'kill "$beat" "$listener"',
        'rm -f "$socket"',
        'exit "$code"',
    ]
)


class Source(t.Protocol):
    """A machine with a store, whose Nix copies from there."""

    @property
    def name(self) -> str:
        """The machine, for messages."""

    def run(
        self,
        argv: Sequence[str],
        on_line: Callable[[str], None],
        *,
        memory: int | None = None,
        look: Callable[[], None] | None = None,
    ) -> process.Completed:
        """Run a command on the machine; ``on_line`` is handed each line of its standard error.

        It may have ``memory`` bytes. ``look`` is called now and then while it runs. What either raises ends it.
        """

    def reaching(self, socket: pathlib.Path) -> t.ContextManager[str]:
        """Make the controller's ``socket`` reachable there, and yield the URL of the store behind it."""


class ControllerSource:
    """The controller's own store; see ``Source``."""

    name = "the controller"

    def __init__(self, options: Mapping[str, t.Any]) -> None:
        self._environment = with_settings({}, options)

    def run(
        self,
        argv: Sequence[str],
        on_line: Callable[[str], None],
        *,
        memory: int | None = None,
        look: Callable[[], None] | None = None,
    ) -> process.Completed:
        """See ``Source.run``."""
        limit = ["/bin/sh", "-c", LIMITED, "sh", _kibibytes(memory)] if memory else []
        if not shutil.which(argv[0]):
            raise CopyError(
                "there is no Nix on the controller to copy with",
                command=argv,
                advice="install Nix on the controller, or name a machine that has the closure as `source_host`",
            )
        answer = when_free(
            lambda: process.run([*limit, *argv], on_stderr_line=on_line, environment=self._environment, look=look)
        )
        return dataclasses.replace(answer, argv=tuple(argv))

    @contextlib.contextmanager
    def reaching(self, socket: pathlib.Path) -> Iterator[str]:
        """See ``Source.reaching``."""
        yield f"unix://{socket}"


class HostSource:
    """The store of an inventory host; see ``Source``. What is copied passes through the controller and is not kept."""

    def __init__(self, link: Link, timeout: float, options: Mapping[str, t.Any]) -> None:
        self.name = link.host
        self._link = link
        self._socket = ""
        self._settings = configuration(options)
        # Its signs of life come in line behind what it sends.
        self._timeout = SENDER_PATIENCE * timeout

    def run(
        self,
        argv: Sequence[str],
        on_line: Callable[[str], None],
        *,
        memory: int | None = None,
        look: Callable[[], None] | None = None,
    ) -> process.Completed:
        """See ``Source.run``."""
        period = max(1, round(self._timeout / BEATS_PER_TIMEOUT))
        command = self._link.command(["sh", "-c", BEATING, "run", str(period), self._socket, _kibibytes(memory), *argv])
        with Watch(self._link, self._timeout) as watch:

            def follow(line: str) -> None:
                watch.seen()
                if line:
                    on_line(line)

            settings = f"{self._settings}\n\n".encode()
            answer = when_free(
                lambda: process.run(command, stdin=settings, hold_stdin=True, on_stderr_line=follow, look=look)
            )
        if watch.lost:
            raise watch.lost
        if answer.rc == NO_NIX:
            raise no_nix(self.name, answer)
        return process.Completed(tuple(argv), answer.rc, answer.stdout, answer.stderr)

    @contextlib.contextmanager
    def reaching(self, socket: pathlib.Path) -> Iterator[str]:
        """See ``Source.reaching``."""
        # sshd makes it for its user alone (StreamLocalBindMask).
        with self._link.offer(socket, f"/tmp/nix.fleet.{secrets.token_hex(8)}") as self._socket:
            yield f"unix://{self._socket}"


def _kibibytes(memory: int | None) -> str:
    """Return ``memory`` as `ulimit` takes it; nothing for no limit."""
    return str(memory >> 10) if memory else ""


def closure_sizes(source: Source, paths: Sequence[str]) -> dict[str, int]:
    """Return the size of each path in the closure of ``paths``, which ``source`` must have."""
    return {info.path: info.nar_size for info in parse_path_sizes(_told(source, path_sizes(*paths, closure=True)))}


def closure_infos(source: Source, paths: Sequence[str]) -> list[PathInfo]:
    """Return all that ``source``, which must have it, knows of the closure of ``paths``; references come first."""
    try:
        return parse_path_infos(_told(source, path_infos(*paths)))
    except UnknownFormError:
        # A newer Nix may insist on being told the format.
        return parse_path_infos(_told(source, path_infos(*paths, form=FIRST_FORMAT)))


def _told(source: Source, question: Sequence[str]) -> str:
    log: list[str] = []
    answer = source.run(question, log.append)
    if not answer.ok:
        raise CopyError(
            f"{source.name} does not have what is to be copied",
            command=answer.argv,
            log="\n".join(log),
            advice=BUSY_ADVICE if is_busy(answer.stderr) else NOT_THERE_ADVICE,
        )
    return answer.stdout
