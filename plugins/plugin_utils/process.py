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
    environment: Mapping[str, str] | None = None,
    cwd: str | None = None,
    timeout: float | None = None,
    on_stderr_line: Callable[[str], None] | None = None,
) -> Completed:
    """Run ``argv`` on the controller and return how it ended; a failure of the command is not an exception.

    The command is the leader of a process group of its own, and the whole group ends when the caller is
    interrupted, terminated, or out of time: an evaluation must not outlive the run that asked for it.
    ``environment`` is added to the caller's. Raises ``FileNotFoundError`` when there is no such program and
    ``CommandTimeoutError`` after ``timeout`` seconds.
    """
    process = subprocess.Popen(
        list(argv),
        stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
        cwd=cwd,
        start_new_session=True,
    )
    with _ended_with_caller(process):
        stderr: list[str] = []
        reader = threading.Thread(target=_read_lines, args=(process.stderr, stderr, on_stderr_line), daemon=True)
        writer = threading.Thread(target=_write, args=(process, stdin), daemon=True)
        watchdog = _Watchdog(process, timeout)
        reader.start()
        writer.start()
        with watchdog:
            stdout = t.cast("t.IO[bytes]", process.stdout).read()
            process.wait()
        reader.join()
        if timeout is not None and watchdog.fired:
            raise CommandTimeoutError(argv, timeout)
    return Completed(tuple(argv), process.returncode, stdout.decode(errors="replace"), "".join(stderr))


def _read_lines(stream: t.IO[bytes], lines: list[str], on_line: Callable[[str], None] | None) -> None:
    for raw in stream:
        line = raw.decode(errors="replace")
        lines.append(line)
        if on_line is not None:
            on_line(line.rstrip("\n"))


def _write(process: subprocess.Popen[bytes], data: bytes | None) -> None:
    if process.stdin is None:
        return
    # A command that does not read its input to the end says so by its exit code.
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(data or b"")
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()


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
def _ended_with_caller(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End the process group when the block is left by an exception or the caller is told to end."""
    previous = {}
    # Ansible ends its workers with the signal that it was sent itself. They would hand it to their own process group,
    # of which the command is no part, and be gone.
    if threading.current_thread() is threading.main_thread():
        previous = {number: signal.signal(number, _raise_exit) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except BaseException:
        # Told twice, we still see it through.
        for number in previous:
            signal.signal(number, signal.SIG_IGN)
        end_group(process)
        raise
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _raise_exit(number: int, _frame: object) -> t.NoReturn:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)


def end_group(process: subprocess.Popen[bytes], grace: float = GRACE_SECONDS) -> None:
    """Terminate the process group led by ``process``, and kill what is left of it after ``grace`` seconds."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(grace)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
