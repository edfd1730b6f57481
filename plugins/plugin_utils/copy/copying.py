# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One copy: Nix's command line for it, and what its log and its end mean."""

from __future__ import annotations

import dataclasses
import re
import time
import typing as t

from ..core.errors import CopyError
from ..core.text import size
from ..nix.command import nix
from ..nix.log import LOG_FORMAT, MOST_EVENTS, PROGRESS, Event, NixLog, readable
from ..nix.store import GONE
from .ssh import LinkLostError

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..core.process import Completed

Result = t.TypeVar("Result")

# Numbers of Nix's `ActivityType` and `ResultType`.
COPY_PATH = 100
COPY_PATHS = 103
SET_EXPECTED = 106


@dataclasses.dataclass(frozen=True)
class Copy:
    """What is to be copied, and how."""

    paths: Sequence[str]
    check_signatures: bool = False
    substitute_on_destination: bool = False
    # What the paths refer to is there already.
    alone: bool = False

    def command(self, store: str) -> list[str]:
        """Return the command that copies into ``store``."""
        return nix(
            "copy",
            *LOG_FORMAT,
            *([] if self.check_signatures else ["--no-check-sigs"]),
            *(["--no-recursive"] if self.alone else []),
            *(["--substitute-on-destination"] if self.substitute_on_destination else []),
            "--to",
            store,
            *self.paths,
        )


class CopyLog(NixLog):
    """Follows the log of a copy, and knows which paths were sent and how much of all that is."""

    def __init__(self) -> None:
        super().__init__()
        # By path: its size, once Nix has told that.
        self.sent: dict[str, int] = {}
        # How much has been sent, of what Nix has told so far.
        self.bytes_done = 0
        self._done: tuple[int, int] = (0, 0)
        self._bytes_expected = 0
        self._overall: set[int] = set()
        # By activity: its path, and what has arrived of it.
        self._paths: dict[int, str] = {}
        self._bytes: dict[int, int] = {}

    def take(self, event: Event) -> str | None:
        """Take what one line says; return the path that is sent from then on, if any."""
        super().take(event)
        if event.action == "result":
            self._count(event)
        if event.action != "start" or len(self._paths) + len(self._overall) >= MOST_EVENTS:
            return None
        if event.type == COPY_PATHS:
            self._overall.add(event.id)
        if event.type != COPY_PATH or not event.fields:
            return None
        path = str(event.fields[0])
        self._paths[event.id] = path
        self.sent[path] = 0
        return path

    @property
    def sent_whole(self) -> dict[str, int]:
        """What was sent by a copy that broke off: one path goes after the other, and of the last one nothing has arrived.

        Unless it had been sent to its end.
        """
        last, path = next(reversed(self._paths.items()), (0, ""))
        if self._bytes.get(last, 0) >= self.sent.get(path, 0) > 0:
            return dict(self.sent)
        return {other: size for other, size in self.sent.items() if other != path}

    @property
    def progress(self) -> str:
        """How far the copy is: ``copying 41/400 paths, 12 MiB of 80 MiB``."""
        done, expected = self._done
        if not expected:
            return "copying"
        amount = size(self.bytes_done)
        whole = f" of {size(self._bytes_expected)}" if self._bytes_expected else ""
        return f"copying {done}/{expected} paths, {amount}{whole}"

    def _count(self, event: Event) -> None:
        numbers = [field for field in event.fields if isinstance(field, int)]
        if len(numbers) < 2:
            return
        first, second, *_rest = numbers
        if event.type == SET_EXPECTED and first == COPY_PATH:
            self._bytes_expected = second
        elif event.type == PROGRESS and event.id in self._overall:
            self._done = (first, second)
        elif event.type == PROGRESS and event.id in self._paths:
            self.bytes_done += first - self._bytes.get(event.id, 0)
            self._bytes[event.id] = first
            self.sent[self._paths[event.id]] = second


@dataclasses.dataclass(frozen=True)
class Meaning:
    """A message of Nix, as a pattern, and what it means to the operator, and as an error's code."""

    pattern: str
    cause: str
    advice: str
    code: str = "failed"


