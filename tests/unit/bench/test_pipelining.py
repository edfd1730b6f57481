# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the picture of a run makes of its trace."""

from __future__ import annotations

import json
import typing as t
from xml.etree import ElementTree

import pytest

from ansible_collections.nix.fleet.tests.bench.pipelining import Bar, Traced, pipelining

if t.TYPE_CHECKING:
    from pathlib import Path

# A host is asked what it runs, and then activated.
STAGES = {
    "slow": [("evaluation", 0, 8), ("activation", 8, 9), ("activation", 9, 12)],
    "quick": [("evaluation", 0, 2), ("nix-build", 1, 2), ("activation", 2, 3), ("activation", 4, 6)],
}


@pytest.fixture
def traced(tmp_path: Path) -> Traced:
    events: list[dict[str, t.Any]] = []
    for thread, (host, stages) in enumerate(STAGES.items(), 1):
        events.append({"ph": "M", "tid": thread, "name": "thread_name", "args": {"name": host}})
        events += [
            {"ph": "X", "tid": thread, "name": cat, "cat": cat, "ts": began * 10**6, "dur": (ended - began) * 10**6}
            for cat, began, ended in stages
        ]
    trace = tmp_path / "nix.fleet.json"
    trace.write_text(json.dumps({"otherData": {"seconds": 12.5}, "traceEvents": events}))
    return Traced.read(trace)


def test_stages_are_read_and_what_nix_did_is_not(traced: Traced) -> None:
    assert [stage for stage in traced.bars if stage.host == "quick"] == [
        Bar("quick", "evaluation", 0, 2),
        Bar("quick", "activation", 2, 3),
        Bar("quick", "activation", 4, 6),
    ]


def test_who_is_done_first_is_on_top(traced: Traced) -> None:
    assert traced.hosts == ["quick", "slow"]


def test_a_question_activates_nobody(traced: Traced) -> None:
    assert traced.first_activated == 6


def test_the_picture_has_each_run_with_its_hosts(traced: Traced) -> None:
    root = ElementTree.fromstring(pipelining([traced, traced]))
    words = " ".join(root.itertext())
    assert words.count("nix.fleet: 12.5 s") == 2
    assert words.count("first host activated: 6.0 s") == 2
    assert words.count("quick") == 2
