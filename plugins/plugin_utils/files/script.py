# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole files in a shell script: the functions that put them in place, and what each holds."""

from __future__ import annotations

import pathlib

# See the heads of these files.
FUNCTIONS = "\n".join(
    pathlib.Path(__file__).with_name(name).read_text(encoding="utf-8") for name in ("file.sh", "way.sh")
)
# Some shells have no printf of their own, and to a program of that name a secret would be an argument.
PRINTF_IS_ITS_OWN = (
    'case $(command -v printf) in /*) refuse "this machine\'s sh has no printf" "use a login with another sh" ;; esac'
)
# How much of a file goes into one line.
LINE_BYTES = 1024


def content_function(number: int, content: bytes) -> str:
    """Return the shell function ``content_<number>`` that writes ``content``, whatever bytes it is made of.

    Every POSIX printf knows octal numbers; what decodes base64, and how it is called, differs from system to system.
    """
    chunks = [content[start : start + LINE_BYTES] for start in range(0, len(content), LINE_BYTES)]
    writes = [f"printf '{''.join(f'{chr(92)}{byte:03o}' for byte in chunk)}'" for chunk in chunks]
    return "\n".join([f"content_{number}() {{", " &&\n".join(writes) or ":", "}"])
