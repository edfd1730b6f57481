# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A socket at which a machine's Nix store is served, and how one is opened there."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ..core.errors import CopyError
from .scripts import function, printing, script

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ..core.process import Completed
    from ..core.shell import Shell

# What a machine may call a socket or a directory of its own: nothing that ssh would read as two names.
PATH = re.compile(r"(/[0-9A-Za-z@%+._-]+){1,20}")
USER = re.compile(r"[0-9A-Za-z_][0-9A-Za-z+._@\\\\-]{0,63}\$?")

# The become methods that name in the environment who logs in, whatever was in it before, as `door.sh` knows them. Others,
# like su, hand on an environment in which anything may stand.
TOLD_BY = {"sudo": "sudo", "run0": "sudo", "doas": "doas"}

NO_NIX = 127
NO_STORE = 3
WHO_LOGS_IN = 5


@dataclasses.dataclass(frozen=True)
class Login:
    """The user that a connection logs in as, before any escalation."""

    uid: str
    name: str

    @classmethod
    def of(cls, shell: Shell) -> Login:
        """Ask the machine who logs in."""
        answer = shell.run("id -u && { id -un 2>/dev/null || id -u; }\n")
        uid, name = (*answer.stdout.split(), "", "")[:2]
        if not (uid.isascii() and uid.isdecimal() and USER.fullmatch(name)):
            raise CopyError(
                "the machine does not say who logs in",
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
class Door:
    """A socket of Nix's daemon protocol on a machine.

    ``signs`` is the directory in which a private daemon is told that it is still wanted, or no longer: see ``Pulse``.
    The system's own daemon has none.
    """

    socket: str
    signs: str | None = None


def open_door(shell: Shell, *, private: bool, escalation: Escalation | None, quiet: float) -> Door:
    """Have ``shell``'s machine serve its store to the user who logs in.

    ``private`` prefers a daemon of our own, run by the user of ``shell``, to which the login is a trusted user; the
    system's daemon is taken otherwise, and where the user may not write the store. ``escalation`` is how the
    login becomes the user of ``shell``, if it does. A private daemon ends ``quiet`` seconds after the last sign of life.
    """
    return door_of(shell.host, ask_at_door(shell, door_program(), private, escalation, quiet))


def door_program() -> str:
    """Return `door.sh` with all that it needs."""
    return printing("guard", function("keep", script("keep")) + script("guard")) + script("door")


def ask_at_door(
    shell: Shell, program: str, private: bool, escalation: Escalation | None, quiet: float, *arguments: str
) -> Completed:
    """Run ``program`` with the arguments of `door.sh` and further ones."""

    def ask(name: str, uid: str) -> Completed:
        seconds = str(max(1, round(quiet)))
        return shell.run(program, "private" if private else "system", name, uid, seconds, *arguments)

    if escalation is None:
        return ask("", "")
    told_by = TOLD_BY.get(escalation.method)
    answer = ask("", told_by) if told_by else None
    if answer is not None and answer.rc != WHO_LOGS_IN:
        return answer
    who = escalation.login()
    return ask(who.name, who.uid)


def door_of(host: str, answer: Completed) -> Door:
    """Return the door that `door.sh` says it has opened; raise why it has not."""
    if not answer.ok:
        raise _refusal(host, answer)
    fields = dict(line.partition(" ")[::2] for line in answer.stdout.splitlines())
    door = Door(fields.get("socket", ""), fields.get("signs"))
    if not PATH.fullmatch(door.socket) or not (door.signs is None or PATH.fullmatch(door.signs)):
        raise CopyError(
            "the machine does not say where its Nix store is served",
            host=host,
            log=f"{answer.stdout}\n{answer.stderr}",
            advice="see whether the shell and the Nix there are the real ones",
        )
    return door


def _refusal(host: str, answer: Completed) -> CopyError:
    if answer.rc == NO_NIX:
        return no_nix(host, answer)
    if answer.rc == NO_STORE:
        return CopyError(
            "the login may neither write the Nix store nor ask a Nix daemon to",
            host=host,
            log=answer.stderr,
            advice="log in as root or escalate (ansible_become), or run the Nix daemon on this machine",
        )
    return CopyError(
        "no Nix daemon could be started for the copy",
        host=host,
        log=answer.stderr,
        advice="read the messages above; `nix-daemon` must be able to run there as the user who owns the store",
    )


def no_nix(host: str, answer: Completed) -> CopyError:
    """Return the error for a machine without Nix."""
    return CopyError(
        "there is no Nix on this machine",
        host=host,
        log=answer.stderr,
        advice="install Nix there, or add the directory of its programs to PATH with `environment:`",
    )
