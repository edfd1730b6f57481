# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the closing report reads."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.text import duration, size
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
    hosts = [host("a"), host("b"), host("c", "unchanged"), host("d", "unreachable", failure=Failure("no route"))]
    assert text(*hosts).endswith("\n4 hosts: 2 activated, 1 unchanged, 1 unreachable (45 s)")
    assert text(hosts[0]).endswith("\n1 host: 1 activated (45 s)")


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (200 * 1024, "200 KiB"), (3 * 2**40, "3.0 TiB")],
)
def test_sizes_read_well(count: int, words: str) -> None:
    assert size(count) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.7, "1 min 00 s"), (185, "3 min 05 s"), (7620, "2 h 07 min")],
)
def test_times_read_well(seconds: float, words: str) -> None:
    assert duration(seconds) == words


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
