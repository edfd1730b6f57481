# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one script that brings a machine all of its keys."""

from __future__ import annotations

import pathlib
import shlex
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .key import Key

# How much of a secret goes into one line.
LINE_BYTES = 1024


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
    lines = [part("keys"), part("directory"), part("memory"), f"check={int(check)}", f"allow_disk={int(allow_disk)}"]
    lines += [
        # Some shells have no printf of their own, and to a program of that name the secret would be an argument.
        'case $(command -v printf) in /*) refuse "this machine\'s sh has no printf" "use a login with another sh" ;; esac'
    ]
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


def content_function(number: int, content: bytes) -> str:
    """Return the shell function ``content_<number>`` that writes ``content``, whatever bytes it is made of.

    Every POSIX printf knows octal numbers; what decodes base64, and how it is called, differs from system to system.
    """
    chunks = [content[start : start + LINE_BYTES] for start in range(0, len(content), LINE_BYTES)]
    writes = [f"printf '{''.join(f'{chr(92)}{byte:03o}' for byte in chunk)}'" for chunk in chunks]
    return "\n".join([f"content_{number}() {{", " &&\n".join(writes) or ":", "}"])
