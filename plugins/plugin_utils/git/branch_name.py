# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which names Git takes for a branch: the rules of git-check-ref-format(1)."""

from __future__ import annotations

import typing as t

from ..errors import GitError

UNWANTED = {
    " ": "a space",
    "~": "a ~",
    "^": "a ^",
    ":": "a :",
    "?": "a ?",
    "*": "a *",
    "[": "a [",
    "\\": "a backslash",
    "..": "two dots in a row",
    "@{": "@{",
    "//": "two slashes in a row",
    "/.": "a part that begins with a dot",
    ".lock/": "a part that ends with .lock",
}
# A file system that the repository may be on takes no longer name of a file, and Git locks a file of 5 more.
LONGEST = 250


def objection(branch: str) -> str | None:
    """Return what is wrong with a name, if anything."""
    return next(_objections(branch), None)


def refuse_unusable(branch: str, host: str) -> None:
    """Raise ``GitError`` for a name that is none of a branch."""
    if found := objection(branch):
        raise GitError(
            f"{branch!r} cannot be the name of a branch: it has {found}",
            host=host,
            advice="name the host's branch otherwise (branch, or channel_branch of the role), for example by a variable of its own",
        )


def _objections(branch: str) -> t.Iterator[str]:
    if not branch:
        yield "no name"
    for text, name in UNWANTED.items():
        if text in branch:
            yield name
    if any(ord(letter) < 0x20 or ord(letter) == 0x7F for letter in branch):
        yield "a control character"
    if any(0xD800 <= ord(letter) <= 0xDFFF for letter in branch):
        yield "what is no text"
    if branch.startswith(("-", ".", "/")):
        yield f"a {branch[0]} at its beginning"
    if branch.startswith("refs/"):
        # Git takes it, and makes refs/heads/refs/heads/main of it, which nobody means.
        yield "refs/ at its beginning, which is not part of a branch's name"
    if branch.endswith((".", "/", ".lock")):
        yield f"{'.lock' if branch.endswith('.lock') else branch[-1]} at its end"
    if any(len(part.encode(errors="replace")) > LONGEST for part in branch.split("/")):
        yield f"more than {LONGEST} bytes"
