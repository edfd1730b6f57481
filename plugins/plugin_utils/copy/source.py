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
from ..nix.command import configuration, with_settings
from ..nix.machine import BUSY_ADVICE, is_busy, kibibytes, limited, when_free
from ..nix.store import FIRST_FORMAT, UnknownFormError, parse_path_infos, parse_path_sizes, path_infos, path_sizes
from ..target.programs import calling, from_stdin, program
from .copying import NO_NIX, NOT_THERE_ADVICE, no_nix
from .keepalive import KEEPALIVES_PER_TIMEOUT, Watchdog

if t.TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ..nix.store import PathInfo
    from .ssh import Link

# The keepalives of a machine that sends come in line behind what it sends.
SENDER_TIMEOUTS = 3


class ControllerSource:
    """The controller's own store."""

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
        """Run a command on the machine; ``on_line`` is handed each line of its standard error.

        It may have ``memory`` bytes. ``look`` is called now and then while it runs. What either raises ends it.
        """
        if not shutil.which(argv[0]):
            raise CopyError(
                "there is no Nix on the controller to copy with",
                code="no_nix",
                command=argv,
                advice="install Nix on the controller, or name a machine that has the closure (deploy_build_on, source_host)",
            )
        answer = when_free(
            lambda: process.run(
                [*limited(memory), *argv], on_stderr_line=on_line, environment=self._environment, look=look
            )
        )
        return dataclasses.replace(answer, argv=tuple(argv))

    @contextlib.contextmanager
    def store_at(self, socket: pathlib.Path) -> Iterator[str]:
        """Make the controller's ``socket`` reachable there, and yield the URL of the store behind it."""
        yield f"unix://{socket}"


class HostSource:
    """The store of an inventory host. What is copied passes through the controller and is not kept."""

    def __init__(self, link: Link, timeout: float, options: Mapping[str, t.Any]) -> None:
        self.name = link.host
        self._link = link
        self._socket = ""
        self._settings = configuration(options)
        self._timeout = SENDER_TIMEOUTS * timeout

    def run(
        self,
        argv: Sequence[str],
        on_line: Callable[[str], None],
        *,
        memory: int | None = None,
        look: Callable[[], None] | None = None,
    ) -> process.Completed:
        """See ``ControllerSource.run``."""
        period = max(1, round(self._timeout / KEEPALIVES_PER_TIMEOUT))
        script = f"{program('shell')}\n{calling('source_command', 'source_command_run')}"
        words, start = from_stdin(script, str(period), self._socket, kibibytes(memory), *argv)
        command = self._link.command(words)
        with Watchdog(self._link, self._timeout) as watchdog:

            def follow(line: str) -> None:
                watchdog.alive()
                if line:
                    on_line(line)

            given = start + f"{self._settings}\n\n".encode()
            answer = when_free(
                lambda: process.run(command, stdin=given, hold_stdin=True, on_stderr_line=follow, look=look)
            )
        if watchdog.lost:
            raise watchdog.lost
        if answer.rc == NO_NIX:
            raise no_nix(self.name, answer)
        return process.Completed(tuple(argv), answer.rc, answer.stdout, answer.stderr)

    @contextlib.contextmanager
    def store_at(self, socket: pathlib.Path) -> Iterator[str]:
        """See ``ControllerSource.store_at``."""
        # sshd makes it for its user alone (StreamLocalBindMask).
        with self._link.remote_forward(socket, f"/tmp/nix.fleet.{secrets.token_hex(8)}") as self._socket:
            yield f"unix://{self._socket}"


Source: t.TypeAlias = "ControllerSource | HostSource"


def closure_sizes(source: Source, paths: Sequence[str]) -> dict[str, int]:
    """Return the size of each path in the closure of ``paths``, which ``source`` must have."""
    return {info.path: info.nar_size for info in parse_path_sizes(_answered(source, path_sizes(*paths, closure=True)))}


def closure_infos(source: Source, paths: Sequence[str]) -> list[PathInfo]:
    """Return all that ``source``, which must have it, knows of the closure of ``paths``; references come first."""
    try:
        return parse_path_infos(_answered(source, path_infos(*paths)))
    except UnknownFormError:
        # A newer Nix may insist on being told the format.
        return parse_path_infos(_answered(source, path_infos(*paths, form=FIRST_FORMAT)))


def _answered(source: Source, question: Sequence[str]) -> str:
    log: list[str] = []
    answer = source.run(question, log.append)
    if not answer.ok:
        raise CopyError(
            f"{source.name} does not have what is to be copied",
            code="not_there",
            command=answer.argv,
            log="\n".join(log),
            advice=BUSY_ADVICE if is_busy(answer.stderr) else NOT_THERE_ADVICE,
        )
    return answer.stdout
