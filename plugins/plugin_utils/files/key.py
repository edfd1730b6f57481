# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret, as it is to be on a target; what it holds comes apart from this."""

from __future__ import annotations

import collections
import dataclasses
import typing as t

from ..core.errors import KeysError
from .attributes import NAME_BYTES, is_absolute, is_account, is_mode, is_name, letters

if t.TYPE_CHECKING:
    from collections.abc import Sequence

WHEN = ("pre-activation", "post-activation")
MODE = "0400"


@dataclasses.dataclass(frozen=True)
class Key:
    """A file that holds a secret, or that is not to be there."""

    name: str
    # None for the usual directory of the machine, of the user, and of the group.
    directory: str | None = None
    owner: str | None = None
    group: str | None = None
    mode: str = MODE
    upload_at: str = WHEN[0]
    absent: bool = False

    @property
    def letters(self) -> str:
        """The mode as `ls` writes it."""
        return letters(self.mode)


def key_of(options: dict[str, t.Any], directory: str | None) -> Key:
    """Return the key that the options describe; ``directory`` is where keys go that name none."""
    name = options["name"]
    if not is_name(name):
        raise KeysError(
            f"{name!r} is no name for a key",
            advice="it becomes the name of a file: no slash, no control character, and no dot or dash at its beginning",
        )
    if len(name.encode()) > NAME_BYTES:
        raise KeysError(f"the name of key {name[:40]}… is too long", advice=f"{NAME_BYTES} bytes are the limit")
    for field in ("owner", "group"):
        if options[field] is not None and not is_account(options[field]):
            raise KeysError(
                f"key {name}: {options[field]!r} is no name for its {field}", advice="name it, or its number"
            )
    return Key(
        name=name,
        directory=checked_directory(options["directory"]) or directory,
        owner=options["owner"],
        group=options["group"],
        mode=_mode(name, options["mode"]),
        upload_at=options["upload_at"],
        absent=options["state"] == "absent",
    )


def checked_directory(path: str | None) -> str | None:
    """Return the directory ``path`` if it is one that says where it is by itself."""
    if path is None:
        return None
    if not is_absolute(path):
        raise KeysError(
            f"{path!r} is no directory for keys", advice="give an absolute path without any .. in it, such as /run/keys"
        )
    return path.rstrip("/")


def refuse_two_of_one_name(keys: Sequence[Key]) -> None:
    """See that no two keys are the same file."""
    counted = collections.Counter((key.directory, key.name) for key in keys)
    twice = [name for (_directory, name), count in counted.items() if count > 1]
    if twice:
        raise KeysError(
            f"key {twice[0]} is there more than once", advice="list it once, or give one another name or directory"
        )


def _mode(name: str, given: t.Any) -> str:
    if given is None:
        return MODE
    if not is_mode(given):
        raise KeysError(f"key {name}: {given!r} is no mode for a file", advice="write it in quotes, such as '0440'")
    return str(given)
