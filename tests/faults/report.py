# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of the fault suite: at the end of the tests' output, and in tests/output/faults.json."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

OUTPUT = Path(__file__).resolve().parents[1] / "output"
COLUMNS = ("fault", "moment", "machine", "expectation", "seen", "seconds", "result")
PROPERTY = "fault-row"
# The fixture `record_property`, by which a test hands its row over.
Seen = t.Callable[[str, object], None]


class Table:
    """Collects the rows that the tests report, from whichever worker."""

    def __init__(self) -> None:
        self._rows: list[dict[str, t.Any]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take a row from a test's report."""
        if report.when != "call":
            return
        for name, value in report.user_properties:
            if name == PROPERTY and isinstance(value, dict):
                result = "ok" if report.passed else "NOT"
                self._rows.append({**value, "seconds": round(report.duration), "result": result})

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table."""
        if not self._rows:
            return
        rows = sorted(self._rows, key=lambda row: int(row["order"]))
        OUTPUT.mkdir(exist_ok=True)
        (OUTPUT / "faults.json").write_text(json.dumps(rows, indent=2) + "\n")
        terminalreporter.section("faults")
        for line in plain(rows):
            terminalreporter.write_line(line)


def plain(rows: list[dict[str, t.Any]]) -> list[str]:
    """Return the table for a terminal."""
    cells = [list(COLUMNS), *([str(row[column]) for column in COLUMNS] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(COLUMNS))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    good = sum(row["result"] == "ok" for row in rows)
    return [*lines, f"{len(rows)} rows: {good} as expected, {len(rows) - good} not"]
