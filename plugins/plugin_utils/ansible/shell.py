# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine's shell over Ansible's connection: within limits, framed, and for work that may cost the connection."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import resource
import secrets
import shlex
import signal
import subprocess
import sys
import threading
import time
import typing as t
from pathlib import Path

from ansible.errors import AnsibleError

from ..core.errors import NixError
from ..core.process import Completed, ConnectionLostError
from ..target.programs import program

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ..core.process import Shell


# By how much we may grow while we read one answer, of which Ansible has two copies at a time: the longest are some
# megabytes, the paths of a closure or the log of a build.
MOST_MEMORY = 128 << 20
LOOK_SECONDS = 0.25
# What only asks a machine something may wait there for a garbage collection, and for nothing that takes longer.
QUESTION_SECONDS = 1800.0


class NoAnswerError(NixError):
    """A machine had its time and did not use it: it may be at work, or gone without a word."""


class EndlessAnswerError(NixError):
    """A machine said more than there is memory for. It is not to be asked again: each time it could take as much more."""


@contextlib.contextmanager
def bounded(host: str, seconds: float | None = None) -> Iterator[None]:
    """End what is started in the block when it takes longer than ``seconds`` or more memory than there is for it."""
    watch = _Watch(seconds)
    try:
        with watch:
            yield
    except Exception as error:
        if not watch.reason:
            raise
        # Whatever the connection makes of its end.
        raise _limit_error(host, watch) from error
    if watch.reason:
        raise _limit_error(host, watch)


def _limit_error(host: str, watch: _Watch) -> NixError:
    advice = f"look at the machine: `ansible {host} -m raw -a id`; it may be overloaded, or not what it is taken for"
    if watch.late:
        return NoAnswerError(watch.reason, code="no_answer", host=host, advice=advice)
    return EndlessAnswerError(watch.reason, code="endless_answer", host=host, advice=advice)


class _Watch:
    """Looks at the time and at our memory now and then, in a thread of its own."""

    def __init__(self, seconds: float | None) -> None:
        self.reason = ""
        self.late = False
        self._seconds = seconds
        self._began = time.monotonic()
        self._memory = _most_memory()
        self._others = children()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="limits", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_exception: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        number = signal.SIGTERM
        while not self._over.wait(LOOK_SECONDS):
            self.reason = self.reason or self._exceeded()
            if self.reason:
                # Again and again, since it may be started again.
                _tell(children() - self._others, number)
                number = signal.SIGKILL

    def _exceeded(self) -> str:
        if self._seconds is not None and time.monotonic() - self._began > self._seconds:
            self.late = True
            return f"the machine did not answer within {self._seconds:g} s"
        if _most_memory() - self._memory > MOST_MEMORY:
            return "the machine's answer has no end: it was cut off"
        return ""


def end_children() -> None:
    """End what keeps a connection to a machine, and whatever else we have started."""
    _tell(children(), signal.SIGTERM)


def _tell(processes: set[int], number: int) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process, number)


