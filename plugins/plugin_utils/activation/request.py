# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one activation is asked to do, checked before anything reaches a machine, and the scripts that ask a machine for it."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
import typing as t

from ..core.errors import ActivationError, NixError
from ..nix.command import configuration
from ..nix.store import is_store_path
from ..target.programs import program

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ..platforms.platform import Platform
    from ..run_state.job import Job

PROFILE = re.compile(r"(~?/|per-user/(?=[^/]+\Z))[^/\0-\x1f\x7f]+(/[^/\0-\x1f\x7f]+)*")
# As `nix_activate` makes them; it becomes the name of a directory on the target.
DEPLOYMENT = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,99}")
NAME = re.compile(r"[0-9A-Za-z_][0-9A-Za-z+._-]*")
# What a person may write about a deployment; longer is kept out of the journal, whose lines are bounded.
LONGEST_TEXT = 500
# A day. The target's shell counts with numbers that have an end.
LONGEST_SECONDS = 86_400
# The generation before, the number of one, or what there was before a deployment or a run.
ROLLBACK = re.compile("previous|[1-9][0-9]{0,8}|before:[0-9A-Za-z-]{1,64}")


@dataclasses.dataclass(frozen=True)
class Origin:
    """Who deploys what, from where, as the journal of the target keeps it."""

    user: str
    controller: str
    run: str | None = None
    revision: str | None = None
    dirty: bool | None = None
    description: str | None = None
    job: Job | None = None

    @property
    def text(self) -> str:
        """The deploying person, for another who finds the lock taken."""
        job = f", {self.job.name}" if self.job else ""
        return one_line(f"{self.user}@{self.controller}{job}")


