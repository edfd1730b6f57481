# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the report of a run reads that only looked."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.report.events import Failure
from ansible_collections.nix.fleet.plugins.plugin_utils.report.records import HostRecord
from ansible_collections.nix.fleet.plugins.plugin_utils.report.summary import summary

CLOSURE = "/nix/store/00000000000000000000000000000000-nixos-system-web"
OTHER = "/nix/store/11111111111111111111111111111111-nixos-system-web"
REVISION = "0123456789abcdef0123456789abcdef01234567"
FACTS: dict[str, t.Any] = {
    "platform": "nixos",
    "nix_version": "2.26.3",
    "generation": 4,
    "generations": [
        {"number": 3, "date": "2026-01-30T12:00:00Z", "current": False},
        {"number": 4, "date": "2026-01-31T12:00:00Z", "current": True},
    ],
    "current_system": CLOSURE,
    "specialisation": None,
    "default": CLOSURE,
    "reboot_required": False,
    "interrupted": False,
    "lock": None,
    "store_free_bytes": 3 * 2**30,
    "store_total_bytes": 20 * 2**30,
    "kernel": {"running": "6.12.1", "current": "6.12.1"},
    "units_failed": [],
    "drift": None,
    "revision": {"deployed": REVISION, "dirty": False, "current": REVISION, "behind": 0, "ahead": 0},
}


def seen(name: str = "web", **facts: t.Any) -> HostRecord:
    return HostRecord(name, started=0.0, ended=0.2, facts={**FACTS, **facts})


def report(*hosts: HostRecord) -> list[str]:
    return [line.text for line in summary(hosts, 80, 1.0)]


def test_a_row_says_what_a_host_runs_and_since_when() -> None:
    assert report(seen())[:2] == [
        "host  state  platform  gen  since       revision      free",
        "web   ok     nixos     4    2026-01-31  0123456789ab  3.0 GiB",
    ]


def test_names_of_a_usual_length_stand_in_their_rows_on_80_columns() -> None:
    revision = {"deployed": REVISION, "dirty": True, "current": "f" * 40, "behind": 12, "ahead": 0}
    rolled_back = {"journal": [{"outcome": "rolled_back"}]}
    shown = report(seen("workstation", platform="home-manager", generation=123, revision=revision, **rolled_back))
    assert shown[1].startswith("workstation rolled back home-manager 123 ")


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({}, "ok"),
        ({"generation": None, "generations": []}, "undeployed"),
        ({"reboot_required": True}, "ok"),
        ({"default": OTHER}, "ok"),
        ({"current_system": OTHER}, "ok"),
        ({"current_system": OTHER, "specialisation": "slow"}, "ok"),
        ({"interrupted": True}, "failed"),
        ({"lock": {"alive": True, "id": "x", "holder": "ada@here", "started": "now"}}, "deploying"),
        ({"lock": {"alive": False}}, "ok"),
        ({"lock": {"alive": True, "kind": "deployment"}}, "deploying"),
        ({"lock": {"alive": True, "kind": "collection"}}, "deploying"),
        ({"lock": {"alive": True, "kind": "reboot"}}, "deploying"),
        ({"drift": {"what": "boots", "expected": CLOSURE, "found": OTHER}}, "drifted"),
        ({"units_failed": ["page.service"]}, "failed"),
        ({"store_free_bytes": 2**29}, "ok"),
        ({"revision": {"deployed": REVISION, "current": "f" * 40, "behind": 2, "ahead": 0}}, "behind"),
    ],
)
def test_a_state_says_whether_something_is_left_to_do(facts: dict[str, t.Any], state: str) -> None:
    assert report(seen(**facts))[-1].startswith(f"1 host: 1 {state} ")


def test_a_host_that_is_being_deployed_has_not_drifted() -> None:
    drift = {"what": "runs", "expected": CLOSURE, "found": OTHER}
    lines = report(seen(drift=drift, lock={"alive": True, "id": "x", "holder": "ada@here", "started": "now"}))
    assert "somebody else" not in " ".join(lines)
    assert lines[-1].startswith("1 host: 1 deploying")


@pytest.mark.parametrize(("outcome", "state"), [("rolled_back", "rolled back"), ("rollback_failed", "failed")])
def test_the_state_of_a_host_is_how_its_last_deployment_failed(outcome: str, state: str) -> None:
    assert report(seen(journal=[{"outcome": outcome}]))[-1].startswith(f"1 host: 1 {state} ")


@pytest.mark.parametrize(
    "entry",
    [{}, {"user": "eve\nvps-2  ok"}, {"started": None, "run": 7, "revision": ["x"], "cause": {"a": "\n"}, "job": 1}],
)
@pytest.mark.parametrize("outcome", ["confirmed", "failed"])
def test_a_journals_entry_that_lacks_fields_or_has_others_costs_no_host_and_makes_no_line(
    entry: dict[str, t.Any], outcome: str
) -> None:
    lines = report(seen(journal=[{"outcome": outcome, **entry}]), seen("vps-2"))
    assert "None" not in "".join(lines)
    assert [line.split()[0] for line in lines if line[:1].strip()][:3] == ["host", "web", "vps-2"]


def test_unreachable_hosts_are_shown_among_the_others() -> None:
    gone = HostRecord("gone", 0.0, 1.0, outcome="unreachable", failure=Failure("no route to host"))
    lines = report(seen(), gone)
    assert lines[2:4] == [
        "gone  unreachable  -         -    -           -             -",
        "    no route to host",
    ]
    assert lines[-1] == "2 hosts: 1 ok, 1 unreachable (1.0 s)"


def test_below_a_host_is_who_deployed_last_in_which_run_and_what() -> None:
    entry = {
        "outcome": "confirmed",
        "started": "2026-01-31T12:00:00Z",
        "user": "ada",
        "controller": "laptop",
        "run": "night",
        "revision": "0123456789abcdef0123456789abcdef01234567-dirty",
        "dirty": True,
        "rollback": None,
        "units_failed": [],
    }
    who = "deployed 2026-01-31T12:00:00Z by ada@laptop, run night"
    lines = " ".join(" ".join(report(seen(journal=[entry], revision={"deployed": "7" * 40}))).split())
    assert "web ok" in lines
    assert f"{who}, revision 0123456789ab, uncommitted changes" in lines
    assert f"    {who}" in report(seen(journal=[entry], revision={"deployed": entry["revision"], "dirty": True}))


@pytest.mark.parametrize(
    ("known", "shown"),
    [
        ({}, "0123456789ab"),
        ({"dirty": True}, "0123456789ab+"),
        ({"behind": 3}, "0123456789ab -3"),
        ({"behind": 3, "ahead": 1}, "0123456789ab -3 +1"),
        ({"behind": None, "ahead": None}, "0123456789ab"),
        ({"deployed": None}, "-"),
    ],
)
def test_a_row_says_which_revision_it_is_and_how_far_that_is_behind(known: dict[str, t.Any], shown: str) -> None:
    row = report(seen(revision={**FACTS["revision"], **known}))[1]
    assert row.split("2026-01-31")[1].split("3.0 GiB")[0].strip() == shown
