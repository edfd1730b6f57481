# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A flake of the controller's, brought into the store of the machine that is to evaluate it. The controller needs no Nix.

In a Git repository its files are those that Git knows of, as they are in the working tree; without one, all files. The format
of the archive is that of the Nix manual, "Nix Archive (NAR) format"; that of the path is the manual's "Complete Store Path
Calculation", for a source without references."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import hashlib
import os
import stat
import struct
import typing as t
import urllib.parse
from pathlib import Path

from ..core import process
from ..core.errors import EvaluationError
from ..nix.store import STORE_DIRECTORY
from ..target.programs import program

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Tree: t.TypeAlias = "Mapping[str, Path | Tree]"
    from ..core.process import Completed, Shell
    from ..nix.source import Source

ALIGNMENT = 8
# Nix leaves out the letters that make words.
LETTERS = "0123456789abcdfghijklmnpqrsvwxyz"
DIGEST_BYTES = 20
BITS_IN_LETTER = 5


def archive(tree: Tree, *, most_bytes: int) -> bytes:
    """Return the archive of ``tree``; raises ``EvaluationError`` when it is larger than ``most_bytes``."""
    parts = []
    size = 0
    for part in (_text(b"nix-archive-1"), *_node(tree)):
        size += len(part)
        if size > most_bytes:
            raise EvaluationError(
                f"the flake's files are more than {most_bytes >> 20} MiB",
                code="too_large",
                advice="keep large files out of the repository, or give a flake reference that the machine can fetch itself",
            )
        parts.append(part)
    return b"".join(parts)


def store_path(archived: bytes, name: str) -> str:
    """Return the path that what is ``archived`` has in a store, by ``nix-store --add`` of a file called ``name``."""
    content = hashlib.sha256(archived).hexdigest()
    digest = hashlib.sha256(f"source:sha256:{content}:{STORE_DIRECTORY}:{name}".encode()).digest()
    folded = bytearray(DIGEST_BYTES)
    for index, byte in enumerate(digest):
        folded[index % DIGEST_BYTES] ^= byte
    return f"{STORE_DIRECTORY}/{_base32(bytes(folded))}-{name}"


def _base32(data: bytes) -> str:
    """Return ``data`` as Nix writes it: its last bits first."""
    number = int.from_bytes(data, "little")
    letters = len(data) * 8 // BITS_IN_LETTER
    return "".join(LETTERS[number >> BITS_IN_LETTER * place & 0x1F] for place in reversed(range(letters)))


def _node(item: Path | Tree) -> Iterator[bytes]:
    yield _text(b"(")
    yield _text(b"type")
    if not isinstance(item, Path):
        yield _text(b"directory")
        for name, inner in sorted(item.items(), key=lambda entry: _encoded(entry[0])):
            yield b"".join(map(_text, (b"entry", b"(", b"name", _encoded(name), b"node")))
            yield from _node(inner)
            yield _text(b")")
    elif item.is_symlink():
        yield b"".join(map(_text, (b"symlink", b"target", _encoded(str(item.readlink())))))
    else:
        yield _text(b"regular")
        if item.stat().st_mode & stat.S_IXUSR:
            yield _text(b"executable") + _text(b"")
        yield _text(b"contents") + _text(item.read_bytes())
    yield _text(b")")


def _text(data: bytes) -> bytes:
    return struct.pack("<Q", len(data)) + data + bytes(-len(data) % ALIGNMENT)


def _encoded(name: str) -> bytes:
    return name.encode(errors="surrogateescape")


# What Nix itself calls the files of a flake: they are the same path wherever they come from.
NAME = "source"
# More than any flake should have, and less than what a script may be.
MOST_BYTES = 256 << 20
PATH_STARTS = ("/", ".", "~")

PROGRAM = program("store") + "\n"
COMMAND_NOT_FOUND = 127
# A look at a repository must not wait for, or disturb, somebody who works in it.
UNDISTURBING = {"GIT_OPTIONAL_LOCKS": "0"}


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
    if not shell.run(f'{PROGRAM}store_has "$1"\n', path).ok:
        answer = shell.run(
            f"{PROGRAM}store_receive_flake {NAME} <<'end of archive'\n{_lines(archived)}\nend of archive\n"
        )
        if answer.stdout.strip() != path:
            raise _not_received(shell.host, answer)
    # What Nix knows of a commit it is told, so that the flake evaluates to the same as from the repository.
    known = {"dir": files.directory} if files.directory else {}
    if files.revision and not files.dirty:
        known |= {"rev": files.revision, "lastModified": str(files.seconds)}
    return f"path:{path}{'?' if known else ''}{urllib.parse.urlencode(known)}"


