# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is a secret reaches nixos-anywhere, and the Nix that it runs, where no other user can see it."""

from __future__ import annotations

import json
import types
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.action.nix_install import ActionModule, with_secrets
from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import InstallationError, NixError

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
    action: t.Any = types.SimpleNamespace(environment={}, _ssh=lambda _option: None, doing=lambda _what: None)
    with pytest.raises(InstallationError, match="exit code 3") as failure:
        ActionModule._run(action, fails, SETTINGS, 60)
    assert "ghp_secret" not in json.dumps(failure.value.to_result())
