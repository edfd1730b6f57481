# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of what was done for a host, from the process that did it to the one that writes the trace.

A file of JSON lines in the directory of the run, which is there while somebody wants a trace, and only grows.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import typing as t

from .slice import Slice

if t.TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def begin(path: Path) -> None:
    """Have all processes of the run note what they do."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def is_wanted(path: Path) -> bool:
    """Whether anything is to be noted."""
    return path.is_file()


def note(path: Path, host: str, slices: Iterable[Slice]) -> None:
    """Write down what was done for ``host``. A trace is worth no deployment: what cannot be written is left out."""
    lines = [json.dumps({"host": host, **dataclasses.asdict(each)}) for each in slices]
    if not lines:
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
        try:
            # In one piece, so that what several processes write does not mix. The line break before is for a writer
            # that was killed.
            os.write(descriptor, "\n".join(["", *lines, ""]).encode())
        finally:
            os.close(descriptor)


def read(path: Path) -> dict[str, list[Slice]]:
    """Return what was noted for each host."""
    noted: dict[str, list[Slice]] = {}
    with contextlib.suppress(OSError), path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            # The end of what a killed process wrote is no line.
            with contextlib.suppress(ValueError, TypeError, KeyError):
                fields = json.loads(line)
                noted.setdefault(fields.pop("host"), []).append(Slice(**fields))
    return noted
