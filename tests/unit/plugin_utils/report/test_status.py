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
        "host  state  platform  generation  since       revision      free",
        "web   ok     nixos     4           2026-01-31  0123456789ab  3.0 GiB",
    ]


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


@pytest.mark.parametrize(
    "facts", [{"reboot_required": True}, {"default": OTHER}, {"current_system": OTHER}, {"store_free_bytes": 2**29}]
)
def test_what_is_to_be_seen_to_on_a_host_that_is_ok_is_noted_and_coloured(facts: dict[str, t.Any]) -> None:
    _header, row, note, *_rest = summary([seen(**facts)], 80, 1.0)
    assert (row.meaning, note.meaning) == ("changed", "changed")


def test_a_host_that_is_being_deployed_has_not_drifted() -> None:
    drift = {"what": "runs", "expected": CLOSURE, "found": OTHER}
    lines = report(seen(drift=drift, lock={"alive": True, "id": "x", "holder": "ada@here", "started": "now"}))
    assert "somebody else" not in " ".join(lines)
    assert lines[-1].startswith("1 host: 1 deploying")


@pytest.mark.parametrize(("outcome", "state"), [("rolled_back", "rolled back"), ("rollback_failed", "failed")])
def test_the_state_of_a_host_is_how_its_last_deployment_failed(outcome: str, state: str) -> None:
    assert report(seen(journal=[{"outcome": outcome}]))[-1].startswith(f"1 host: 1 {state} ")


def test_a_last_deployment_that_failed_says_why() -> None:
    lines = report(seen(journal=[{"outcome": "rolled_back", "cause": "nobody confirmed"}]))
    assert "the last deployment ended rolled back: nobody confirmed" in lines[2]


def test_failed_units_of_the_last_deployment_are_named() -> None:
    lines = report(seen(journal=[{"outcome": "activated", "units_failed": ["page.service"]}]))
    assert "the last deployment left failed units: page.service" in lines[2]


def test_a_host_that_boots_something_else_says_what() -> None:
    assert "    runs 0000000-nixos-system-web, boots 1111111-nixos-system-web" in report(seen(default=OTHER))


def test_a_host_that_runs_a_specialisation_says_which() -> None:
    lines = report(seen(current_system=OTHER, specialisation="slow"))
    assert "    runs the specialisation slow of what it boots" in lines


def test_who_deploys_right_now_is_named() -> None:
    lock = {"alive": True, "id": "x", "holder": "ada@here", "started": "now"}
    assert "    being deployed by ada@here since now, x" in report(seen(lock=lock))


def test_until_when_it_has_to_be_confirmed_is_told() -> None:
    lock = {"alive": True, "id": "x", "holder": "ada@here", "started": "now", "awaits_seconds": 25}
    text = " ".join(" ".join(report(seen(lock=lock))).split())
    assert "being deployed by ada@here since now, x, confirmed within 25 s or gone back from" in text


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
        "gone  unreachable  -         -           -           -             -",
        "    no route to host",
    ]
    assert lines[-1] == "2 hosts: 1 ok, 1 unreachable (1.0 s)"


def test_what_is_not_known_is_a_dash() -> None:
    nothing = dict.fromkeys(FACTS)
    assert report(HostRecord("odd", 0.0, 0.1, facts=nothing))[1].split() == ["odd", "undeployed", *["-"] * 5]


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
    lines = " ".join(" ".join(report(seen(journal=[entry]))).split())
    assert "web ok" in lines
    assert "deployed 2026-01-31T12:00:00Z by ada@laptop, run night, revision 0123456789ab, uncommitted changes" in lines


def test_the_job_of_a_server_is_named_with_who_started_it() -> None:
    entry = {"outcome": "confirmed", "started": "now", "user": "ada", "controller": "vm", "job": {"name": "AWX job 17"}}
    assert "deployed now by ada@vm, AWX job 17" in " ".join(" ".join(report(seen(journal=[entry]))).split())


def test_a_rollback_says_to_what_it_went_back() -> None:
    entry = {"outcome": "activated", "started": "now", "user": "ada", "controller": "laptop", "rollback": "previous"}
    assert "deployed now by ada@laptop, back to previous" in " ".join(report(seen(journal=[entry])))


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


@pytest.mark.parametrize(
    ("facts", "note"),
    [
        ({"units_failed": ["page.service", "x.mount"]}, "failed units: page.service, x.mount"),
        ({"kernel": {"running": "6.12.1", "current": "6.12.3"}}, "runs the kernel 6.12.1; its system has 6.12.3"),
        ({"store_free_bytes": 2**29}, "the store has 512 MiB left of 20.0 GiB"),
        ({"revision": {"deployed": REVISION, "current": "f" * 40, "behind": 1}}, "1 commit behind ffffffffffff"),
        ({"revision": {"deployed": REVISION, "current": "f" * 40, "ahead": 2}}, "has 2 commits that the flake here"),
        (
            {"drift": {"what": "runs", "expected": CLOSURE, "found": OTHER}},
            "runs 1111111-nixos-system-web, and was deployed",
        ),
        (
            {"lock": {"alive": True, "kind": "collection", "id": "gc-1", "holder": "a@b", "started": "now"}},
            "its garbage is being collected by a@b since now, gc-1",
        ),
    ],
)
def test_what_is_left_to_do_is_said_below_the_host(facts: dict[str, t.Any], note: str) -> None:
    assert note in " ".join(" ".join(report(seen(**facts))).split())


def test_a_flake_that_cannot_tell_how_far_behind_is_noted() -> None:
    unknown = {"deployed": REVISION, "behind": None, "ahead": None, "unknown": "/nonexistent is no directory"}
    assert "    cannot tell how far behind: /nonexistent is no directory" in report(seen(revision=unknown))