def _lines(archived: bytes) -> str:
    # The same files are the same bytes, whenever they are sent.
    return base64.encodebytes(gzip.compress(archived, mtime=0)).decode().rstrip()


def _not_received(host: str, answer: Completed) -> EvaluationError:
    no_nix = answer.rc == COMMAND_NOT_FOUND or "not found" in answer.stderr
    return EvaluationError(
        f"the flake could not be brought into the store of {host}",
        code="no_nix" if no_nix else "not_received",
        log=answer.stdout + answer.stderr,
        advice=f"see that {host} has Nix, gzip and base64 on PATH (environment: adds to it)"
        if no_nix
        else f"see that the store of {host} can be written to, and that its temporary directory has room",
    )


@dataclasses.dataclass(frozen=True)
class FlakeFiles:
    """The files of a flake, where in them it is, and the revision that they are of.

    ``revision`` is that of the last commit, made at ``seconds`` (since 1970). Without a repository, or a commit in it,
    there is none. ``dirty`` says that the files are not quite those of the commit.
    """

    tree: Tree
    directory: str = ""
    revision: str | None = None
    seconds: int | None = None
    dirty: bool = False


def flake_files(flake: str) -> FlakeFiles:
    """Return the files of the flake in the directory ``flake``; raises ``EvaluationError`` where there is none."""
    # The path of a repository is as its user names it, as in Nix: Git would resolve links.
    directory = Path(os.path.normpath(flake))
    if not directory.is_dir():
        raise EvaluationError(
            f"there is no directory {directory} on the controller, from where it is to be sent",
            code="no_directory",
            advice="name the directory of the flake, or a flake reference that the machine can fetch itself",
        )
    for root in (directory, *directory.parents):
        if (root / ".git").exists():
            return _of_repository(root, directory)
    return FlakeFiles(_all_files(directory))


def _of_repository(root: Path, directory: Path) -> FlakeFiles:
    tree: dict[str, t.Any] = {}
    for name in _git(root, "ls-files", "-z", "--cached").stdout.split("\0"):
        path = root / name
        # A file that was deleted, and the directory of a submodule, are none of the flake's files to Nix either.
        if name and (path.is_symlink() or path.is_file()):
            *above, last = name.split("/")
            place = tree
            for part in above:
                place = place.setdefault(part, {})
            place[last] = path
    dirty = bool(_git(root, "status", "--porcelain", "--untracked-files=no").stdout)
    inside = "" if directory == root else directory.relative_to(root).as_posix()
    commit = _run(root, "log", "-1", "--no-show-signature", "--format=%H %ct")
    if not commit.ok:
        return FlakeFiles(tree, inside, dirty=True)
    revision, seconds = commit.stdout.split()
    return FlakeFiles(tree, inside, revision, int(seconds), dirty)


def _all_files(directory: Path) -> dict[str, t.Any]:
    return {
        entry.name: _all_files(entry) if entry.is_dir() and not entry.is_symlink() else entry
        for entry in directory.iterdir()
        if entry.is_dir() or entry.is_file() or entry.is_symlink()
    }


def _git(root: Path, *arguments: str) -> Completed:
    completed = _run(root, *arguments)
    return completed.or_raise(
        EvaluationError(
            f"{root} is a Git repository, and Git cannot say which files are in it",
            code="git_failed",
            command=completed.argv,
            advice="see what Git says; or give a flake reference that the machine can fetch itself",
        )
    )


def _run(root: Path, *arguments: str) -> Completed:
    command = ["git", "-C", str(root), *arguments]
    try:
        return process.run(command, environment=UNDISTURBING, errors="surrogateescape")
    except FileNotFoundError as missing:
        raise EvaluationError(
            f"{root} is a Git repository, and there is no Git on the controller to say which files are in it",
            code="no_git",
            command=command,
            advice="install Git there; or give a flake reference that the machine can fetch itself",
        ) from missing