@dataclasses.dataclass(frozen=True)
class Request:
    """One deployment of one profile, as the options of a task say it.

    ``confirm_timeout`` is how many seconds the target waits for the confirmation of what it has activated; 0 wants none.
    ``lock_timeout``: for how many seconds it waits for another deployment, or for the platform's own lock. ``no_check``:
    whether the system's own check before a switch is left out. ``in_turn``: whether it waits while another profile of the machine has its turn in the same run.
    """

    id: str
    platform: Platform
    origin: Origin
    closure: str | None = None
    rollback: str | None = None
    profile: str | None = None
    goal: str = "switch"
    program: str | None = None
    specialisation: str | None = None
    install_bootloader: bool = False
    rollback_on_failure: bool = True
    failed_units: str = "fail"
    activation_timeout: int = 600
    confirm_timeout: int = 0
    lock_timeout: int = 0
    no_check: bool = False
    backup_extension: str | None = None
    nix_options: Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    check: bool = False
    in_turn: bool = True

    def __post_init__(self) -> None:
        """Refuse what no machine should be asked."""
        for problem in self._problems():
            raise ActivationError(
                problem, code="bad_option", advice="nothing was touched; correct it", outcome="refused", id=self.id
            )

    def arguments(self) -> list[str]:
        """Return the request as the shell program reads it, one ``key=value`` a field."""
        values: dict[str, str] = {
            "id": self.id,
            "who": self.origin.text,
            "of_run": (self.in_turn and self.origin.run) or "",
            "entry": json.dumps(self._entry(), separators=(",", ":")),
            "profile": self.profile or "",
            "closure": self.closure or "",
            "rollback": self.rollback or "",
            "goal": self.goal,
            "activate": self.program or "",
            "specialisation": self.specialisation or "",
            "install_bootloader": str(int(self.install_bootloader)),
            "rollback_on_failure": str(int(self.rollback_on_failure)),
            "failed_units": self.failed_units,
            "activation_timeout": str(self.activation_timeout),
            "confirm_timeout": str(self.confirm_timeout),
            "lock_timeout": str(self.lock_timeout),
            "no_check": str(int(self.no_check)),
            "backup_extension": self.backup_extension or "",
            "check": str(int(self.check)),
        }
        return [f"{key}={value}" for key, value in values.items()]

    @property
    def settings(self) -> str:
        """Nix's settings, which may be secret: they are no part of the request that a machine keeps."""
        return configuration(self.nix_options)

    def _entry(self) -> dict[str, t.Any]:
        origin = self.origin
        return {
            "id": self.id,
            "run": origin.run,
            "user": one_line(origin.user),
            "controller": one_line(origin.controller),
            "revision": origin.revision and one_line(origin.revision),
            "dirty": origin.dirty,
            "description": origin.description and one_line(origin.description),
            "job": origin.job
            and {name: value and one_line(value) for name, value in origin.job.to_result().items() if name != "user"},
            "platform": self.platform.name,
            "goal": self.goal,
            "rollback": self.rollback,
        }

    def _problems(self) -> t.Iterator[str]:
        platform = self.platform
        if wrong := platform.goal_problem(self.goal):
            yield wrong
        if bool(self.closure) == bool(self.rollback):
            yield "one of closure and rollback is needed, and not both"
        if self.closure and not is_store_path(self.closure):
            yield f"closure is not a store path: {self.closure!r}"
        if self.rollback and not ROLLBACK.fullmatch(self.rollback):
            yield (
                "rollback_to is none of 'previous', 'last', the number of a generation, and 'before:' with a deployment or run: "
                f"{self.rollback!r}"
            )
        if self.profile is not None and not PROFILE.fullmatch(self.profile):
            yield f"profile is not an absolute path: {self.profile!r}"
        if platform.takes_program and not self.program:
            yield f"{platform.name} needs the option activate: the program inside the closure"
        if platform.takes_program and not self.profile:
            yield f"{platform.name} needs the name of its profile (nix_profile)"
        if self.program and not platform.takes_program:
            yield f"{platform.name} has its own program to activate a closure; leave the option activate out"
        if self.program and not all(NAME.fullmatch(part) for part in self.program.split("/")):
            yield f"activate is not the path of a program inside the closure: {self.program!r}"
        if self.specialisation and not platform.takes_specialisation:
            yield f"{platform.name} has no specialisations"
        if self.specialisation and not NAME.fullmatch(self.specialisation):
            yield f"specialisation is not a name: {self.specialisation!r}"
        if self.install_bootloader and not platform.takes_bootloader:
            yield f"{platform.name} has no boot loader to install"
        if self.backup_extension and not NAME.fullmatch(self.backup_extension):
            yield f"backup_extension is not the end of a file name: {self.backup_extension!r}"
        if not 1 <= self.activation_timeout <= LONGEST_SECONDS:
            yield f"activation_timeout is not a number of seconds from 1 to {LONGEST_SECONDS}: {self.activation_timeout}"
        if not 0 <= self.confirm_timeout <= LONGEST_SECONDS:
            yield f"confirm_timeout is not a number of seconds from 1 to {LONGEST_SECONDS}: {self.confirm_timeout}"
        if not 0 <= self.lock_timeout <= LONGEST_SECONDS:
            yield f"lock_timeout is not a number of seconds from 0 to {LONGEST_SECONDS}: {self.lock_timeout}"
        try:
            configuration(self.nix_options)
        except NixError as error:
            yield error.cause


def one_line(text: str) -> str:
    """Return ``text`` without line breaks and other control characters, and not longer than a journal wants it."""
    return "".join(character if character.isprintable() else " " for character in text)[:LONGEST_TEXT]


def begin_script(request: Request) -> str:
    """Return the script that begins the deployment, or finds it begun, and waits for its end.

    What goes on without the connection is made of the same functions, so that they travel once.
    """
    return "\n".join(
        [
            f"functions={shlex.quote(program('deployment', request.platform))}",
            f"request={shlex.quote(read_script(request.arguments()))}",
            'eval "$functions"',
            'eval "$request"',
            f'begin "$functions" "$request" {shlex.quote(request.settings)}',
        ]
    )


def question_script(request: Request, gc_root: str | None) -> str:
    """Return the script that asks whether there is nothing to do: a quarter of the one that would do it.

    ``gc_root`` is the name of the GC root that the closure must have as what was copied, where that is asked for.
    """
    return "\n".join(
        [
            program("question", request.platform),
            read_script(request.arguments()),
            shlex.join(["question_ask", gc_root or ""]),
        ]
    )


# When Ansible loads an action, before it forks: each worker would take the comments out of all parts anew.
program("deployment")


def read_script(arguments: list[str]) -> str:
    """Return the line of a script that reads a request."""
    return shlex.join(["request_read", *arguments])
