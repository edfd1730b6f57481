# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine's Nix store lacks, and the socket at which the store is served while that is copied."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import shlex
import socket
import struct
import typing as t

from ..core.errors import CopyError
from ..nix.machine import when_free
from ..nix.store import parse_paths
from ..target.programs import calling, program
from .copying import NO_NIX, no_nix, translated

if t.TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable, Iterable, Sequence

    from ..core.process import Completed, Shell

# The first words of the daemon's protocol (`worker-protocol.hh`): a client's, and the daemon's answer.
CLIENT_HELLO = 0x6E697863.to_bytes(8, "little")
DAEMON_HELLO = 0x6478696F.to_bytes(8, "little")

# Of `nix-store --serve` (`serve-protocol.hh`), unchanged in this since version 2.1 of it.
SERVE_MAGIC = 0x390C9DEB
SERVE_VERSION = 0x205
DUMP_STORE_PATH = 3
ALIGNMENT = 8


def daemon_hangs_up(path: pathlib.Path, timeout: float) -> bool:
    """Whether who listens at ``path`` hangs up on a client; not when nothing comes back within ``timeout`` seconds."""
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as client:
        client.settimeout(timeout)
        try:
            client.connect(str(path))
            client.sendall(CLIENT_HELLO)
            return not client.recv(len(DAEMON_HELLO))
        except TimeoutError:
            return False
        except OSError:
            return True


def serve_requests(paths: Iterable[str]) -> bytes:
    """Return what has ``nix-store --serve`` send the archives of ``paths``, after a greeting of 16 bytes.

    A text has its length before it, and zeros behind it up to a multiple of eight bytes. Nothing needs an answer before the
    next request, so that a file can be prepared with all of them.
    """
    requests = [_number(DUMP_STORE_PATH) + _text(path) for path in paths]
    return b"".join([_number(SERVE_MAGIC), _number(SERVE_VERSION), *requests])


def _number(value: int) -> bytes:
    return struct.pack("<Q", value)


def _text(text: str) -> bytes:
    data = text.encode()
    return _number(len(data)) + data + bytes(-len(data) % ALIGNMENT)


# What a machine may call a socket or a directory of its own: nothing that ssh would read as two names.
PATH = re.compile(r"(/[0-9A-Za-z@%+._-]+){1,20}")
USER = re.compile(r"[0-9A-Za-z_][0-9A-Za-z+._@\\\\-]{0,63}\$?")

# The become methods that name in the environment who logs in, whatever was in it before, as `store_socket.sh` knows them.
# Others, like su, hand on an environment in which anything may stand.
TOLD_BY = {"sudo": "sudo", "run0": "sudo", "doas": "doas"}

# Exit codes of `store_socket.sh`, and how it says that it goes on to open a socket.
NO_STORE = 3
UNKNOWN_LOGIN = 5
MISSING = "something is missing"


@dataclasses.dataclass(frozen=True)
class Login:
    """The user that a connection logs in as, before any escalation."""

    uid: str
    name: str

    @classmethod
    def of(cls, shell: Shell) -> Login:
        """Ask the machine who logs in."""
        answer = shell.run(calling("shell", "shell_login"))
        uid, name = (*answer.stdout.split(), "", "")[:2]
        if not (uid.isascii() and uid.isdecimal() and USER.fullmatch(name)):
            raise CopyError(
                "the machine does not say who logs in",
                code="unknown_login",
                host=shell.host,
                command=["id", "-un"],
                log=f"{answer.stdout}\n{answer.stderr}",
                advice="see what `id` prints there",
            )
        return cls(uid, name)


@dataclasses.dataclass(frozen=True)
class Escalation:
    """What makes another user of the one who logs in: Ansible's name of the method, and what asks who logs in."""

    method: str
    login: Callable[[], Login]


@dataclasses.dataclass(frozen=True)
class StoreSocket:
    """A socket of Nix's daemon protocol on a machine.

    ``keepalive`` is the directory in which a private daemon is told that the copy goes on, or is over: see ``Keepalive``.
    The system's own daemon has none.
    """

    path: str
    keepalive: str | None = None


def open_store_socket(shell: Shell, *, private: bool, escalation: Escalation | None, timeout: float) -> StoreSocket:
    """Have ``shell``'s machine serve its store to the user who logs in.

    ``private`` prefers a daemon of our own, run by the user of ``shell``, to which the login is a trusted user; the
    system's daemon is taken otherwise, and where the user may not write the store. ``escalation`` is how the login
    becomes the user of ``shell``, if it does. A private daemon ends ``timeout`` seconds after the last keepalive.
    """
    return _store_socket(shell.host, _run(shell, "store_socket_open", private, escalation, timeout))


