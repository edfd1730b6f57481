# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be said of a file on a target before a shell hears of it."""

from __future__ import annotations

import re
import stat
import typing as t

# A file's name has at most 255 bytes, and while it is written it is longer by an ending.
NAME_BYTES = 200
_ACCOUNT = re.compile(r"[A-Za-z_][A-Za-z0-9_.@-]{0,254}\$?|[0-9]{1,10}")
_MODE = re.compile("0?[0-7]{3}")


def is_name(name: str) -> bool:
    """Whether ``name`` is a file's: no slash, no control character, and no dot or dash at its beginning."""
    return name.isprintable() and "/" not in name and not name.startswith((".", "-")) and bool(name.strip())


def is_absolute(path: str) -> bool:
    """Whether ``path`` says by itself where a directory or file is: absolute, without any ``..`` in it, and not the root."""
    plain = path.rstrip("/")
    return plain.startswith("/") and path.isprintable() and not {"", ".", ".."} & set(plain.split("/")[1:])


def is_account(name: str) -> bool:
    """Whether ``name`` is a user or group, or the number of one."""
    return _ACCOUNT.fullmatch(name) is not None


def is_mode(given: t.Any) -> bool:
    """Whether ``given`` is a mode as `chmod` takes it.

    Only in quotes: YAML reads 0400 without them as 256, and 400 as 400, and nobody can tell which was meant.
    """
    return isinstance(given, str) and _MODE.fullmatch(given) is not None


def letters(mode: str) -> str:
    """Return ``mode`` as `ls` writes it."""
    return stat.filemode(stat.S_IFREG | int(mode, 8))
