# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A flake of the controller's, brought into the store of the machine that is to evaluate it. The controller needs no Nix."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import typing as t
import urllib.parse

from ..core.errors import EvaluationError
from ..nix.archive import archive, store_path
from .flake_files import flake_files

if t.TYPE_CHECKING:
    from ..core.process import Completed
    from ..core.shell import Shell
    from ..nix.source import Source
    from .flake_files import FlakeFiles

# What Nix itself calls the files of a flake: they are the same path wherever they come from.
NAME = "source"
# More than any flake should have, and less than what a script may be.
MOST_BYTES = 256 << 20
PATH_STARTS = ("/", ".", "~")

PRESENT = 'nix-store --check-validity "$1" 2>/dev/null\n'
# Prints the path under which the store has it. Its lines are the archive's.
RECEIVE = """\
directory=$(mktemp -d) || exit 1
trap 'rm -rf "$directory"' EXIT
base64 -d <<'end of archive' | gzip -dc | nix-store --restore "$directory/{name}" || exit 1
{archive}
end of archive
nix-store --add "$directory/{name}"
"""
COMMAND_NOT_FOUND = 127


def is_of_controller(flake: str | None) -> bool:
    """Whether a flake reference is a plain path, which means the controller's.

    >>> is_of_controller("/srv/fleet"), is_of_controller("git+file:///srv/fleet"), is_of_controller("github:o/r")
    (True, False, False)
    """
    return flake is not None and flake.startswith(PATH_STARTS)


def sent(source: Source, shell: Shell) -> Source:
    """Return ``source`` as it is called on the machine of ``shell``, with all that is the controller's sent there."""
    overrides = {
        name: _reference(flake_files(flake), shell) if is_of_controller(flake) else flake
        for name, flake in source.override_inputs.items()
    }
    if source.flake is None or not is_of_controller(source.flake):
        return dataclasses.replace(source, override_inputs=overrides)
    files = flake_files(source.flake)
    return dataclasses.replace(
        source,
        flake=_reference(files, shell),
        override_inputs=overrides,
        dirty_revision=f"{files.revision}-dirty" if files.revision and files.dirty else None,
    )


def _reference(files: FlakeFiles, shell: Shell) -> str:
    """Have the files in the machine's store, and return what they are called there."""
    archived = archive(files.tree, most_bytes=MOST_BYTES)
    path = store_path(archived, NAME)
    if not shell.run(PRESENT, path).ok:
        answer = shell.run(RECEIVE.format(name=NAME, archive=_lines(archived)))
        if answer.stdout.strip() != path:
            raise _not_received(shell.host, answer)
    # What Nix knows of a commit it is told, so that the flake evaluates to the same as from the repository.
    told = {"dir": files.directory} if files.directory else {}
    if files.revision and not files.dirty:
        told |= {"rev": files.revision, "lastModified": str(files.seconds)}
    return f"path:{path}{'?' if told else ''}{urllib.parse.urlencode(told)}"


def _lines(archived: bytes) -> str:
    # The same files are the same bytes, whenever they are sent.
    return base64.encodebytes(gzip.compress(archived, mtime=0)).decode().rstrip()


def _not_received(host: str, answer: Completed) -> EvaluationError:
    no_nix = answer.rc == COMMAND_NOT_FOUND or "not found" in answer.stderr
    return EvaluationError(
        f"the flake could not be brought into the store of {host}",
        log=answer.stdout + answer.stderr,
        advice=f"see that {host} has Nix, gzip and base64 on PATH (environment: adds to it)"
        if no_nix
        else f"see that the store of {host} can be written to, and that its temporary directory has room",
    )
