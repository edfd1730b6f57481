# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that a new machine is to have from its first boot on, secrets among them: nowhere but in memory, and not for long."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import tempfile
import typing as t

from ..errors import InstallationError

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Where no disk is, on Linux.
_MEMORY = (os.environ.get("XDG_RUNTIME_DIR", ""), "/dev/shm")


@contextlib.contextmanager
def private_directory_in_memory() -> Iterator[pathlib.Path]:
    """Yield a directory of this process alone, in memory where there is such a place, that is gone afterwards."""
    place = next((place for place in _MEMORY if place and os.access(place, os.W_OK)), None)
    with tempfile.TemporaryDirectory(prefix="nix.fleet-", dir=place) as directory:
        yield pathlib.Path(directory)


def packed(directory: pathlib.Path, extra_files: str | None, host_keys: Mapping[str, Mapping[str, str]]) -> str | None:
    """Put ``extra_files`` and the host keys into ``directory`` as they are to be below the machine's root.

    Returns the directory of all of them, or None when there are none. Host keys are by the kind in their file's name.
    """
    if not extra_files and not host_keys:
        return None
    root = directory / "root"
    if extra_files:
        if not pathlib.Path(extra_files).is_dir():
            raise InstallationError(f"{extra_files} is no directory", advice="correct extra_files")
        shutil.copytree(extra_files, root, symlinks=True)
    for kind, key in host_keys.items():
        if not kind.isascii() or not kind.isalnum():
            raise InstallationError(f"{kind!r} is no kind of a host key", advice="name it ed25519, rsa or ecdsa")
        place = root / "etc/ssh" / f"ssh_host_{kind}_key"
        place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        _write(place, key["private"], 0o600)
        if key.get("public"):
            _write(place.with_name(f"{place.name}.pub"), key["public"], 0o644)
    return str(root)


def unlocked(directory: pathlib.Path, keys: Mapping[str, str]) -> dict[str, str]:
    """Write what unlocks the disks into files of ``directory``, and return these by the paths on the machine."""
    files = {path: directory / f"disk-key-{number}" for number, path in enumerate(keys)}
    for path, file in files.items():
        # To the last byte: a line feed more is another passphrase.
        _write(file, keys[path], 0o600, end="")
    return {path: str(file) for path, file in files.items()}


def _write(file: pathlib.Path, text: str, mode: int, end: str = "\n") -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text if text.endswith(end) else text + end)
        os.fchmod(stream.fileno(), mode)
