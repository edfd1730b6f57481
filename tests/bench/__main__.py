# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bench: `make bench`, `make bench ARGS='--rows redeploy --rounds 5'`."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from .catalogue import all_rows, chosen
from .chart import chart
from .comparison import comparisons
from .ground import ROOT, Ground
from .measure import BenchError
from .pipelining import Traced, pipelining
from .report import Measurement, as_json, table
from .rounds import played


def main() -> int:
    """Measure what was asked for; print it and leave it in tests/output."""
    options = _options()
    # However it is ended, the fleet goes.
    for way_to_end in (signal.SIGINT, signal.SIGTERM):
        signal.signal(way_to_end, signal.default_int_handler)
    try:
        rows = chosen(options.rows)
        if options.list:
            print("\n".join(f"{row.name:24} {row.what}" for row in all_rows()))
            return 0
        if os.geteuid():
            raise BenchError("the bench needs root: it brings up a rehearsal fleet and follows every process of a run")
        _make(options.output)
        ground = Ground(Path(tempfile.mkdtemp(prefix="fleet-bench-")), options.hosts)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    measurements: list[Measurement] = []
    try:
        for row in rows:
            points = options.points or row.at_points(everything=options.everything, hosts=options.hosts)
            outcomes = tuple(played(row, ground, points, options.rounds, _say))
            measurements.append(Measurement(row, outcomes, tuple(comparisons(row, outcomes))))
            print("\n".join(["", *table(measurements[-1])]), flush=True)
            _write(measurements, options)
            _draw(ground, options)
    except KeyboardInterrupt:
        print("interrupted; what was measured so far:", file=sys.stderr)
    finally:
        ground.close()
    print("\nbars")
    for comparison in (comparison for each in measurements for comparison in each.comparisons):
        print(f"  {comparison}")
    print(f"\n{options.output}/bench.json, {options.output}/bench.svg")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rows", metavar="NAME,…", help="only the rows of these names; * stands for anything")
    parser.add_argument("--rounds", type=_number, default=3, help="how often each way is measured (%(default)s)")
    parser.add_argument("--hosts", type=_number, default=20, help="how many hosts at most, up to 50 (%(default)s)")
    parser.add_argument("--points", metavar="N,…", type=_numbers, help="these points instead of the rows' own")
    parser.add_argument("--output", type=Path, default=ROOT / "tests/output", help="where the results go (%(default)s)")
    parser.add_argument("--everything", action="store_true", help="the large points too, for an hour and more")
    parser.add_argument("--list", action="store_true", help="only name the rows")
    return parser.parse_args()


def _number(word: str) -> int:
    if not word.isdecimal() or not int(word):
        raise argparse.ArgumentTypeError(f"{word!r} is not a number from 1 on")
    return int(word)


def _numbers(words: str) -> tuple[int, ...]:
    return tuple(map(_number, words.split(",")))


def _make(output: Path) -> None:
    # Now, and not when hours have gone into what is to be written there.
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BenchError(f"--output {output}: {error.strerror}") from error


def _write(measurements: list[Measurement], options: argparse.Namespace) -> None:
    data = as_json(measurements, options.rounds, options.hosts)
    (options.output / "bench.json").write_text(json.dumps(data, indent=2) + "\n")
    (options.output / "bench.svg").write_text(chart(measurements))


def _draw(ground: Ground, options: argparse.Namespace) -> None:
    """Draw where the time of the runs went that have left a trace."""
    traces = [path for path in ground.traces.values() if path.exists()]
    for path in traces:
        shutil.copyfile(path, options.output / path.name)
    if traces:
        (options.output / "pipelining.svg").write_text(pipelining([Traced.read(path) for path in traces]))


def _say(text: str) -> None:
    print(f"… {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