def _most_memory() -> int:
    """Return how much memory we have had at most, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def children() -> set[int]:
    """Return the processes that we have started."""
    own = Path("/proc/self/task")
    # Not every kernel says it.
    if (own / str(os.getpid()) / "children").exists():
        return {int(word) for thread in own.iterdir() for word in _children_of(thread)}
    listed = subprocess.run(["ps", "-A", "-o", "pid=", "-o", "ppid="], capture_output=True, text=True, check=False)
    pairs = (line.split() for line in listed.stdout.splitlines())
    return {int(process) for process, parent in pairs if parent == str(os.getpid()) and process != str(os.getpid())}


def _children_of(thread: Path) -> list[str]:
    """Return the processes that one of our threads has started; one that has ended in this moment has none."""
    try:
        return (thread / "children").read_text().split()
    except OSError:
        return []


class AnswerBrokeOffError(NixError):
    """A script began on the machine, and what it printed ended before the script did."""


class ConnectionShell:
    """Runs a script in one round trip: the script on standard input of ``sh -s``, no file left behind.

    ``execute`` is Ansible's low-level execution of a command line with data for its standard input; privilege
    escalation, passwords and the connection's own options are its affair.
    """

    def __init__(self, host: str, execute: Callable[[str, bytes], dict[str, t.Any]], environment: str = "") -> None:
        self.host = host
        self._execute = execute
        self.environment = environment

    def run(self, script: str, *arguments: str) -> Completed:
        """See ``Shell.run``."""
        argv = ("sh", "-s", "--", *arguments)
        validate_sendable(self.host, argv)
        marker = f"nix.fleet-{secrets.token_hex(8)}"
        command = " ".join(filter(None, [self.environment, shlex.join(argv)]))
        answer = self._execute(command, framed(script, marker).encode())
        return completed(self.host, argv, answer, marker)


def validate_sendable(host: str, argv: tuple[str, ...]) -> None:
    """Refuse what no command line can carry."""
    if any("\0" in argument for argument in argv):
        raise NixError(
            "what is to be sent to the machine has a null character", code="null_character", host=host, command=argv
        )


def completed(host: str, argv: tuple[str, ...], answer: Mapping[str, t.Any], marker: str) -> Completed:
    """Return how a framed script ended, by what the machine answered; raise when it did not come to its end."""
    stdout = str(answer.get("stdout") or "")
    stderr = str(answer.get("stderr") or "")
    output = unframed(stdout, marker)
    if output is not None:
        return Completed(argv, output.rc, output.text, stderr)
    log = "\n".join(filter(None, [stdout, stderr]))
    if begins(stdout, marker):
        raise AnswerBrokeOffError(
            "the machine's answer broke off in the middle",
            code="broke_off",
            host=host,
            log=log.replace(f"{marker} begin\n", ""),
            advice="see whether it is short of memory, or was being shut down; then run again",
            rc=answer.get("rc"),
        )
    raise NixError(
        "the machine did not run the script it was sent",
        code="not_run",
        host=host,
        command=argv[:2],
        log=log,
        advice="check that the login and its privilege escalation can run a POSIX sh: `ansible HOST -m raw -a id`",
        rc=answer.get("rc"),
    )


class Framed(t.NamedTuple):
    """What a framed script printed and how it ended."""

    text: str
    rc: int


def framed(script: str, marker: str) -> str:
    """Return ``script`` such that its output can be told from what login shells and banners print around it."""
    # A subshell, so that `exit` in the script still leads to the closing mark; its standard input is empty, since what
    # follows in ours is the rest of the script. The opening mark is inside: a shell reads a subshell to its end before it
    # runs any of it, so that the mark says that the script arrived whole.
    return f"{program('shell')}\n(\nshell_begin {marker}\n{script}\n) </dev/null\nshell_end {marker} $?\n"


def begins(stdout: str, marker: str) -> bool:
    """Whether the script started."""
    return f"\n{marker} begin\n" in f"\n{stdout}"


def unframed(stdout: str, marker: str) -> Framed | None:
    """Return what the script printed between its marks, or None when it did not run to its end."""
    rest = f"\n{stdout}".partition(f"\n{marker} begin\n")[2]
    text, end, tail = rest.rpartition(f"\n{marker} end ")
    rc = re.match("[0-9]+\n", tail)
    return Framed(text, int(rc[0])) if end and rc else None


# What Ansible says instead of ssh's own words, in a task with no_log.
CENSORED = "censored due to no log"


class RenewableLink:
    """Runs scripts over ``shell``; ``reset`` drops the connection below it, so that the next script makes a new one.

    Of a connection that failed, Ansible tells no more than what came as standard error. There a script's first line
    leaves a mark: with it the script has begun, and without it nothing has, whatever the reason.
    """

    def __init__(self, shell: Shell, reset: Callable[[], None]) -> None:
        self._shell = shell
        self._reset = reset
        self._mark = f"nix.fleet-{secrets.token_hex(8)} has begun"
        self._reached = False

    def run(self, script: str) -> Completed:
        """See ``ScriptLink.run``. A machine that could not be reached in the first place is Ansible's to report.

        Once a script has begun, so that it may be at work, whatever keeps the next one from running is a lost connection:
        an activation may leave a machine without sudo, or without a login, for a moment.
        """
        try:
            answer = self._shell.run(f"printf '{self._mark}\\n' >&2\n{script}")
        except EndlessAnswerError:
            raise
        except (NixError, AnsibleError) as error:
            text = _text(error)
            # A line that died without a word has no answer. Where nothing is told, waiting is the lesser evil: the script
            # may be at work.
            self._reached = (
                self._reached
                or isinstance(error, (AnswerBrokeOffError, NoAnswerError))
                or self._mark in text
                or CENSORED in text
            )
            if not self._reached:
                raise
            raise ConnectionLostError(self._unmarked(text)) from error
        self._reached = True
        return dataclasses.replace(answer, stderr=self._unmarked(answer.stderr))

    def renew(self) -> None:
        """See ``ScriptLink.renew``."""
        try:
            self._reset()
        except (AnsibleError, OSError):
            # There was nothing left to drop.
            return

    def _unmarked(self, text: str) -> str:
        return text.replace(f"{self._mark}\n", "").replace(self._mark, "")


class FreshLink:
    """Runs each script over a connection of its own, that of ``shell``: it stands for whoever comes after us.

    A login that no longer runs what it is sent, or that may no longer escalate, is as lost as a line that is cut.
    """

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def run(self, script: str) -> Completed:
        """See ``ScriptLink.run``."""
        try:
            return self._shell.run(script)
        except EndlessAnswerError:
            raise
        except (NixError, AnsibleError) as error:
            raise ConnectionLostError(_text(error)) from error

    def renew(self) -> None:
        """See ``ScriptLink.renew``: every connection is a new one."""


def _text(error: NixError | AnsibleError) -> str:
    return f"{error.cause}\n{error.log}".strip() if isinstance(error, NixError) else str(error)
