# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet that wants its hosts named is left alone by a run without a limit, but for being looked at."""

from __future__ import annotations

import importlib
import typing as t

import pytest

from .playing import HOST, Machine, played

OPTIONS: dict[str, dict[str, t.Any]] = {
    "nix_eval": {"flake": "/nowhere", "attr": "toplevel", "whole_play": True},
    "nix_activate": {"rollback": "previous"},
    "nix_keys": {"keys": []},
    "nix_reboot": {},
    "nix_gc": {},
    "nix_runtime_data": {"files": []},
}


def refused(module: str, **variables: t.Any) -> bool:
    required: dict[str, t.Any] = {"deploy_require_limit": True}
    result = played(
        importlib.import_module(f"ansible_collections.nix.fleet.plugins.action.{module}").ActionModule,
        OPTIONS.get(module, {}),
        Machine(""),
        hostvars={HOST: required},
        ansible_play_hosts_all=[HOST],
        **required,
        **variables,
    )
    return str(result.get("code")).endswith(".no_limit")


@pytest.mark.parametrize("module", OPTIONS)
def test_it_is_refused_for_all_hosts_and_not_for_those_that_are_named(module: str) -> None:
    assert refused(module)
    assert not refused(module, ansible_limit="vps")


def test_looking_is_for_all_hosts() -> None:
    assert not refused("nix_info")
    assert not refused("nix_activate", ansible_check_mode=True)