def open_store_socket_if_missing(
    shell: Shell, paths: Sequence[str], *, gc_root: str, escalation: Escalation | None, timeout: float
) -> StoreSocket | None:
    """Open a private socket, as ``open_store_socket`` does, where any of ``paths`` is missing: one round trip.

    Where all of them are there, they are kept from the garbage collector as ``missing_paths`` does it, and there is none.
    """
    answer = _run(shell, "store_socket_open_if_missing", True, escalation, timeout, gc_root, *paths)
    _before, missing, opened = answer.stdout.partition(f"{MISSING}\n")
    if missing:
        return _store_socket(shell.host, dataclasses.replace(answer, stdout=opened))
    _refuse_failed(shell.host, answer, paths)
    return None


def missing_paths(shell: Shell, paths: Sequence[str], *, gc_root: str | None = None) -> list[str]:
    """Return those of ``paths`` that the store of ``shell``'s machine lacks: one round trip.

    When it lacks none and ``gc_root`` is given, the paths are kept from the garbage collector, in place of those that
    were last kept under that name.
    """
    answer = when_free(lambda: shell.run(calling("store_socket", "store_paths_keep"), gc_root or "", *paths))
    _refuse_failed(shell.host, answer, paths)
    return parse_paths(answer.stdout)


def missing_of_many(shell: Shell, paths: Sequence[str]) -> list[str]:
    """Return those of ``paths``, of which there may be thousands, that the store of ``shell``'s machine lacks."""
    # In the script, since a command line is limited.
    listed = shlex.quote("\n".join(paths))
    answer = when_free(lambda: shell.run(f"{program('store')}\nstore_paths_missing_of_many {listed}\n"))
    if not answer.ok:
        raise _silent_store(shell.host, answer)
    return parse_paths(answer.stdout)


def _run(
    shell: Shell, function: str, private: bool, escalation: Escalation | None, timeout: float, *arguments: str
) -> Completed:
    """Run ``function`` of `store_socket.sh` with its first arguments and further ones."""
    script = f'{program("store_socket")}\n{function} {shlex.quote(_private_daemon())} "$@"\n'

    def run(name: str, uid: str) -> Completed:
        words = ("private" if private else "system", name, uid, str(max(1, round(timeout))), *arguments)
        return when_free(lambda: shell.run(script, *words))

    if escalation is None:
        return run("", "")
    told_by = TOLD_BY.get(escalation.method)
    answer = run("", told_by) if told_by else None
    if answer is not None and answer.rc != UNKNOWN_LOGIN:
        return answer
    login = escalation.login()
    return run(login.name, login.uid)


def _private_daemon() -> str:
    return calling("private_daemon", "private_daemon_run")


def _store_socket(host: str, answer: Completed) -> StoreSocket:
    """Return the socket that `store_socket.sh` says it has opened; raise why it has not."""
    if not answer.ok:
        raise _unopened(host, answer)
    fields = dict(line.partition(" ")[::2] for line in answer.stdout.splitlines())
    opened = StoreSocket(fields.get("socket", ""), fields.get("keepalive"))
    if not PATH.fullmatch(opened.path) or not (opened.keepalive is None or PATH.fullmatch(opened.keepalive)):
        raise CopyError(
            "the machine does not say where its Nix store is served",
            code="no_socket",
            host=host,
            log=f"{answer.stdout}\n{answer.stderr}",
            advice="see whether the shell and the Nix there are the real ones",
        )
    return opened


def _unopened(host: str, answer: Completed) -> CopyError:
    if answer.rc == NO_NIX:
        return no_nix(host, answer)
    if answer.rc == NO_STORE:
        return CopyError(
            "the login may neither write the Nix store nor ask a Nix daemon to",
            code="no_store",
            host=host,
            log=answer.stderr,
            advice="log in as root or escalate (ansible_become), or run the Nix daemon on this machine",
        )
    return CopyError(
        "no Nix daemon could be started for the copy",
        code="no_daemon",
        host=host,
        log=answer.stderr,
        advice="read the messages above; `nix-daemon` must be able to run there as the user who owns the store",
    )


def _refuse_failed(host: str, answer: Completed, paths: Sequence[str]) -> None:
    if answer.rc == NO_NIX:
        raise no_nix(host, answer)
    if not answer.ok:
        raise translated(answer, host=host) or _silent_store(host, answer, paths)


def _silent_store(host: str, answer: Completed, paths: Sequence[str] = ()) -> CopyError:
    return CopyError(
        "the Nix store cannot be asked what it has",
        code="silent_store",
        host=host,
        command=["nix-store", "--check-validity", "--print-invalid", *paths] if paths else None,
        log=answer.stderr,
    )
