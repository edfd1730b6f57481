# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that runs commands on the controller."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import threading
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

GRACE_SECONDS = 5.0
SIGNAL_SECONDS = 0.2


@dataclasses.dataclass(frozen=True)
class Completed:
    """A command that has ended, on whichever machine."""

    argv: tuple[str, ...]
    rc: int
    stdout: str
    stderr: str

    @property
    def ok(self) -> bool:
        """Whether the command ended with exit code 0."""
        return self.rc == 0


class CommandTimeoutError(Exception):
    """A command took longer than it was given and was ended."""

    def __init__(self, argv: Sequence[str], seconds: float) -> None:
        super().__init__(f"no end after {seconds:g} s: {argv[0]}")
        self.argv = tuple(argv)
        self.seconds = seconds


def run(
    argv: Sequence[str],
    *,
    stdin: bytes | None = None,
    hold_stdin: bool = False,
    environment: Mapping[str, str] | None = None,
    cwd: str | None = None,
    timeout: float | None = None,
    on_stderr_line: Callable[[str], None] | None = None,
) -> Completed:
    """Run ``argv`` on the controller and return how it ended; a failure of the command is not an exception.

    The command is the leader of a process group of its own, and the whole group ends when the caller is
    interrupted, terminated, or out of time: an evaluation must not outlive the run that asked for it.
    With ``hold_stdin`` its standard input stays open after ``stdin``: on another machine, its end says that nobody waits any more.
    ``environment`` is added to the caller's. Raises ``FileNotFoundError`` when there is no such program and
    ``CommandTimeoutError`` after ``timeout`` seconds.
    """
    process = subprocess.Popen(
        list(argv),
        stdin=subprocess.PIPE if stdin is not None or hold_stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
        cwd=cwd,
        start_new_session=True,
    )
    with _ended_with_caller(process) as told:
        stdout: list[bytes] = []
        stderr: list[str] = []
        threads = [
            threading.Thread(target=_read, args=(process.stdout, stdout), daemon=True),
            threading.Thread(target=_read_lines, args=(process.stderr, stderr, on_stderr_line), daemon=True),
            threading.Thread(target=_write, args=(process.stdin, stdin, hold_stdin), daemon=True),
        ]
        watchdog = _Watchdog(process, timeout)
        for thread in threads:
            thread.start()
        with watchdog:
            for thread in threads:
                # A shared ssh session keeps the pipes of a command that was ended here, until it ends there.
                _await(thread, lambda: bool(told or watchdog.fired) and process.poll() is not None)
            process.wait()
        if timeout is not None and watchdog.fired:
            raise CommandTimeoutError(argv, timeout)
    return Completed(tuple(argv), process.returncode, b"".join(stdout).decode(errors="replace"), "".join(stderr))


@dataclasses.dataclass(frozen=True)
class Companion:
    """A command that runs beside the program, and the pipes to and from it."""

    process: subprocess.Popen[bytes]
    stdin: t.IO[bytes]
    stdout: t.IO[bytes]


def start(
    argv: Sequence[str], *, stderr: int | t.IO[bytes] = subprocess.DEVNULL, environment: Mapping[str, str] | None = None
) -> Companion:
    """Start ``argv`` as the leader of a process group of its own, which the caller ends with ``end_group``."""
    process = subprocess.Popen(
        list(argv),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env={**os.environ, **(environment or {})},
        start_new_session=True,
    )
    return Companion(process, t.cast("t.IO[bytes]", process.stdin), t.cast("t.IO[bytes]", process.stdout))


def _await(thread: threading.Thread, pointless: Callable[[], bool]) -> None:
    # The kernel may hand a signal to any thread, but Python handles it in this one, and not before it returns from a
    # call that blocks.
    while thread.is_alive() and not pointless():
        thread.join(SIGNAL_SECONDS)


def _read(stream: t.IO[bytes], data: list[bytes]) -> None:
    data.append(stream.read())


def _read_lines(stream: t.IO[bytes], lines: list[str], on_line: Callable[[str], None] | None) -> None:
    for raw in stream:
        line = raw.decode(errors="replace")
        lines.append(line)
        if on_line is not None:
            on_line(line.rstrip("\n"))


def _write(stream: t.IO[bytes] | None, data: bytes | None, hold: bool) -> None:
    if stream is None:
        return
    # A command that does not read its input to the end says so by its exit code.
    with contextlib.suppress(BrokenPipeError):
        stream.write(data or b"")
        stream.flush()
    if not hold:
        with contextlib.suppress(BrokenPipeError):
            stream.close()


class _Watchdog:
    """Ends a process group that is out of time."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float | None) -> None:
        self.fired = False
        self._process = process
        self._timer = threading.Timer(seconds, self._fire) if seconds is not None else None

    def _fire(self) -> None:
        self.fired = True
        end_group(self._process)

    def __enter__(self) -> None:
        if self._timer is not None:
            self._timer.start()

    def __exit__(self, *_exception: object) -> None:
        if self._timer is not None:
            self._timer.cancel()


@contextlib.contextmanager
def _ended_with_caller(process: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """End the process group when the block is left by an exception or the caller is told to end.

    Yields the signals that the caller was told so by.
    """
    told: list[int] = []

    def end(number: int, _frame: object) -> None:
        # Nothing is raised from here: a second signal would find us in the middle of ending it, or just after. The
        # block comes to its end with the process.
        told.append(number)
        if len(told) == 1:
            threading.Thread(target=end_group, args=(process,), daemon=True).start()

    previous = {}
    # Ansible ends its workers with the signal that it was sent itself. They would hand it to their own process group,
    # of which the command is no part, and be gone.
    if threading.current_thread() is threading.main_thread():
        previous = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield told
    except BaseException:
        end_group(process)
        raise
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if told:
        raise KeyboardInterrupt if told[0] == signal.SIGINT else SystemExit(128 + told[0])


def end_group(process: subprocess.Popen[bytes], grace: float = GRACE_SECONDS) -> None:
    """Terminate the process group led by ``process``, and kill what is left of it after ``grace`` seconds."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(grace)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
