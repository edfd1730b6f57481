# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors tell host, stage, cause, log, command and next step."""

from __future__ import annotations

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import BuildError


def test_a_message_names_host_stage_cause_command_and_next_step_in_this_order() -> None:
    error = BuildError(
        "hello failed",
        code="failed",
        host="vps-1",
        command=["nix", "build", "a b"],
        log="cc: no\n",
        advice="read the log",
    )
    assert str(error).splitlines() == [
        "vps-1: build: hello failed",
        "cc: no",
        "command: nix build 'a b'",
        "next: read the log",
    ]


def test_the_result_carries_every_field_and_the_details() -> None:
    result = BuildError("no", code="failed", host="h", command=["nix"], log="cc: no", advice="go", rc=3).to_result()
    assert result == {
        "host": "h",
        "stage": "build",
        "code": "build.failed",
        "cause": "no",
        "command": "nix",
        "log": "cc: no",
        "advice": "go",
        "rc": 3,
    }
