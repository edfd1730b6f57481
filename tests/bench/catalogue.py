# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All rows: whatever is in the directory rows."""

from __future__ import annotations

import importlib
import typing as t
from fnmatch import fnmatchcase
from pathlib import Path

from .measure import BenchError

if t.TYPE_CHECKING:
    from .record import Row


def all_rows() -> list[Row]:
    """Return every row, by file and then as the file has them."""
    rows: list[Row] = []
    for file in sorted((Path(__file__).parent / "rows").glob("*.py")):
        module = importlib.import_module(f"{__package__}.rows.{file.stem}")
        rows += module.ROWS
    return rows


def chosen(patterns: str | None) -> list[Row]:
    """Return the rows whose names match one of the patterns, which are separated by commas."""
    rows = all_rows()
    if patterns is None:
        return rows
    found = [row for row in rows if any(fnmatchcase(row.name, pattern) for pattern in patterns.split(","))]
    if not found:
        raise BenchError(f"--rows {patterns}: there is no such row; there are {', '.join(row.name for row in rows)}")
    return found
