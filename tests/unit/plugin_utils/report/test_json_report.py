# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report for programs, held to its schema."""

from __future__ import annotations

import copy
import datetime
import json
import typing as t
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from ansible_collections.nix.fleet.plugins.plugin_utils.report.events import TaskEvent
from ansible_collections.nix.fleet.plugins.plugin_utils.report.json_report import VERSION, Run, document
from ansible_collections.nix.fleet.plugins.plugin_utils.report.records import MODULES, records
from ansible_collections.nix.fleet.plugins.plugin_utils.run_state.job import Job

ROOT = Path(__file__).resolve().parents[4]
SCHEMA = json.loads((ROOT / f"docs/schemas/report-{VERSION}.json").read_text(encoding="utf-8"))
STORE = "/nix/store/4j30m861p40qzdn8ba8bhh58kxlyi6lm-nixos-system-web"
ACTIVATED: dict[str, t.Any] = {
    "changed": True,
    "outcome": "confirmed",
    "id": "20260131T120000Z-5f2b9c04",
    "run": "20260131T115930Z-07c1f3a2",
    "goal": "switch",
    "closure": STORE,
    "previous": {"generation": 41, "closure": STORE, "running": None},
    "generation": 42,
    "units_failed": [],
    "closure_diff": {
        "packages": [{"name": "htop", "kind": "upgraded", "before": ["3.4.1"], "after": ["3.5.0"], "bytes": 10}],
        "rebuilt": ["system-path"],
        "bytes": 10,
        "bytes_before": 100,
        "bytes_after": 110,
        "paths_before": 3,
        "paths_after": 3,
    },
    "invocation": {"module_args": {"nix_options": {"access-tokens": "forge.example=hunter2"}}},
}
FAILED = {
    "failed": True,
    "msg": "no",
    "stage": "build",
    "code": "build.failed",
    "cause": "page did not build",
    "log": "oh",
    "advice": "mend it",
}


def events(*steps: tuple[str | None, str, dict[str, t.Any]]) -> list[TaskEvent]:
    told: list[TaskEvent] = []
    for at, (module, status, result) in enumerate(steps):
        told.append(TaskEvent("web", module, "started", at))
        told.append(TaskEvent("web", module, t.cast("t.Any", status), at + 0.5, result, task=str(module)))
    return told


def run(**fields: t.Any) -> Run:
    started = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.timezone.utc)
    return Run("20260131T115930Z-07c1f3a2", ("deploy.yml",), started, 12.3456, **fields)


def reported(told: list[TaskEvent], **fields: t.Any) -> dict[str, t.Any]:
    the_run = run(**fields)
    report: dict[str, t.Any] = json.loads(json.dumps(document(the_run, records(told, failed=the_run.failed), told)))
    validate(report)
    return report


def validate(report: dict[str, t.Any]) -> None:
    """As the schema has it, and with no field that it does not name."""
    strict = copy.deepcopy(SCHEMA)
    _close(strict)
    Draft202012Validator(strict).validate(report)


def _close(schema: t.Any) -> None:
    if isinstance(schema, list):
        for each in schema:
            _close(each)
    elif isinstance(schema, dict):
        # What says which result belongs to which stage names but these two fields.
        for name, each in schema.items():
            if name != "allOf":
                _close(each)
        if isinstance(schema.get("properties"), dict):
            schema["additionalProperties"] = False


def test_the_job_of_a_server_is_told_and_null_where_there_is_none() -> None:
    job = Job("Semaphore task 5", "bob")
    assert reported([], job=job)["run"]["job"] == {
        "name": "Semaphore task 5",
        "user": "bob",
        "commit": None,
        "url": None,
    }
    assert reported([])["run"]["job"] is None


def test_a_deployment_is_told_from_its_evaluation_to_its_confirmation() -> None:
    told = events(
        ("nix_eval", "ok", {"attr": "nixosConfigurations.web", "drv_path": f"{STORE}.drv", "out_path": STORE}),
        ("nix_build", "ok", {"changed": True, "out_path": STORE, "built": 3, "fetched": 12}),
        ("nix_copy_closure", "ok", {"changed": True, "copied_bytes": 2048, "copied_count": 2, "copied_paths": [STORE]}),
        ("nix_activate", "ok", ACTIVATED),
    )
    (host,) = reported(told)["hosts"]
    assert [stage["stage"] for stage in host["stages"]] == ["evaluation", "build", "copy", "activation"]
    assert (host["result"], host["outcome"], host["closure"]) == ("ok", "confirmed", STORE)
    assert (host["generation"], host["copied_bytes"]) == ({"before": 41, "after": 42}, 2048)
    assert host["difference"]["packages"][0]["name"] == "htop"
    assert host["stages"][1]["seconds"] == 0.5


def test_nothing_is_told_that_was_not_named_as_fit_for_it() -> None:
    assert "hunter2" not in json.dumps(reported(events(("nix_activate", "ok", ACTIVATED))))


def test_a_failure_says_where_why_and_what_next() -> None:
    (host,) = reported(events(("nix_build", "failed", FAILED)), failed=frozenset({"web"}))["hosts"]
    assert host["result"] == "failed"
    assert host["failure"] == {
        "stage": "build",
        "code": "build.failed",
        "cause": "page did not build",
        "log": "oh",
        "advice": "mend it",
        "task": "nix_build",
        "origin": "",
    }
    assert host["stages"][0]["failure"]["cause"] == "page did not build"


def test_a_stage_that_failed_and_was_rescued_is_no_failure_of_the_host() -> None:
    told = events(("nix_health", "failed", {"msg": "not yet"}), ("nix_info", "ok", {"generation": 3}))
    (host,) = reported(told)["hosts"]
    assert (host["result"], host["failure"], host["stages"][0]["status"]) == ("ok", None, "failed")
    assert host["stages"][1]["result"] == {"generation": 3}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, 0),
        ({"failed": frozenset({"web"})}, 2),
        ({"unreachable": frozenset({"db"})}, 4),
        ({"failed": frozenset({"web"}), "unreachable": frozenset({"db"})}, 4),
    ],
)
def test_the_exit_code_is_the_one_that_ansible_ends_with(fields: dict[str, t.Any], code: int) -> None:
    assert reported([], **fields)["run"]["exit_code"] == code


def test_a_foreign_log_of_any_length_is_kept_short() -> None:
    told = events(("nix_info", "ok", {}), (None, "failed", {"msg": "no", "stdout": "x" * 100_000}))
    (host,) = reported(told, failed=frozenset({"web"}))["hosts"]
    assert len(host["failure"]["log"]) == 16_000


def test_the_schema_knows_every_field_of_every_stage() -> None:
    for module in MODULES.values():
        if module.stage:
            assert set(module.kept) == set(SCHEMA["$defs"]["results"][module.stage]["properties"])


def test_the_report_knows_every_module() -> None:
    assert {path.stem for path in (ROOT / "plugins/action").glob("nix_*.py")} == set(MODULES)


def test_a_host_that_was_looked_at_has_the_state_that_the_table_has() -> None:
    (host,) = reported(events(("nix_info", "ok", {"generation": 3, "drift": None})))["hosts"]
    assert (host["state"], host["outcome"]) == ("ok", None)
    (host,) = reported(events(("nix_info", "ok", {"generation": None})))["hosts"]
    assert host["state"] == "undeployed"
    (host,) = reported(events(("nix_info", "ok", {"generation": 3}), ("nix_activate", "ok", ACTIVATED)))["hosts"]
    assert host["state"] is None
