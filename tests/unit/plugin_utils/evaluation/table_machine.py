# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Nix that evaluates from a table, and writes the log that Nix would."""

from __future__ import annotations

import dataclasses
import json
import re
import signal
import threading
import typing as t
from collections.abc import Callable, Mapping, Sequence

from ansible_collections.nix.fleet.plugins.plugin_utils.core.process import CommandTimeoutError, Completed

MARK = re.compile(r"nix\.fleet-[0-9a-f]{16}")
PATHS = re.compile(r'  paths = \(builtins\.fromJSON "(.*)"\);')

# What an attribute can come to, other than a derivation.
BROKEN = "broken"
KILLED = "killed"
KILLED_AFTER_OTHERS = "killed after others"
ENDLESS = "endless"
# Out of memory in a heap of less than HEAVY, and in any.
HEAVY_HEAP = 1 << 30
HEAVY = "heavy"
TOO_HEAVY = "too heavy"
MISSING = "missing"
PLAIN = "plain"


@dataclasses.dataclass
class TableMachine:
    """A machine whose Nix knows ``table``: an attribute's first name, and what comes of it."""

    table: dict[str, str]
    root: str | None = None
    revision: str = "one"
    name: str = "the controller"
    gone: set[str] = dataclasses.field(default_factory=set)
    dirty: bool = False
    unlocked: str = ""
    library: str | None = None
    evaluated: list[list[str]] = dataclasses.field(default_factory=list)
    sources: list[str] = dataclasses.field(default_factory=list)
    functions: list[str] = dataclasses.field(default_factory=list)
    looked: int = 0
    longest_argument: int = 0
    # So many evaluations begin at the same time.
    together: threading.Barrier | None = None

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float | None = None,
        on_stderr_line: Callable[[str], None] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Completed:
        self.longest_argument = max(self.longest_argument, *map(len, argv))
        if "metadata" in argv:
            self.looked += 1
            return self._metadata(argv)
        self.sources.append(argv[-1])
        heap = int((environment or {}).get("GC_MAXIMUM_HEAP_SIZE", HEAVY_HEAP))
        self.functions.append(argv[argv.index("--apply") + 1])
        lines, rc = self._evaluate(self.functions[-1], heap)
        if self.together is not None:
            self.together.wait(10)
        for line in lines:
            assert on_stderr_line is not None
            on_stderr_line(line)
        if rc is None:
            raise CommandTimeoutError(argv, timeout or 0)
        return Completed(tuple(argv), rc, "null\n", "\n".join(lines))

    def existing(self, paths: Sequence[str]) -> set[str]:
        return set(paths) - self.gone

    def _metadata(self, argv: Sequence[str]) -> Completed:
        if self.root:
            return Completed(tuple(argv), 1, "", message(0, f"error: {self.root}", self.root))
        revision = {"dirtyRevision": f"{self.revision}-dirty"} if self.dirty else {"revision": self.revision}
        return Completed(tuple(argv), 0, json.dumps({**revision, "url": f"path:/x?rev={self.revision}"}), self._said())

    def _said(self) -> str:
        changes = f"not writing modified lock file of flake 'x':\n{self.unlocked}"
        return message(1, f"warning: {changes}") if self.unlocked else ""

    def _evaluate(self, function: str, heap: int) -> tuple[list[str], int | None]:
        if self.root:
            return [message(0, f"error: {self.root}", self.root)], 1
        mark = MARK.findall(function)[0]
        literal = re.search(PATHS, function)
        assert literal
        paths = json.loads(json.loads(f'"{literal[1]}"'))
        self.evaluated.append([path[0] for path in paths])
        lines = [message(1, "warning: Git tree is dirty"), trace(mark, {"begin": len(paths)})]
        for index, path in enumerate(paths):
            lines += [trace(mark, {"start": index}), message(0, f"trace: evaluating {path[0]}")]
            kind = self.table[path[0]]
            if kind == BROKEN:
                return [*lines, message(0, f"error:\n\n       error: {path[0]} is broken", f"{path[0]} is broken")], 1
            if kind == TOO_HEAVY or (kind == HEAVY and heap < HEAVY_HEAP):
                return [*lines, message(0, "error: out of memory")], 1
            if kind == KILLED or (kind == KILLED_AFTER_OTHERS and index > 0):
                return lines, -signal.SIGKILL
            if kind == ENDLESS:
                return lines, None
            lines.append(trace(mark, {"done": index, "library": self.library, **self._result(kind, path[0])}))
        return lines, 0

    def _result(self, kind: str, name: str) -> dict[str, t.Any]:
        if kind == MISSING:
            return {"missing": {"name": name, "depth": 0, "type": "set", "has": ["a", "x.y"]}}
        if kind == PLAIN:
            return {"type": "string"}
        return {"drv": derivation(name, self.revision), "out": f"/nix/store/{'0' * 32}-{name}"}


def derivation(name: str, revision: str = "one") -> str:
    """Return the derivation that ``TableMachine`` evaluates ``name`` to."""
    return f"/nix/store/{'0' * 32}-{name}-{revision}.drv"


def message(level: int, text: str, cause: str | None = None) -> str:
    """Return a message of Nix as it stands in the log."""
    return "@nix " + json.dumps({"action": "msg", "level": level, "msg": text, "raw_msg": cause})


def trace(mark: str, news: dict[str, t.Any]) -> str:
    """Return a trace as it stands in the log."""
    return message(0, f"trace: {mark} {json.dumps(news)}")
