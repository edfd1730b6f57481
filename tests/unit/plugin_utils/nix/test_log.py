# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is understood of Nix's log, in the words of 2.26 and of 2.34."""

from __future__ import annotations

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.nix.log import LOG_FORMAT, NixLog, readable

from .log_lines import BAD, HASH, NEW_FAILURE, TOP, building, error, event, log_line

NEW_DEPENDENT = f"Cannot build '{TOP}'.\nReason: 1 dependency failed.\nOutput paths:\n  /nix/store/{HASH}-top"


def read(*lines: str) -> NixLog:
    return NixLog().read_all("\n".join(lines))


def test_the_cause_is_what_nix_says_last_without_the_way_there() -> None:
    log = read(error("first"), error("attribute '\x1b[35;1mfoo\x1b[0m' missing"))
    assert log.cause == "attribute 'foo' missing"
    assert log.text == "error: first\nerror: attribute 'foo' missing"


def test_the_plan_is_read_before_the_first_build() -> None:
    log = read(
        event(action="msg", level=3, msg="these 2 derivations will be built:"),
        event(action="msg", level=3, msg=f"  {BAD}"),
        event(action="msg", level=3, msg=f"  {TOP}"),
        event(action="msg", level=3, msg="this path will be fetched (0.1 MiB download, 0.4 MiB unpacked):"),
        event(action="msg", level=3, msg=f"  /nix/store/{HASH}-hello"),
        event(action="msg", level=1, msg="warning: something"),
    )
    assert log.to_build == [BAD, TOP]
    assert log.to_fetch == [f"/nix/store/{HASH}-hello"]
    assert log.text == "warning: something"


@pytest.mark.parametrize(
    ("message", "dependent", "reason"),
    [
        (NEW_FAILURE, NEW_DEPENDENT, "builder failed with exit code 3"),
        (
            f"builder for '{BAD}' failed with exit code 3",
            f"1 dependencies of derivation '{TOP}' failed to build",
            "builder failed with exit code 3",
        ),
        (
            f"builder for '{BAD}' failed with exit code 3;\nlast 1 log lines:\n> line 1\nFor full logs, run:\n  nix log {BAD}",
            f"1 dependencies of derivation '{TOP}' failed to build",
            "builder failed with exit code 3",
        ),
        (
            f"error: {NEW_FAILURE}\nLast 1 log lines:\n> line 1\nFor full logs, run:\n  nix log {BAD}",
            NEW_DEPENDENT,
            "builder failed with exit code 3",
        ),
        (
            f"Cannot build '{BAD}'.\nReason: platform mismatch\nRequired system: 'aarch64-darwin'\nCurrent system: 'x86_64-linux'",
            NEW_DEPENDENT,
            "platform mismatch, Required system: 'aarch64-darwin', Current system: 'x86_64-linux'",
        ),
        (
            f"builder for '{BAD}' failed to produce output path for output 'out' at '/nix/store/{HASH}-bad-1.0'",
            f"1 dependencies of derivation '{TOP}' failed to build",
            f"builder failed to produce output path for output 'out' at '/nix/store/{HASH}-bad-1.0'",
        ),
        (
            f"hash mismatch in fixed-output derivation '{BAD}':\n  specified: sha256-x\n     got:    sha256-y",
            NEW_DEPENDENT,
            f"hash mismatch in fixed-output derivation '{BAD}':",
        ),
    ],
)  # fmt: skip
def test_the_derivation_at_fault_is_told_from_those_that_need_it(message: str, dependent: str, reason: str) -> None:
    log = read(building(BAD), log_line("line 1"), error(message), error(dependent))
    (failed,) = log.failed
    assert failed.derivation == BAD
    assert failed.name == "bad-1.0"
    assert failed.log == "line 1"
    assert failed.reason == reason


def test_an_excerpt_in_the_message_stands_in_for_a_log_that_was_not_seen() -> None:
    message = (
        f"builder for '{BAD}' failed with exit code 3;\n       last 2 log lines:\n       > line 1\n       > line 2"
    )
    assert read(error(message)).failed[0].log == "line 1\nline 2"


def test_logs_of_builds_at_the_same_time_are_kept_apart() -> None:
    log = read(building(BAD, 1), building(TOP, 2), log_line("bad", 1), log_line("top", 2), error(NEW_FAILURE))
    assert log.failed[0].log == "bad"


def test_a_command_is_shown_without_the_log_format_for_programs() -> None:
    assert readable(["nix", "build", *LOG_FORMAT, "x"]) == ["nix", "build", "x"]
    assert readable(["nix", "build", "x"]) == ["nix", "build", "x"]


def test_warnings_are_kept_once_each_whoever_warns() -> None:
    log = read(
        event(action="msg", level=1, msg="\x1b[35;1mwarning:\x1b[0m unknown setting 'foo'"),
        event(action="msg", level=1, msg="\x1b[35;1mevaluation warning:\x1b[0m mind the gap", raw_msg="mind the gap"),
        event(action="msg", level=0, msg="trace: evaluation warning: mind the gap"),
        event(action="msg", level=0, msg="trace: of no concern"),
        error("not a warning"),
    )
    assert log.warnings == ("unknown setting 'foo'", "mind the gap")
    assert log.warnings_of_configuration == ("mind the gap",)
