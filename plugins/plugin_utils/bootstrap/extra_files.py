# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that a new machine is to have from its first boot on, secrets among them: in memory, and not for long."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import tempfile
import typing as t

from ..core.errors import InstallationError

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MOUNTS = pathlib.Path("/proc/self/mounts")
IN_MEMORY = {"tmpfs", "ramfs"}


@contextlib.contextmanager
def private_directory(*, allow_disk: bool) -> Iterator[pathlib.Path]:
    """Yield a directory of this process alone, in memory, that is gone afterwards; ``allow_disk``: elsewhere, where there is none.

    Raises ``InstallationError`` where there is no such place.
    """
    places = (os.environ.get("XDG_RUNTIME_DIR", ""), "/dev/shm")
    place = next((place for place in places if place and os.access(place, os.W_OK) and _is_in_memory(place)), None)
    if place is None and not allow_disk:
        raise InstallationError(
            "the controller has no file system in memory that could be written to, and secrets belong on no disk",
            code="not_in_memory",
            advice="name a directory on a tmpfs (XDG_RUNTIME_DIR), or accept the disk (allow_disk, bootstrap_allow_disk)",
        )
    with tempfile.TemporaryDirectory(prefix="nix.fleet-", dir=place) as directory:
        yield pathlib.Path(directory)


def _is_in_memory(place: str) -> bool:
    """Whether a directory is on a file system in memory, where there is a list of what is mounted: on Linux."""
    path = pathlib.Path(place).resolve()
    try:
        mounted = [line.split()[1:3] for line in MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:
        return False
    # Of two at the same place, the later one is seen.
    kinds = {at.replace("\\040", " "): kind for at, kind in mounted}
    return next((kinds[str(each)] for each in (path, *path.parents) if str(each) in kinds), "") in IN_MEMORY


def packed(
    directory: pathlib.Path,
    extra_files: str | None,
    host_keys: Mapping[str, Mapping[str, str]],
    files_root: str = "/",
) -> str | None:
    """Put ``extra_files`` and the host keys into ``directory`` as they are to be below the machine's root.

    Returns the directory of all of them, or None when there are none. Host keys are by the kind in their file's name.
    ``files_root`` is the directory of the machine to which all of them go. Without any key, and at the machine's own root,
    ``extra_files`` stays where it is.
    """
    steps = pathlib.PurePosixPath(files_root).parts
    if steps[:1] != ("/",) or ".." in steps:
        raise InstallationError(
            f"{files_root} is no directory of the machine", code="bad_path", advice="give an absolute path (files_root)"
        )
    if extra_files and not pathlib.Path(extra_files).is_dir():
        raise InstallationError(f"{extra_files} is no directory", code="no_directory", advice="correct extra_files")
    if not host_keys and (len(steps) == 1 or not extra_files):
        return extra_files
    top = root = directory / "root"
    _open_directory(root)
    for step in steps[1:]:
        root /= step
        _open_directory(root)
    if extra_files:
        shutil.copytree(extra_files, root, symlinks=True, dirs_exist_ok=True)
    for kind, key in host_keys.items():
        if not kind.isascii() or not kind.isalnum():
            raise InstallationError(
                f"{kind!r} is no kind of a host key", code="bad_host_key", advice="name it ed25519, rsa or ecdsa"
            )
        place = root / "etc/ssh" / f"ssh_host_{kind}_key"
        for each in (root, root / "etc", place.parent):
            _open_directory(each)
        _write(place, key["private"], 0o600)
        if key.get("public"):
            _write(place.with_name(f"{place.name}.pub"), key["public"], 0o644)
    return str(top)


def unlocked(directory: pathlib.Path, keys: Mapping[str, str]) -> dict[str, str]:
    """Write what unlocks the disks into files of ``directory``, and return these by the paths on the machine."""
    files = {path: directory / f"disk-key-{number}" for number, path in enumerate(keys)}
    for path, file in files.items():
        # To the last byte: a line feed more is another passphrase.
        _write(file, keys[path], 0o600, end="")
    return {path: str(file) for path, file in files.items()}


def _open_directory(place: pathlib.Path) -> None:
    """Make a directory that everybody may look into, whatever the umask: the new machine's own has its mode from it."""
    if not place.is_dir():
        place.mkdir()
        place.chmod(0o755)


def _write(file: pathlib.Path, text: str, mode: int, end: str = "\n") -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text if text.endswith(end) else text + end)
        os.fchmod(stream.fileno(), mode)
