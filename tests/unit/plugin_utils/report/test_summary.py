# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the closing report reads, of a run that did something and of one that only looked."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.report.events import Failure
from ansible_collections.nix.fleet.plugins.plugin_utils.report.records import HostRecord
from ansible_collections.nix.fleet.plugins.plugin_utils.report.summary import summary

WIDTH = 80


def host(name: str, outcome: str | None = "activated", **fields: t.Any) -> HostRecord:
    return HostRecord(name, started=0.0, ended=fields.pop("seconds", 1.0), outcome=outcome, **fields)


def text(*hosts: HostRecord, width: int = WIDTH) -> str:
    return "\n".join(line.text for line in summary(hosts, width, 45.0))


def test_columns_are_aligned() -> None:
    report = text(
        host("homelab", generation_before=3, generation_after=4, copied_bytes=1_258_291, seconds=12.0),
        host("vps-sg-1", "unchanged", generation_before=7, generation_after=7, copied_bytes=0, seconds=0.9),
    )
    assert report == (
        "host      outcome    generation  copied   time\n"
        "homelab   activated  3 → 4       1.2 MiB  12 s\n"
        "vps-sg-1  unchanged  7           0 B      0.9 s\n"
        "\n"
        "2 hosts: 1 activated, 1 unchanged (45 s)"
    )


def test_a_name_is_never_cut() -> None:
    names = ["workstation", "a-name-of-thirty-two-characters-x", "web"]
    facts = {
        "platform": "home-manager",
        "generation": 12,
        "store_free_bytes": 2**40,
        "revision": {"deployed": "0" * 40},
    }
    lines = text(
        *[host(name, None, facts=facts) for name in names], host("phone", "unreachable"), width=75
    ).splitlines()
    words = {line.split()[0]: line.split() for line in lines if line}
    assert {name: len(words[name]) > 1 for name in names} == {names[0]: True, names[1]: False, "web": True}
    assert lines[lines.index(names[1]) + 1].split()[:2] == ["ok", "home-manager"]
    assert max(map(len, lines)) <= 75


def test_a_command_that_is_to_be_copied_is_never_broken() -> None:
    command = "`ansible web -m raw -a id`"
    failure = Failure("cause", advice=f"{'x ' * 33}{command}")
    report = text(host("web", "failed", failure=failure, run="night", activated=True, generation_before=1))
    assert command in report
    options = f" -i {'x' * 80}"
    lines = summary([host("web", run="night", activated=True, generation_before=1)], WIDTH, 1.0, options=options)
    assert f"undo: ansible-playbook nix.fleet.rollback -e rollback_to=before:night{options}" in [
        each.text for each in lines
    ]


def test_under_a_failed_host_is_why_and_what_next() -> None:
    failure = Failure("build of page failed with exit code 1", "build", log="one\ntwo", advice="fix the builder")
    assert text(host("web", "failed", failure=failure)).splitlines()[2:6] == [
        "    build: build of page failed with exit code 1",
        "      one",
        "      two",
        "    next: fix the builder",
    ]


def test_a_cause_that_hosts_share_is_told_once_and_names_them() -> None:
    broken = Failure("syntax error", "evaluation", advice="mend it")
    own = Failure("page did not build", "build")
    report = text(
        host("web", "failed", failure=broken),
        host("db", "failed", failure=own),
        host("mail", "failed", failure=broken),
        host("shop", "failed", failure=broken),
    )
    assert report.count("evaluation: syntax error") == 1
    assert "    next: mend it\n    the same: mail, shop\ndb" in report
    assert report.count("build: page did not build") == 1


@pytest.mark.parametrize("width", [60, 80, 100])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    failure = Failure("cause " * 40, "build", log="x " * 150, advice="advice " * 40)
    lines = text(host("h" * 50, "failed", failure=failure), host("short"), width=width).splitlines()
    assert max(map(len, lines)) <= width


def test_what_nix_marks_in_a_long_line_of_source_is_marked_below_its_piece() -> None:
    line = f"  7| {'x' * 90}here"
    report = text(
        host("web", "failed", failure=Failure("cause", "evaluation", log=f"{line}\n{' ' * 95}^"))
    ).splitlines()
    caret = next(number for number, each in enumerate(report) if each.strip() == "^")
    assert report[caret - 1][report[caret].index("^") :] == "here"


def test_what_a_foreign_message_says_in_a_long_line_is_all_there() -> None:
    said = f"deploy_health_checks.stauts. Supported parameters include: {', '.join(f'key-{n}' for n in range(20))}."
    report = text(host("web", None, failure=Failure(f"Validation of arguments failed:\n{said}")))
    assert said in " ".join(report.split())
    assert max(map(len, report.splitlines())) <= WIDTH


def test_one_line_counts_the_outcomes() -> None:
    hosts = [host("a"), host("b"), host("d", "unreachable", failure=Failure("no route"))]
    assert text(*hosts).endswith("\n3 hosts: 2 activated, 1 unreachable (45 s)")


@pytest.mark.parametrize("outcome", ["built", "unchanged"])
def test_below_a_host_is_the_store_path_that_was_built_for_it_and_no_other_host_has_one(outcome: str) -> None:
    path = f"/nix/store/{'0' * 32}-nixos-system-web"
    others = host("db", "confirmed", out_path=path), host("mail", "unchanged", out_path=path, generation_before=3)
    lines = text(host("web", outcome, out_path=path), *others).splitlines()
    assert [line.strip() for line in lines].count(path) == 1
    assert lines[lines.index(f"    {path}") - 1].startswith("web")


def test_a_run_that_changed_something_says_how_to_undo_it() -> None:
    command = "undo: ansible-playbook nix.fleet.rollback -e rollback_to=before:night"
    mail = host("mail", "unchanged", run="night")
    assert command in text(host("web", run="night", activated=True, generation_before=1), mail)
    assert "undo:" not in text(host("web", run="night", activated=True), mail), "there is nothing to go back to"
    assert "undo:" not in text(host("mail", "unchanged", run="night"))


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
