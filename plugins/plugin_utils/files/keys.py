# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets of a target: what may be asked of a key, and what became of all of them."""

from __future__ import annotations

import dataclasses
import shlex
import typing as t

from ..core.errors import KeysError
from .engine import Request, script
from .file import File, is_absolute, is_name, validate_attributes, validate_unique

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .engine import Answer, State

BEFORE_ACTIVATION = "pre-activation"
MODE = "0400"
_OWNER_ADVICE = "a user or group of the new system is there after the activation: upload_at post-activation"


@dataclasses.dataclass(frozen=True)
class Key(File):
    """A file that holds a secret, or that is not to be there; without a directory, in the usual one of the machine."""

    mode: str = MODE
    secret: bool = True
    upload_at: str = BEFORE_ACTIVATION


def key_of(options: Mapping[str, t.Any]) -> Key:
    """Return the key that the options describe."""
    name, directory = options["name"], options["directory"]
    if not is_name(name):
        raise KeysError(
            f"{name!r} is no name for a key",
            code="bad_name",
            advice="it becomes the name of a file: no slash, no control character, and no dot or dash at its beginning",
        )
    if directory is not None and not is_absolute(directory):
        raise KeysError(
            f"{directory!r} is no directory for keys",
            code="bad_directory",
            advice="give an absolute path without any .. in it, such as /run/keys",
        )
    key = Key(
        directory=directory and directory.rstrip("/"),
        name=name,
        owner=options["owner"],
        group=options["group"],
        mode=MODE if options["mode"] is None else options["mode"],
        upload_at=options["upload_at"],
        absent=options["state"] == "absent",
    )
    validate_attributes(KeysError, f"key {name}", key)
    return key


def keys_of(entries: Sequence[Mapping[str, t.Any]]) -> list[Key]:
    """Return the keys that a task's options make; raises ``KeysError``."""
    keys = [key_of(entry) for entry in entries]
    validate_unique(KeysError, keys, "list it once, or give one another name or directory")
    return keys


def keys_script(
    request: Request,
    contents: Mapping[File, bytes],
    *,
    check: bool,
    allow_disk: bool,
    late_owner: bool = False,
) -> str:
    """Return the program that brings the keys of ``request``.

    ``late_owner``: a key whose owner is not there yet is root's for now, as colmena has it before an activation.
    """
    needed = dict.fromkeys(key.directory for key in request.files if not key.absent)
    return script(
        request,
        contents,
        check=check,
        begin=[
            f"usual_directory=$(keys_directory) files_mask=$(keys_mask) memory_only={int(not allow_disk)}",
            f"late_owner={'yes' if late_owner else 'no'}",
            f"no_owner_advice={shlex.quote(_OWNER_ADVICE)}",
            *(f"keys_warn {_directory(directory)}" for directory in needed),
        ],
    )


def _directory(directory: str | None) -> str:
    return '"$usual_directory"' if directory is None else shlex.quote(directory)


def to_result(state: State) -> dict[str, t.Any]:
    """Return a key on the machine as a field of the module's result."""
    return {"name": state.file.name, "path": state.path, "changed": bool(state.changes), "changes": list(state.changes)}


def failure(answer: Answer, errors: str, **result: t.Any) -> KeysError:
    """Return the error that the machine's answer stands for; ``errors`` is what it printed."""
    return KeysError(
        answer.cause or "the machine did not come to the end, and gave no reason",
        code=answer.code,
        log=answer.log or errors,
        advice=answer.advice or "see what it printed",
        **result,
    )


def message(answer: Answer) -> str:
    """Return what became of the keys, for a person."""
    changed = [to_result(state)["name"] for state in answer.changed]
    if not changed:
        return f"{len(answer.files)} keys are up to date"
    return f"{len(changed)} of {len(answer.files)} keys changed: {', '.join(changed)}"
