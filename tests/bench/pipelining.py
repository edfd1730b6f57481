# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of runs: a panel for each trace, a row for each host, a bar for each stage.

python3 -m tests.bench.pipelining run.json … > run.svg
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import typing as t
from pathlib import Path

from .drawing import INK, PALE, RULE, line, picture, text
from .drawing import element as shape

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

WIDTH, MARGIN, NAMES, ROW, BAR = 980, 20, 92, 13, 9
HEAD, PANEL_HEAD, PANEL_FOOT = 64, 30, 26
COLOURS = {
    "evaluation": "#6d4bc3",
    "build": "#0b6bcb",
    "copy": "#0d7a6f",
    "keys": "#8a5a00",
    "activation": "#237a2b",
    "health": "#4f7300",
    "confirmation": "#2d6e4e",
    "reboot": "#a8431b",
    "task": "#b3bcc5",
}
OTHER = COLOURS["task"]
STEPS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600)
MARKS = 12


@dataclasses.dataclass(frozen=True)
class Bar:
    """A stage of a host's; times in seconds from the beginning of the run."""

    host: str
    category: str
    began: float
    ended: float


@dataclasses.dataclass(frozen=True)
class Traced:
    """A run, as far as the picture has it."""

    title: str
    seconds: float
    bars: tuple[Bar, ...]

    @classmethod
    def read(cls, path: Path) -> Traced:
        """Read what NIX_FLEET_TRACE has written."""
        trace = json.loads(path.read_text())
        names = {each["tid"]: each["args"]["name"] for each in trace["traceEvents"] if each["name"] == "thread_name"}
        bars = tuple(
            Bar(names[each["tid"]], each["cat"], each["ts"] / 1e6, (each["ts"] + each["dur"]) / 1e6)
            for each in trace["traceEvents"]
            if each["ph"] == "X" and not each["cat"].startswith("nix-")
        )
        return cls(path.stem, trace["otherData"]["seconds"], bars)

    @property
    def hosts(self) -> list[str]:
        """The hosts in the order in which they are done."""
        done = {
            host: max(stage.ended for stage in self.bars if stage.host == host)
            for host in {stage.host for stage in self.bars}
        }
        return sorted(done, key=lambda host: done[host])

    @property
    def first_activated(self) -> float | None:
        """When the first host had been activated."""
        return min(
            (stage.ended for stage in self.bars if stage.category == "activation" and not self._asks(stage)),
            default=None,
        )

    def _asks(self, stage: Bar) -> bool:
        """Whether the host was only asked what it runs: it is activated after that."""
        return any(
            other.host == stage.host and other.category == "activation" and other.began > stage.began
            for other in self.bars
        )


def pipelining(runs: Sequence[Traced]) -> str:
    """Return the picture of all runs, on one scale."""
    longest = max(run.seconds for run in runs)
    shapes = [text(MARGIN, 30, "Where the time of a run goes", size=17, font_weight=600), *_legend(runs)]
    top = HEAD
    for run in runs:
        shapes.append(shape("g", "\n".join(_panel(run, longest)), transform=f"translate(0 {top})"))
        top += _height(run)
    return picture(WIDTH, top + MARGIN, "Stages of each host over time", shapes)


def _height(run: Traced) -> int:
    return PANEL_HEAD + ROW * len(run.hosts) + PANEL_FOOT


def _legend(runs: Sequence[Traced]) -> Iterator[str]:
    there = {stage.category for run in runs for stage in run.bars}
    x = MARGIN
    for name in (each for each in COLOURS if each in there):
        words = "other task" if name == "task" else name
        yield shape("rect", x=x, y=42, width=10, height=10, rx=2, fill=COLOURS[name])
        yield text(x + 15, 51, words, colour=PALE)
        x += 40 + 7 * len(words)


def _panel(run: Traced, longest: float) -> Iterator[str]:
    hosts = run.hosts
    bottom = PANEL_HEAD + ROW * len(hosts)

    def across(seconds: float) -> float:
        return MARGIN + NAMES + seconds / longest * (WIDTH - 2 * MARGIN - NAMES)

    yield text(MARGIN, 18, f"{run.title}: {run.seconds:.1f} s", size=13, font_weight=600)
    for mark in _marks(longest):
        yield line(across(mark), PANEL_HEAD - 4, across(mark), bottom, RULE)
        yield text(across(mark), bottom + 14, f"{mark} s", colour=PALE, size=10, text_anchor="middle")
    for number, host in enumerate(hosts):
        y = PANEL_HEAD + ROW * number
        yield text(MARGIN, y + BAR, host, size=9.5, colour=PALE)
        yield from _bars((stage for stage in run.bars if stage.host == host), y, across)
    first = run.first_activated
    if first is not None:
        yield line(across(first), PANEL_HEAD - 8, across(first), bottom, INK, 1.2, stroke_dasharray="4 3")
        yield text(across(first) + 4, PANEL_HEAD - 6, f"first host activated: {first:.1f} s", size=10)


def _bars(bars: Iterable[Bar], y: float, across: t.Callable[[float], float]) -> Iterator[str]:
    for stage in bars:
        width = max(0.6, across(stage.ended) - across(stage.began))
        colour = COLOURS.get(stage.category, OTHER)
        yield shape("rect", x=across(stage.began), y=y, width=width, height=BAR, rx=1, fill=colour)


def _marks(longest: float) -> range:
    step = next((step for step in STEPS if longest / step <= MARKS), STEPS[-1])
    return range(0, int(longest) + 1, step)


def main() -> None:
    """Print the picture of the traces that are named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("trace", nargs="+", type=Path, help="what NIX_FLEET_TRACE wrote")
    print(pipelining([Traced.read(path) for path in parser.parse_args().trace]), end="")


if __name__ == "__main__":
    main()
