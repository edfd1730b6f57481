# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one script that brings a machine all of its keys."""

from __future__ import annotations

import pathlib
import shlex
import typing as t

from .script import FUNCTIONS, PRINTF_IS_ITS_OWN, content_function

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .key import Key


def keys_script(
    keys: Sequence[Key],
    contents: Mapping[Key, bytes],
    *,
    check: bool,
    allow_disk: bool,
    exclusive: Mapping[str | None, Sequence[str]],
) -> str:
    """Return the script that brings ``keys``.

    ``contents`` has what each holds that is not to be absent. ``exclusive`` names directories, and the only files that
    may stay in each. What the script answers is read by ``parse_answer``.
    """
    lines = [FUNCTIONS, *map(part, ("keys", "directory", "memory"))]
    lines += [f"check={int(check)}", f"allow_disk={int(allow_disk)}", PRINTF_IS_ITS_OWN]
    for directory in dict.fromkeys([*(key.directory for key in keys), *exclusive]):
        lines.append(f"enter {shlex.quote(directory or '')}")
        for number, key in enumerate(keys):
            if key.directory == directory:
                lines += _lines(number, key, contents)
        if directory in exclusive:
            lines.append(shlex.join(["only", *exclusive[directory]]))
    return "\n".join([*lines, ""])


def part(name: str) -> str:
    """Return the shell functions of the file ``name``."""
    return pathlib.Path(__file__).with_name(f"{name}.sh").read_text(encoding="utf-8")


def _lines(number: int, key: Key, contents: Mapping[Key, bytes]) -> list[str]:
    if key.absent:
        return [shlex.join(["discard", str(number), key.name])]
    arguments = [str(number), key.name, key.owner or "", key.group or "", key.mode, key.letters]
    return [content_function(number, contents[key]), shlex.join(["bring", *arguments])]
