# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files on a target: all of them are replaced, or none. The program that does it there, and its answer."""

from __future__ import annotations

import dataclasses
import re
import shlex
import typing as t

from ..health.checks import shown
from ..target.programs import fields_and_log, program

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .file import File

# As much of an old file is shown as a difference.
SHOWN_BYTES = 64 * 1024
# How much of a file goes into one line of the program.
LINE_BYTES = 1024
# What stands for the new file in the command that validates it, as with Ansible's own modules.
FILE = "%s"
# Of the last line of what a command printed, as much stands in a sentence; all of it is in the log.
SAID_CHARACTERS = 200
CHANGES = ("created", "content", "mode", "owner", "group", "removed")


@dataclasses.dataclass(frozen=True)
class Request:
    """Files that belong together: all of them are in place, or none.

    ``test`` is run when they are in place, before ``reload`` has the service take them; ``health`` is run every second
    until it succeeds, for ``within`` seconds. Each command has ``timeout`` seconds.
    """

    files: tuple[File, ...]
    test: tuple[str, ...] = ()
    reload: tuple[str, ...] = ()
    health: tuple[str, ...] = ()
    within: int = 10
    timeout: int = 60

    @property
    def commands(self) -> dict[str, tuple[str, ...]]:
        """Each command, by the name of the shell function that runs it."""
        validations = {f"files_validate_{number}": file.validate for number, file in enumerate(self.files)}
        return {**validations, "files_test": self.test, "files_reload": self.reload, "files_health": self.health}


@dataclasses.dataclass(frozen=True)
class State:
    """A file on the machine, and how it is not as it was, or would not be."""

    path: str
    file: File
    changes: tuple[str, ...] = ()
    # Mode, user and group, as the machine says them, for a person's eyes.
    before: str = ""
    after: str = ""
    # What it held; None where there was nothing, or it is not to be seen.
    old: bytes | None = None

    def to_difference(self, new: bytes | None) -> dict[str, str]:
        """Return what changed, as Ansible shows differences; of a secret, all but what it holds."""
        before, after = (f"{facts}\n" if facts else "" for facts in (self.before, self.after))
        if self.file.secret:
            if {"content", "created", "removed"} & {*self.changes}:
                before, after = (before and f"{before}another secret\n"), (after and f"{after}a secret\n")
        else:
            before += _text(self.old)
            after += _text(new)
        return {"before_header": self.path, "after_header": self.path, "before": before, "after": after}


@dataclasses.dataclass(frozen=True)
class Answer:
    """How it ended."""

    files: tuple[State, ...] = ()
    # Files that an interrupted run had left half way, and that were returned first.
    recovered: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    # Files whose owner is not there yet.
    late: tuple[str, ...] = ()
    reloaded: bool = False
    # Why the old files are in place again, or were never left; empty when all went well.
    cause: str = ""
    code: str = "failed"
    advice: str | None = None
    log: str = ""
    restored: bool = False
    # Whether the service was healthy again with the old files; None where it had not seen the new ones.
    healthy: bool | None = None
    # Old files that could not be put back.
    stuck: tuple[str, ...] = ()

    @property
    def changed(self) -> tuple[State, ...]:
        """The files that are not as they were."""
        return tuple(state for state in self.files if state.changes)


def script(
    request: Request,
    contents: Mapping[File, bytes],
    *,
    check: bool,
    diff: bool = False,
    begin: Sequence[str] = ("files_mask=022 memory_only=0",),
) -> str:
    """Return program ``files`` with its data, and with the lines ``begin`` before its work; see ``parse_answer``.

    All of it is read before any of it is run, so that it goes on when the connection is gone.
    """
    files = list(enumerate(request.files))
    return "\n".join(
        [
            program("files"),
            *(_file(number, file) for number, file in files),
            *(_content(number, contents[file]) for number, file in files if not file.absent),
            *(_command(function, words) for function, words in request.commands.items()),
            f"check={int(check)} diff={int(diff)} shown_bytes={SHOWN_BYTES}",
            f"timeout={request.timeout} within={request.within}",
            "{",
            "file_check_printf",
            *begin,
            shlex.join(["files_apply", *(str(number) for number, _file in files)]),
            # What went wrong has ended it before; that nobody listens any more is no failure.
            "exit 0",
            "}",
            "",
        ]
    )


