# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine says of its runtime data."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ..copy.fields import fields_and_log
from ..health.command import shown

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .data_request import Request, RuntimeFile

# Of the last line of what a command printed, as much stands in a sentence; all of it is in the log.
SAID_CHARACTERS = 200
CHANGES = ("created", "content", "mode", "owner", "group", "removed")


@dataclasses.dataclass(frozen=True)
class Changed:
    """A file that is not as it was, or would not be."""

    file: RuntimeFile
    changes: tuple[str, ...]
    # Mode, user and group, as the machine says them, for a person's eyes.
    before: str = ""
    after: str = ""
    # What it held; None where there was nothing, or it is not to be seen.
    old: bytes | None = None

    def to_result(self) -> dict[str, t.Any]:
        """Return the fields of a module's result."""
        return {"path": self.file.path, "changes": list(self.changes)}

    def to_difference(self, new: bytes | None) -> dict[str, str]:
        """Return what changed, as Ansible shows differences; of a secret, all but what it holds."""
        before, after = (f"{facts}\n" if facts else "" for facts in (self.before, self.after))
        if self.file.secret:
            if {"content", "created", "removed"} & {*self.changes}:
                before, after = (before and f"{before}another secret\n"), (after and f"{after}a secret\n")
        else:
            before += _text(self.old)
            after += _text(new)
        return {"before_header": self.file.path, "after_header": self.file.path, "before": before, "after": after}


@dataclasses.dataclass(frozen=True)
class Answer:
    """How it ended."""

    changed: tuple[Changed, ...] = ()
    # Files that an interrupted run had left half way, and that were returned first.
    recovered: tuple[str, ...] = ()
    reloaded: bool = False
    # Why the old files are in place again, or were never left; empty when all went well.
    cause: str = ""
    advice: str | None = None
    log: str = ""
    restored: bool = False
    # Whether the service was well again with the old files; None where it had not seen the new ones.
    well: bool | None = None
    # Old files that could not be put back.
    stuck: tuple[str, ...] = ()


def parse_answer(text: str, request: Request) -> Answer:
    """Read the lines ``key=value`` of the script; what is nonsense is as if it were not there."""
    fields, log = fields_and_log(text)
    changes, before, after, old = (_numbered(fields.get(name, [])) for name in ("changed", "before", "after", "old"))
    changed = [
        Changed(
            file,
            tuple(word for word in changes[number][-1].split() if word in CHANGES),
            before.get(number, [""])[-1],
            after.get(number, [""])[-1],
            _bytes(old[number]) if number in old else None,
        )
        for number, file in enumerate(request.files)
        if number in changes
    ]
    paths = [request.files[int(number)].path for number in fields.get("recovered", []) if _is_one_of(number, request)]
    well = fields.get("well", [""])[-1]
    return Answer(
        changed=tuple(changed),
        recovered=tuple(paths),
        reloaded=fields.get("reloaded") == ["yes"],
        cause=_cause(fields.get("cause", [""])[-1], fields.get("tried", [""])[0], log, request),
        advice=fields.get("advice", [""])[-1] or None,
        log=log,
        restored=fields.get("restored") == ["yes"],
        well=well == "yes" if well else None,
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


def _is_one_of(number: str, request: Request) -> bool:
    return number.isascii() and number.isdecimal() and int(number) < len(request.files)


def _numbered(values: list[str]) -> Mapping[int, list[str]]:
    numbered: dict[int, list[str]] = {}
    for value in values:
        number, space, rest = value.partition(" ")
        if space and number.isascii() and number.isdecimal():
            numbered.setdefault(int(number), []).append(rest)
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