# What the shell's exit code is where a command is not found.
NO_NIX = 127
NOT_THERE_ADVICE = (
    "if it was built a moment ago, a garbage collection has taken it: run again; otherwise build it there first, or name"
    " the machine that has it (deploy_build_on, source_host)"
)
MEANINGS = (
    Meaning(
        r"lacks (a signature|a valid signature|signature) by a trusted key|lacks a valid signature",
        "the store does not take paths that no key it trusts has signed",
        "sign them with a key that it trusts (`nix store sign`, trusted-public-keys); or, unless deploy_check_signatures asks for"
        " signatures: log in as root, escalate, or make the login a trusted user of its Nix (trusted-users); or let the"
        " target build for itself (deploy_build_on: target)",
        code="unsigned",
    ),
    Meaning(
        r"/gcroots\b.*(No space left on device|Disk quota exceeded|Read-only file system|Permission denied)",
        "the state directory cannot be written, and without a GC root there a garbage collection may take what is copied",
        "mount it for writing, or make room there, for inodes too; or name another (nix_fleet_state_directory)",
        code="no_root",
    ),
    Meaning(
        r"No space left on device|database or disk is full|Disk quota exceeded",
        "the disk is full",
        "make room there (nix-collect-garbage --delete-older-than 30d), and run again:"
        " what has arrived is not sent a second time",
        code="disk_full",
    ),
    Meaning(
        r"is not allowed to connect to the Nix daemon",
        "the Nix daemon refuses the login",
        "add the user to `allowed-users` in its nix.conf, or escalate (ansible_become)",
        code="not_allowed",
    ),
    Meaning(
        r"error: out of memory|std::bad_alloc|std::length_error|basic_string::_M_|vector::_M_|larger than max_size",
        "Nix ran out of memory while it copied",
        "a copy of any size takes less than 100 MiB: look at what answers there as its Nix daemon, which announces more than"
        " a copy may take (1 GiB), and at whether one of the machines is short of memory",
        code="no_memory",
    ),
    Meaning(
        r"Read-only file system",
        "the store cannot be written",
        "the machine's store is on a read-only file system",
        code="read_only",
    ),
    Meaning(
        GONE.pattern,
        "a path that is to be copied is not in the store it is to come from",
        NOT_THERE_ADVICE,
        code="not_there",
    ),
)

# A copy that ended so may be tried again: what has arrived stays valid.
INTERRUPTED = re.compile(
    r"unexpected end-of-file|[Bb]roken pipe|[Cc]onnection reset|disconnected unexpectedly|[Cc]onnection refused"
    r"|error reading from socket|reading a line|[Cc]onnection timed out|cannot connect to socket|unexpected EOF"
    r"|cannot open connection to remote store|error: reading from file|writing to file",
)


def translated(answer: Completed, *, host: str) -> CopyError | None:
    """Return the error that ``answer`` is known to mean, or None."""
    for meaning in MEANINGS:
        if re.search(meaning.pattern, answer.stderr):
            return CopyError(
                meaning.cause,
                code=meaning.code,
                host=host,
                command=answer.argv,
                log=answer.stderr,
                advice=meaning.advice,
            )
    return None


def was_interrupted(answer: Completed) -> bool:
    """Whether ``answer`` is that of a copy whose connection broke."""
    return bool(INTERRUPTED.search(answer.stderr))


def no_nix(host: str, answer: Completed) -> CopyError:
    """Return the error for a machine without Nix."""
    return CopyError(
        "there is no Nix on this machine",
        code="no_nix",
        host=host,
        log=answer.stderr,
        advice="install Nix there, or add the directory of its programs to PATH with `environment:`",
    )


def verify(answer: Completed, log: CopyLog, *, host: str) -> None:
    """Raise what the end of a copy to ``host`` means, unless it went well."""
    if answer.ok:
        return
    command = _by_hand(answer.argv, host)
    told = dataclasses.replace(answer, argv=tuple(command), stderr=log.text)
    known = translated(told, host=host)
    if known:
        raise known
    if was_interrupted(told):
        raise LinkLostError(f"{host}: {log.cause or 'the connection broke'}")
    raise CopyError(
        log.cause or f"nix copy ended with exit code {answer.rc}",
        code="nix_copy",
        host=host,
        command=command,
        log=log.text,
    )


def stalled(argv: Sequence[str], log: CopyLog, *, host: str, seconds: float) -> CopyError:
    """Return the error of a copy to ``host`` that has made no progress for so long."""
    return CopyError(
        f"the copy has made no progress for {seconds:g} s",
        code="no_progress",
        host=host,
        command=_by_hand(argv, host),
        log=log.text,
        advice="see what its nix-daemon does there: it may be stopped, wait for the lock of a path that somebody else copies,"
        " or for a disk; if it only is that slow, allow for more (progress_timeout, deploy_copy_timeout)."
        " What has arrived is not sent a second time",
    )


def retried(
    attempt: Callable[[], Result],
    *,
    is_transient: Callable[[Exception], bool],
    retries: int,
    delay: float,
    announce: Callable[[str], None],
) -> Result:
    """Return what ``attempt`` returns, tried up to ``retries`` more times while ``is_transient`` holds for what it raises."""
    for _left in range(retries, 0, -1):
        try:
            return attempt()
        except Exception as error:
            if not is_transient(error):
                raise
            announce(f"interrupted ({error}); trying again in {delay:g} s")
            time.sleep(delay)
    return attempt()


def _by_hand(command: Sequence[str], host: str) -> list[str]:
    """Return ``command`` as a person would give it: the socket that it copies to is gone, and ssh leads there as well."""
    words = readable(command)
    at = words.index("--to") + 1 if "--to" in words else len(words)
    return [*words[:at], f"ssh-ng://{host}", *words[at + 1 :]] if at < len(words) else words
