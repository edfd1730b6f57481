# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet that wants its hosts named is not evaluated for a run without a limit."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.action.nix_eval import ActionModule

from .playing import HOST, Machine, played

OPTIONS = {"flake": "/nowhere", "attr": "toplevel", "whole_play": True}


def code(**variables: t.Any) -> str:
    required = {"deploy_require_limit": True}
    result = played(
        ActionModule, OPTIONS, Machine(""), hostvars={HOST: required}, ansible_play_hosts_all=[HOST], **variables
    )
    assert result["failed"]
    return str(result["code"])


@pytest.mark.parametrize(("limit", "refused"), [({}, True), ({"ansible_limit": "vps"}, False)])
def test_it_is_refused_for_all_hosts_and_not_for_those_that_are_named(limit: dict[str, str], refused: bool) -> None:
    assert (code(**limit) == "evaluation.no_limit") is refused
