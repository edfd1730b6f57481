# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file on a target: what may be asked of it, and where its content comes from."""

from __future__ import annotations

import collections
import dataclasses
import re
import stat
import typing as t

from ..core.process import CommandTimeoutError, run

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..core.errors import NixError

# A file's name has at most 255 bytes, and while it is written it is longer by an ending.
NAME_BYTES = 200
# Long enough for somebody to touch a token; a program that asks in vain for a password has to end some time.
COMMAND_SECONDS = 120
_ACCOUNT = re.compile(r"[A-Za-z_][A-Za-z0-9_.@-]{0,254}\$?|[0-9]{1,10}")
_MODE = re.compile("0?[0-7]{3}")


@dataclasses.dataclass(frozen=True)
class File:
    """A file that is to be on a target, or that is not to be there; its content comes apart from this."""

    # None for the usual directory for keys.
    directory: str | None
    name: str
    owner: str | None = None
    group: str | None = None
    mode: str = "0644"
    # Nobody is to see what it holds.
    secret: bool = False
    absent: bool = False
    # What is run on the new file before it is in its place; ``%s`` in it stands for the file.
    validate: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Where it is."""
        return f"{self.directory or ''}/{self.name}"

    @property
    def letters(self) -> str:
        """The mode as `ls` writes it."""
        return stat.filemode(stat.S_IFREG | int(self.mode, 8))


def is_name(name: str) -> bool:
    """Whether ``name`` is a file's: no slash, no control character, and no dot or dash at its beginning."""
    return name.isprintable() and "/" not in name and not name.startswith((".", "-")) and bool(name.strip())


def is_absolute(path: str) -> bool:
    """Whether ``path`` is absolute, without any ``..`` in it, and not the root."""
    plain = path.rstrip("/")
    return plain.startswith("/") and path.isprintable() and not {"", ".", ".."} & set(plain.split("/")[1:])


def validate_attributes(error: type[NixError], label: str, file: File) -> None:
    """Raise ``error`` unless a machine can give ``file`` its name, owner, group and mode."""
    if len(file.name.encode()) > NAME_BYTES:
        raise error(
            f"the name of {label[:60]}… is too long", code="bad_name", advice=f"{NAME_BYTES} bytes are the limit"
        )
    for field, account in (("owner", file.owner), ("group", file.group)):
        if account is not None and not _ACCOUNT.fullmatch(account):
            raise error(
                f"{label}: {account!r} is no name for its {field}", code=f"bad_{field}", advice="name it, or its number"
            )
    # Only in quotes: YAML reads 0400 without them as 256, and 400 as 400, and nobody can tell which was meant.
    if not isinstance(file.mode, str) or not _MODE.fullmatch(file.mode):
        raise error(
            f"{label}: {file.mode!r} is no mode for a file",
            code="bad_mode",
            advice="write it in quotes, such as '0640'",
        )


def validate_unique(error: type[NixError], files: Sequence[File], advice: str) -> None:
    """Raise ``error`` if two of ``files`` are the same."""
    for (_directory, name), count in collections.Counter((file.directory, file.name) for file in files).items():
        if count > 1:
            raise error(f"{name} is there more than once", code="duplicate", advice=advice)


def the_source(error: type[NixError], label: str, options: Mapping[str, t.Any], sources: Sequence[str]) -> str:
    """Return which one of ``sources`` is set in ``options``; raises ``error`` unless it is one."""
    given = [source for source in sources if options[source] is not None]
    if len(given) != 1:
        raise error(
            f"{label}: {' and '.join(given) or 'nothing'} says what it holds",
            code="one_source",
            advice=f"give it one of {', '.join(sources)}",
        )
    return given[0]


def content_of_text(error: type[NixError], label: str, text: t.Any) -> bytes:
    """Return option `content` as bytes."""
    if not isinstance(text, (str, int, float)) or isinstance(text, bool):
        # As a text it would be Python's, which nothing on the machine reads.
        raise error(f"{label}: its content is no text", code="no_text", advice="make it one: | to_json, or | to_yaml")
    return str(text).encode(errors="surrogateescape")


def content_of_command(
    error: type[NixError],
    label: str,
    argv: Sequence[str],
    environment: Mapping[str, str],
    seconds: float = COMMAND_SECONDS,
) -> bytes:
    """Return what ``argv`` prints, such as sops, age or pass: all of it. It runs on the controller, where Ansible was started."""
    if not argv:
        raise error(
            f"{label}: its command is empty", code="command", advice="give the program and its arguments as a list"
        )
    try:
        completed = run(argv, environment=environment, errors="surrogateescape", timeout=seconds)
    except CommandTimeoutError as late:
        raise error(
            f"{label}: its command had not ended after {late.seconds:g} s and was ended",
            code="command_timeout",
            command=argv,
            advice="run it by hand on the controller; it has nobody to answer its questions",
        ) from None
    except OSError as cause:
        raise error(
            f"{label}: its command cannot be run on the controller: {cause.strerror or cause}",
            code="command",
            command=argv,
            advice="check that the program is installed on the machine that runs Ansible",
        ) from None
    if completed.rc or not completed.stdout:
        raise error(
            f"{label}: its command ended with exit code {completed.rc}{'' if completed.rc else ', and printed nothing'}",
            code="command",
            command=argv,
            # What it printed on standard output may be half a secret.
            log=completed.stderr,
            advice="run it by hand on the controller",
        )
    return completed.stdout.encode(errors="surrogateescape")
