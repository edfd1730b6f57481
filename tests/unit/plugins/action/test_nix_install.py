# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is a secret reaches nixos-anywhere, and the Nix that it runs, where no other user can see it."""

from __future__ import annotations

import json
import types
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.action.nix_install import ActionModule, with_secrets
from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import NixError

from ...errors import fails_with

SETTINGS = {"access-tokens": "github.com=ghp_secret"}


def test_a_password_and_settings_are_in_the_environment() -> None:
    assert with_secrets({"A": "b"}, "hunter2", SETTINGS) == {
        "A": "b",
        "SSHPASS": "hunter2",
        "NIX_CONFIG": "access-tokens = github.com=ghp_secret",
    }
    assert with_secrets({"A": "b"}, None, {}) == {"A": "b"}


def test_a_value_that_would_be_another_setting_is_refused() -> None:
    with pytest.raises(NixError):
        with_secrets({}, None, {"access-tokens": "a\nsandbox = false"})


def test_a_token_is_in_no_failure() -> None:
    fails = ["sh", "-c", 'test -n "$NIX_CONFIG" && exit 3']
    with pytest.raises(NixError, match="exit code 3") as failure:
        installed_by(fails, nix_options=SETTINGS)
    assert "ghp_secret" not in json.dumps(failure.value.to_result())


def test_a_program_that_tries_to_log_in_for_ever_is_ended_in_time() -> None:
    waits = "echo '### Uploading install SSH keys ###'; echo 'Permission denied (publickey).' >&2; sleep 60"
    with fails_with("installation.login_timeout") as failure:
        installed_by(["sh", "-c", waits], login_timeout=1)
    assert failure.value.cause.endswith("within 1 s: Permission denied (publickey).")
    assert (failure.value.log, failure.value.details["steps"]) == (
        "### Uploading install SSH keys ###\nPermission denied (publickey).",
        ["Uploading install SSH keys"],
    )


def test_a_program_that_is_not_there_is_named() -> None:
    with fails_with("installation.no_program"):
        installed_by(["no-such-program"])


def installed_by(words: list[str], **options: t.Any) -> list[str]:
    action: t.Any = types.SimpleNamespace(environment={}, _ssh=lambda _option: None, doing=lambda _what: None)
    given = {"nix_options": {}, "login_timeout": 60, "return_timeout": 60, **options}
    return ActionModule._run(action, words, given)
