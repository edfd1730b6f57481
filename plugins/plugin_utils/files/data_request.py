# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Data that a running service reads from files, and what is done with them."""

from __future__ import annotations

import collections
import dataclasses
import pathlib
import typing as t

from ..core.errors import RuntimeDataError
from ..health.command import words_of
from .attributes import NAME_BYTES, is_absolute, is_account, is_mode, is_name, letters

MODE = "0644"
MOST_SECONDS = 300
# To connect, to escalate, and to be slow; and for a file's lock to be taken from a run that is no more.
LINK_SECONDS = 60
LOCK_SECONDS = 31
# A machine counts its seconds by sleeping, and has other things to do.
BUSY = 2


@dataclasses.dataclass(frozen=True)
class RuntimeFile:
    """A file that a service reads, or that is not to be there."""

    directory: str
    name: str
    owner: str | None = None
    group: str | None = None
    mode: str = MODE
    # What it holds is for no eyes.
    secret: bool = False
    absent: bool = False
    # What is run on the new file before it is in its place; ``%s`` in it stands for the file.
    validate: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Where it is."""
        return f"{self.directory}/{self.name}"

    @property
    def letters(self) -> str:
        """The mode as `ls` writes it."""
        return letters(self.mode)


@dataclasses.dataclass(frozen=True)
class Request:
    """Files that belong together: all of them are in place, or none.

    ``test`` is run when they are in place, before ``reload`` has the service take them; ``health`` is asked every second
    until it succeeds, for ``within`` seconds. Each command has ``timeout`` seconds.
    """

    files: tuple[RuntimeFile, ...]
    test: tuple[str, ...] = ()
    reload: tuple[str, ...] = ()
    health: tuple[str, ...] = ()
    within: int = 10
    timeout: int = 60

    @property
    def commands(self) -> dict[str, tuple[str, ...]]:
        """Each command, by the name of the shell function that runs it."""
        validations = {f"validate_{number}": file.validate for number, file in enumerate(self.files)}
        return {**validations, "try_whole": self.test, "reload": self.reload, "health": self.health}


def request_of(options: dict[str, t.Any]) -> Request:
    """Return the request that a task's options make; raises ``RuntimeDataError``."""
    for field, least in (("health_within", 0), ("timeout", 1)):
        if not least <= options[field] <= MOST_SECONDS:
            raise RuntimeDataError(f"{field} is {options[field]}", advice=f"give it {least} to {MOST_SECONDS} seconds")
    files = tuple(_file_of(each) for each in options["files"])
    twice = [path for path, count in collections.Counter(file.path for file in files).items() if count > 1]
    if twice:
        raise RuntimeDataError(f"{twice[0]} is there more than once", advice="list it once")
    return Request(
        files,
        _words("test", options["test"]),
        _words("reload", options["reload"]),
        _words("health", options["health"]),
        options["health_within"],
        options["timeout"],
    )


def longest(request: Request) -> float:
    """Return how many seconds the machine may take to answer, in the worst case: it has gone back, and asked the service again."""
    commands = sum(1 for file in request.files if file.validate) + bool(request.test) + 2 * bool(request.reload)
    # Each is killed a moment after its time; the last look at the service may begin at the end of its time.
    looks = 2 * (request.within + request.timeout + 2) if request.health else 0
    return BUSY * (commands * (request.timeout + 2) + looks) + LOCK_SECONDS * len(request.files) + LINK_SECONDS


def _file_of(options: dict[str, t.Any]) -> RuntimeFile:
    path = options["path"]
    directory, name = pathlib.PurePosixPath(path).parent, pathlib.PurePosixPath(path).name
    if not is_absolute(path) or path.endswith("/") or not is_name(name) or not is_absolute(str(directory)):
        raise RuntimeDataError(
            f"{path!r} is no path for a file of runtime data",
            advice="give an absolute path without any .. in it, in a directory other than /, and no name that begins with"
            " a dot or a dash",
        )
    if len(name.encode()) > NAME_BYTES:
        raise RuntimeDataError(f"the name of {path[:60]}… is too long", advice=f"{NAME_BYTES} bytes are the limit")
    for field in ("owner", "group"):
        if options[field] is not None and not is_account(options[field]):
            raise RuntimeDataError(
                f"{path}: {options[field]!r} is no name for its {field}", advice="name it, or its number"
            )
    mode = MODE if options["mode"] is None else options["mode"]
    if not is_mode(mode):
        raise RuntimeDataError(f"{path}: {mode!r} is no mode for a file", advice="write it in quotes, such as '0644'")
    return RuntimeFile(
        directory=str(directory),
        name=name,
        owner=options["owner"],
        group=options["group"],
        mode=mode,
        secret=options["secret"],
        absent=options["state"] == "absent",
        validate=_words(f"{path}: validate", options["validate"]),
    )


def _words(field: str, given: t.Any) -> tuple[str, ...]:
    if given is None or given == []:
        return ()
    try:
        return words_of(given)
    except ValueError as error:
        raise RuntimeDataError(f"{field}: {error}", advice="correct it; nothing has been done") from None
