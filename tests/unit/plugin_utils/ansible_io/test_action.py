# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an action makes of a machine that cannot be reached depends on whose machine it is."""

from __future__ import annotations

import types
import typing as t

import pytest
from ansible.errors import AnsibleConnectionFailure

from ansible_collections.nix.fleet.plugins.plugin_utils.ansible_io.action import NixAction
from ansible_collections.nix.fleet.plugins.plugin_utils.errors import NixError


class Unreachable(NixAction):
    """An action whose machine is away."""

    def __init__(self, delegate_to: str | None) -> None:
        self._task: t.Any = types.SimpleNamespace(delegate_to=delegate_to)
        self.variables = {"inventory_hostname": "web", "hostvars": {"web": {}, "homelab": {}}}

    def perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        raise AnsibleConnectionFailure("no route")


def test_a_play_host_that_cannot_be_reached_is_unreachable() -> None:
    with pytest.raises(AnsibleConnectionFailure):
        Unreachable(None)._perform({})


def test_a_builder_that_cannot_be_reached_fails_the_host_and_is_named() -> None:
    with pytest.raises(NixError, match="homelab, which this task of web is delegated to, cannot be reached: no route"):
        Unreachable("homelab")._perform({})


def test_a_builder_that_the_inventory_does_not_have_is_called_so() -> None:
    with pytest.raises(NixError) as raised:
        Unreachable("homlab")._perform({})
    assert "homlab is not in the inventory" in str(raised.value.advice)
