# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The trace as Perfetto and Chrome read it."""

from __future__ import annotations

import datetime
import json
import pathlib

from jsonschema import Draft7Validator

from ansible_collections.nix.fleet.plugins.plugin_utils.report.chrome import chrome_trace
from ansible_collections.nix.fleet.plugins.plugin_utils.report.rows import rows
from ansible_collections.nix.fleet.plugins.plugin_utils.report.run import Run
from ansible_collections.nix.fleet.plugins.plugin_utils.report.slice import Slice

ROOT = pathlib.Path(__file__).resolve().parents[4]
SCHEMA = json.loads((ROOT / "docs/schemas/trace-1.json").read_text())
RUN = Run("id", ("deploy.yml",), datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc), 12.0)
BEGAN = 1000.0
ROWS = rows(
    {
        "web": [Slice("build", "build", 1001.0, 1003.5, {"status": "ok", "changed": True})],
        "db": [Slice("copy", "copy", 1002.0, 1004.0)],
    },
    {
        "web": [
            Slice("build a", "nix-build", 1001.25, 1002.25, {"derivation": "a"}, 1),
            Slice("build b", "nix-build", 1001.5, 1002.0, {}, 2),
        ]
    },
)
TRACE = chrome_trace(RUN, BEGAN, ROWS)


def threads() -> dict[int, str]:
    return {each["tid"]: each["args"]["name"] for each in TRACE["traceEvents"] if each["name"] == "thread_name"}


def test_it_is_what_its_schema_says() -> None:
    Draft7Validator.check_schema(SCHEMA)
    assert [error.message for error in Draft7Validator(SCHEMA).iter_errors(json.loads(json.dumps(TRACE)))] == []


def test_each_host_is_a_thread_and_has_another_one_for_what_happens_at_the_same_time() -> None:
    assert threads() == {1: "web", 2: "web (2)", 3: "db"}


def test_times_are_microseconds_from_the_beginning_of_the_run() -> None:
    shown = {
        each["name"]: (threads()[each["tid"]], each["ts"], each["dur"])
        for each in TRACE["traceEvents"]
        if each["ph"] == "X"
    }
    assert shown == {
        "build": ("web", 1_000_000, 2_500_000),
        "build a": ("web", 1_250_000, 1_000_000),
        "build b": ("web (2)", 1_500_000, 500_000),
        "copy": ("db", 2_000_000, 2_000_000),
    }


def test_it_says_which_run_it_is_of() -> None:
    assert TRACE["otherData"]["started"] == "2026-01-02T00:00:00Z"
    assert TRACE["traceEvents"][0]["args"] == {"name": "nix.fleet: deploy.yml"}
