# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that runs commands on the controller, and what the program needs of a machine's shell to run some there."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import os
import select
import signal
import subprocess
import threading
import time
import typing as t

from .errors import NixError

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Item = t.TypeVar("Item")


class Recent(t.Generic[Item]):
    """Items in their order, the oldest of which go when all together are larger than ``room``.

    ``size`` is that of an item, which takes some room even if it says nothing.
    """

    def __init__(self, room: int, size: Callable[[Item], int]) -> None:
        self._room = room
        self._size = lambda item: 1 + size(item)
        self._items: collections.deque[Item] = collections.deque()
        self._taken = 0

    def append(self, item: Item) -> None:
        """Add ``item`` at the end."""
        self._items.append(item)
        self._taken += self._size(item)
        while self._taken > self._room and len(self._items) > 1:
            self._taken -= self._size(self._items.popleft())

    def pop(self) -> Item:
        """Take the last item out."""
        item = self._items.pop()
        self._taken -= self._size(item)
        return item

    def __getitem__(self, index: int) -> Item:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)


GRACE_SECONDS = 5.0
LOOK_SECONDS = 0.5
SIGNAL_SECONDS = 0.2

# Some of what runs here hands on what another machine says, which may be anything and may have no end. More than the
# largest evaluation prints, and less than what a controller would miss.
MOST_OUTPUT = 256 << 20
# Of standard error the last is kept. A longer line comes in pieces.
MOST_ERRORS = 64 << 20
LONGEST_LINE = 32 << 20
CHUNK = 1 << 16


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

    def or_raise(self, error: NixError) -> Completed:
        """Return this if the command succeeded; else raise ``error`` with what the command printed as its errors."""
        if not self.ok:
            raise error.with_log(self.stderr)
        return self


class CommandTimeoutError(Exception):
    """A command took longer than it was given and was ended."""

    def __init__(self, argv: Sequence[str], seconds: float) -> None:
        super().__init__(f"no end after {seconds:g} s: {argv[0]}")
        self.argv = tuple(argv)
        self.seconds = seconds


class Shell(t.Protocol):
    """A POSIX sh on one machine, as one user."""

    @property
    def host(self) -> str:
        """The inventory name of the machine, for messages."""

    def run(self, script: str, *arguments: str) -> Completed:
        """Run ``script`` with ``arguments`` as ``$1…`` in one round trip; a non-zero exit code is not an exception.

        Nix's usual places are on its PATH. What the login shell prints by itself is not part of the output.
        Raises the connection's own exception when the machine cannot be reached.
        """


class ConnectionLostError(Exception):
    """The machine did not answer, or its answer broke off."""


class ScriptLink(t.Protocol):
    """A connection to a machine that can be out of reach in between, and can be made anew."""

    def run(self, script: str) -> Completed:
        """Run ``script``; raises ``ConnectionLostError`` when a connection that stood did not bring its whole answer."""

    def renew(self) -> None:
        """Give the connection up, so that the next script makes a new one."""


def run_command(shell: Shell, *argv: str) -> Completed:
    """Run one command, given as an argument list, over ``shell``."""
    return shell.run('exec "$@"\n', *argv)


def run(
    argv: Sequence[str],
    *,
    stdin: bytes | None = None,
    hold_stdin: bool = False,
    environment: Mapping[str, str] | None = None,
    cwd: str | None = None,
    timeout: float | None = None,
    on_stderr_line: Callable[[str], None] | None = None,
    look: Callable[[], None] | None = None,
    errors: str = "replace",
) -> Completed:
    """Run ``argv`` on the controller and return how it ended; a failure of the command is not an exception.

    The command is the leader of a process group of its own, and the whole group ends when the caller is
    interrupted, terminated, or out of time: an evaluation must not outlive the run that asked for it.
    With ``hold_stdin`` its standard input stays open after ``stdin``: on another machine, its end says that nobody waits any more.
    ``environment`` is added to the caller's. ``errors`` says what becomes of bytes in its output that are no text: with
    `surrogateescape` none is lost. Raises ``FileNotFoundError`` when there is no such program,
    ``CommandTimeoutError`` after ``timeout`` seconds, ``NixError`` when it prints more than there is room for, and what
    ``on_stderr_line`` raised, which ends the command. So does what ``look`` raises, which is called a few times a second.
    """

    def begin() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE if stdin is not None or hold_stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **(environment or {})},
            cwd=cwd,
            start_new_session=True,
        )

    with _ended_with_caller(begin) as (process, told):
        output = _Output(process)
        messages = _Errors(process, on_stderr_line)
        threads = [
            threading.Thread(target=output.read, daemon=True),
            threading.Thread(target=messages.read, args=(process.stderr,), daemon=True),
            threading.Thread(target=_write, args=(process.stdin, stdin, hold_stdin), daemon=True),
        ]
        watchdog = _Watchdog(process, timeout)
        for thread in threads:
            thread.start()

        def ended_here() -> bool:
            return bool(told or watchdog.fired or output.endless or messages.raised) and process.poll() is not None

        with watchdog:
            for thread in threads:
                # A shared ssh session keeps the pipes of a command that was ended here, until it ends there.
                _await(thread, ended_here, look)
            process.wait()
        if timeout is not None and watchdog.fired:
            raise CommandTimeoutError(argv, timeout)
    if output.endless:
        raise NixError(
            f"{argv[0]} printed more than {MOST_OUTPUT >> 20} MiB and was ended",
            code="endless_output",
            log=messages.text,
        )
    if messages.raised is not None:
        raise messages.raised
    return Completed(tuple(argv), process.returncode, output.text(errors), messages.text)


