# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Things that take long to make and are the same for every fleet: made once, whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .clone import cache_directory
from .run import run


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold a directory for oneself, waiting for whoever holds it now. The lock ends with the process."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def recipe_key(*parts: str) -> str:
    """A name for what a recipe makes, which changes with the recipe."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def cached(name: str, make: Callable[[Path, Path], None]) -> Path:
    """The finished directory of that name; `make(where to make it, where it will be)` is called when it is missing."""
    cache = cache_directory()
    finished = cache / name
    if finished.is_dir():
        return finished
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache):
        if finished.is_dir():
            return finished
        # The lock is ours, so an unfinished directory is what an interrupted run left.
        for leftover in cache.glob(".unfinished-*"):
            _remove(leftover)
        print(f"making {name} (once; kept in {cache})", file=sys.stderr, flush=True)
        unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=cache))
        try:
            unfinished.chmod(0o755)
            make(unfinished, finished)
            unfinished.rename(finished)
        except BaseException:
            _remove(unfinished)
            raise
    return finished


def remove_cache() -> None:
    """Remove everything that was kept. No fleet may be lying over it."""
    _remove(cache_directory())


def _remove(directory: Path) -> None:
    """Remove a directory, and nothing that an interrupted run may have left mounted in it."""
    run(["rm", "-rf", "--one-file-system", str(directory)])
