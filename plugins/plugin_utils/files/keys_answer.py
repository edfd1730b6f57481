# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine says of the keys that it was brought."""

from __future__ import annotations

import dataclasses
import typing as t

from ..copy.fields import fields_and_log

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from .key import Key

CHANGES = ("created", "content", "mode", "owner", "group", "removed")


@dataclasses.dataclass(frozen=True)
class File:
    """One key on the machine. Mode, user and group, as the machine says them, are for a person's eyes."""

    name: str
    path: str
    changes: tuple[str, ...] = ()
    before: str = ""
    after: str = ""

    def to_result(self) -> dict[str, t.Any]:
        """Return the fields of a module's result."""
        return {"name": self.name, "path": self.path, "changed": bool(self.changes), "changes": list(self.changes)}

    def to_difference(self) -> dict[str, str]:
        """Return what changed, as Ansible shows differences: all about the file but what it holds."""
        content = ("another secret\n", "a secret\n") if "content" in self.changes else ("", "")
        return {
            "before_header": self.path,
            "after_header": self.path,
            "before": f"{self.before}\n{content[0]}" if self.before else "",
            "after": f"{self.after}\n{content[1]}" if self.after else "",
        }


@dataclasses.dataclass(frozen=True)
class Answer:
    """All keys of a machine."""

    files: tuple[File, ...] = ()
    warnings: tuple[str, ...] = ()
    # Why the machine went no further; empty when it came to the end.
    cause: str = ""
    advice: str | None = None

    @property
    def changed(self) -> bool:
        """Whether anything is not as it was."""
        return any(file.changes for file in self.files)


def parse_answer(text: str, keys: Sequence[Key]) -> Answer:
    """Read the lines ``key=value`` of the script; what is nonsense is as if it were not there."""
    fields, _log = fields_and_log(text)
    path, changes, before, after = (_numbered(fields.get(name, [])) for name in ("file", "changed", "before", "after"))
    files = [
        File(
            name=key.name,
            path=path[number],
            changes=tuple(word for word in changes.get(number, "").split() if word in CHANGES),
            before=before.get(number, "") or ("present" if changes.get(number) == "removed" else ""),
            after=after.get(number, ""),
        )
        for number, key in enumerate(keys)
        if number in path
    ]
    files += [
        File(name=stray.rpartition("/")[2], path=stray, changes=("removed",), before="present")
        for stray in fields.get("stray", [])
    ]
    return Answer(
        files=tuple(files),
        warnings=tuple(fields.get("warning", ())),
        cause=fields.get("cause", [""])[-1],
        advice=fields.get("advice", [""])[-1] or None,
    )


def _numbered(values: list[str]) -> dict[int, str]:
    pairs = (value.partition(" ") for value in values)
    return {int(number): rest for number, space, rest in pairs if space and number.isascii() and number.isdecimal()}
