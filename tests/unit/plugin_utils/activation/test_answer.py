# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A target's answer is read without trusting it."""

from __future__ import annotations

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.answer import CurrentState, parse_answer

OLD = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-nixos-old"
NEW = "/nix/store/1123456789abcdfghijklmnpqrsvwxyz-nixos-new"
ANSWER = f"""\
outcome=activated
cause=these units failed: a.service, b.service
seconds=12
exit_code=4
units_failed=a.service, b.service
closure={NEW}
previous_generation=41
previous_closure={OLD}
previous_running={OLD}
generation=42
default={NEW}
running={NEW}
reboot_required=yes
warning=the journal could not be written
log=activating
log=key=value
"""


def test_an_answer_says_what_was_and_what_is() -> None:
    answer = parse_answer(ANSWER)
    assert (answer.outcome, answer.good, answer.seconds, answer.exit_code) == ("activated", True, 12, 4)
    assert answer.previous == CurrentState(41, OLD, OLD)
    assert answer.now == CurrentState(42, NEW, NEW)
    assert answer.units_failed == ("a.service", "b.service")
    assert answer.reboot_required
    assert answer.warnings == ("the journal could not be written",)
    assert answer.log == "activating\nkey=value"


@pytest.mark.parametrize(
    "nonsense",
    [
        "",
        "\0\1\2",
        "outcome",
        "outcome=splendid",
        "outcome=activated2\ngeneration=-1",
        "journal=[]",
        'journal={"outcome": "activated"}',
        "journal={",
        "=" * 100_000,
        "\n" * 1000,
    ],
)
def test_nonsense_is_an_unknown_outcome_and_no_crash(nonsense: str) -> None:
    answer = parse_answer(nonsense)
    assert (answer.outcome, answer.good) == ("unknown", False)


def test_why_a_target_refuses_has_a_code() -> None:
    assert parse_answer("outcome=refused\ncode=locked").code == "locked"


@pytest.mark.parametrize("code", ["", "Locked", "a b", "x" * 41, "1"])
def test_what_is_no_code_is_none(code: str) -> None:
    assert parse_answer(f"outcome=refused\ncode={code}").code is None


@pytest.mark.parametrize("path", ["/etc/passwd", f"{NEW}/../..", f"{NEW} x", "$(touch x)"])
def test_what_is_no_store_path_is_none(path: str) -> None:
    assert parse_answer(f"outcome=activated\nrunning={path}").now.running is None


def test_units_fail_by_the_exit_codes_meaning_and_not_by_their_names() -> None:
    assert parse_answer("outcome=activated\nstatus=units").failed_units == "units failed, and the log may tell which"
    assert parse_answer(ANSWER).failed_units == "these units failed: a.service, b.service"
    assert parse_answer("outcome=activated\nstatus=active").failed_units is None