def _file(number: int, file: File) -> str:
    directory = '"$usual_directory"' if file.directory is None else shlex.quote(file.directory)
    facts = [
        file.name,
        file.owner or "",
        file.group or "",
        file.mode,
        file.letters,
        _yes(file.absent),
        _yes(file.secret),
    ]
    return f'file_{number}() {{ "$@" {number} {directory} {shlex.join(facts)}; }}'


def _content(number: int, content: bytes) -> str:
    """Return the function that writes ``content``, whatever bytes it is made of.

    Every POSIX printf knows octal numbers; what decodes base64, and how it is called, differs from system to system.
    """
    chunks = [content[start : start + LINE_BYTES] for start in range(0, len(content), LINE_BYTES)]
    writes = [f"printf '{''.join(f'{chr(92)}{byte:03o}' for byte in chunk)}'" for chunk in chunks]
    return "\n".join([f"file_content_{number}() {{", " &&\n".join(writes) or ":", "}"])


def _command(function: str, words: Sequence[str]) -> str:
    """Return a function that runs ``words`` for a limited time, with its argument for the new file; without any, it succeeds."""
    if not words:
        return f"{function}() {{ :; }}"
    # What is a program to sh has the file as an argument: its path is no part of the program.
    if words[:2] == ("sh", "-c") and len(words) == 3:
        words = ("sh", "-c", words[2].replace(FILE, '"$1"'), "sh", FILE)
    quoted = " ".join(
        '"${1-}"'.join(shlex.quote(piece) if piece else "" for piece in word.split(FILE)) or "''" for word in words
    )
    return f'{function}() {{ limit_run "$timeout" {quoted}; }}'


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def parse_answer(text: str, request: Request) -> Answer:
    """Read the lines ``key=value`` of the program; what is nonsense is as if it were not there."""
    fields, log = fields_and_log(text)
    path, changes, before, after, old = (
        _numbered(fields.get(name, [])) for name in ("file", "changed", "before", "after", "old")
    )
    files = tuple(
        State(
            path=path[number][-1],
            changes=tuple(word for word in changes.get(number, [""])[-1].split() if word in CHANGES),
            before=before.get(number, [""])[-1] or ("present" if changes.get(number) == ["removed"] else ""),
            after=after.get(number, [""])[-1],
            old=_bytes(old[number]) if number in old else None,
            file=file,
        )
        for number, file in enumerate(request.files)
        if number in path
    )
    healthy = fields.get("healthy", [""])[-1]
    code = fields.get("code", [""])[0]
    return Answer(
        files=files,
        recovered=tuple(
            request.files[int(number)].path
            for number in fields.get("recovered", [])
            if number.isascii() and number.isdecimal() and int(number) < len(request.files)
        ),
        warnings=tuple(fields.get("warning", ())),
        late=tuple(dict.fromkeys(fields.get("late", ()))),
        reloaded=fields.get("reloaded") == ["yes"],
        cause=_cause(fields.get("cause", [""])[-1], fields.get("tried", [""])[0], log, request),
        code=code if re.fullmatch("[a-z_]{1,40}", code) else "failed",
        advice=fields.get("advice", [""])[-1] or None,
        log=log,
        restored=fields.get("restored") == ["yes"],
        healthy=healthy == "yes" if healthy else None,
        stuck=tuple(fields.get("stuck", ())),
    )


def _cause(cause: str, tried: str, log: str, request: Request) -> str:
    """Return ``cause`` with the command that it came to light by, its exit code, and the last line that it printed."""
    function, _space, code = tried.partition(" ")
    command = request.commands.get(function)
    if not command:
        return cause
    said = log.strip().rpartition("\n")[2]
    return f"{cause}: {shown(command)} ended with exit code {code}{said and f': {said[:SAID_CHARACTERS]}'}"


def _numbered(values: list[str]) -> Mapping[int, list[str]]:
    numbered: dict[int, list[str]] = {}
    for value in values:
        number, space, rest = value.partition(" ")
        if space and number.isascii() and number.isdecimal():
            numbered.setdefault(int(number), []).append(rest.strip())
    return numbered


def _bytes(lines: list[str]) -> bytes | None:
    words = " ".join(lines).split()
    if not all(re.fullmatch("[0-3]?[0-7]{1,2}", word) for word in words):
        return None
    return bytes(int(word, 8) for word in words)


def _text(content: bytes | None) -> str:
    if content is None:
        return ""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return f"({len(content)} bytes that are no text)\n"