# What runs at the moment, in whichever thread; None once nothing may run any more.
_running: set[subprocess.Popen[bytes]] | None = set()
_running_lock = threading.Lock()


@contextlib.contextmanager
def _listed(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Let ``end_all`` know of ``process``."""
    with _running_lock:
        too_late = _running is None
        if _running is not None:
            _running.add(process)
    if too_late:
        end_group(process)
    try:
        yield
    finally:
        with _running_lock:
            if _running is not None:
                _running.discard(process)


def end_all() -> None:
    """End what runs in any thread, and what another thread is about to run: the program comes to its end."""
    global _running
    with _running_lock:
        ending, _running = _running or set(), None
    threads = [threading.Thread(target=end_group, args=(process,)) for process in ending]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def await_end(number: int) -> None:
    """Wait for the end of a process, which need not be ours."""
    try:
        select.select([os.pidfd_open(number)], [], [])
    except (AttributeError, OSError):
        # Not Linux, an old one, or over already.
        while _alive(number):
            time.sleep(LOOK_SECONDS)


def _alive(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


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


def _await(thread: threading.Thread, pointless: Callable[[], bool], look: Callable[[], None] | None) -> None:
    # The kernel may hand a signal to any thread, but Python handles it in this one, and not before it returns from a
    # call that blocks.
    while thread.is_alive() and not pointless():
        thread.join(SIGNAL_SECONDS)
        if look:
            look()


class _Output:
    """What a process prints, up to a limit that ends it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.endless = False
        self._process = process
        self._read: list[bytes] = []

    def read(self) -> None:
        stream = t.cast("t.IO[bytes]", self._process.stdout)
        size = 0
        while chunk := stream.read(CHUNK):
            size += len(chunk)
            if size > MOST_OUTPUT:
                self.endless = True
                end_group(self._process)
                return
            self._read.append(chunk)

    def text(self, errors: str) -> str:
        return b"".join(self._read).decode(errors=errors)


class _Errors:
    """What a process prints on standard error: its last lines, each handed on as it comes."""

    def __init__(self, process: subprocess.Popen[bytes], on_line: Callable[[str], None] | None) -> None:
        self.raised: BaseException | None = None
        self._process = process
        self._on_line = on_line
        self._lines = Recent[str](MOST_ERRORS, len)

    def read(self, stream: t.IO[bytes]) -> None:
        while raw := stream.readline(LONGEST_LINE):
            line = raw.decode(errors="replace")
            self._lines.append(line)
            self._hand_on(line)

    @property
    def text(self) -> str:
        return "".join(self._lines)

    def _hand_on(self, line: str) -> None:
        if self._on_line is None or self.raised is not None:
            return
        try:
            self._on_line(line.rstrip("\n"))
        except BaseException as error:  # noqa: BLE001  # raised again when the process has ended, which waits for a reader
            self.raised = error
            _end_in_background(self._process)


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
def _ended_with_caller(
    begin: Callable[[], subprocess.Popen[bytes]],
) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """Begin a process, and end its group when the block is left by an exception or the caller is told to end.

    Yields the process, and the signals that the caller was told so by.
    """
    begun: list[subprocess.Popen[bytes]] = []
    told: list[int] = []

    def end(number: int, _frame: object) -> None:
        # Nothing is raised from here: a second signal would find us in the middle of ending it, or just after. The
        # block comes to its end with the process.
        told.append(number)
        if len(told) == 1 and begun:
            _end_in_background(begun[0])

    previous = {}
    # Ansible ends its workers with the signal that it was sent itself. They would hand it to their own process group,
    # of which the command is no part, and be gone. So before there is a command.
    if threading.current_thread() is threading.main_thread():
        previous = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        begun.append(begin())
        if told:
            _end_in_background(begun[0])
        with _listed(begun[0]):
            yield begun[0], told
    except BaseException:
        if begun:
            end_group(begun[0])
        raise
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if told:
        raise KeyboardInterrupt if told[0] == signal.SIGINT else SystemExit(128 + told[0])


def _end_in_background(process: subprocess.Popen[bytes]) -> None:
    threading.Thread(target=end_group, args=(process,), daemon=True).start()


def end_group(process: subprocess.Popen[bytes], grace: float = GRACE_SECONDS) -> None:
    """Terminate the process group led by ``process``, and kill what is left of it after ``grace`` seconds."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(grace)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
