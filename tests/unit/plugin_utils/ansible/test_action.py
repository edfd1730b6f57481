# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an action makes of a machine that cannot be reached depends on whose machine it is."""

from __future__ import annotations

import subprocess
import types
import typing as t

import pytest
from ansible.errors import AnsibleConnectionFailure

from ansible_collections.nix.fleet.plugins.plugin_utils.ansible.action import NixAction, following
from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import NixError
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.log import NixLog

from ...errors import fails_with
from ..nix.log_lines import BAD, building


class Unreachable(NixAction):
    """An action whose machine is away."""

    argument_spec: t.ClassVar[dict[str, t.Any]] = {}

    def __init__(self, delegate_to: str | None) -> None:
        self._task: t.Any = types.SimpleNamespace(delegate_to=delegate_to)
        self.variables = {"inventory_hostname": "web", "hostvars": {"web": {}, "homelab": {}}}

    def perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        raise AnsibleConnectionFailure("no route")


def test_a_play_host_that_cannot_be_reached_is_unreachable() -> None:
    with pytest.raises(AnsibleConnectionFailure):
        Unreachable(None)._perform({})


def test_a_builder_that_cannot_be_reached_fails_the_host_and_is_named() -> None:
    with fails_with("nix.builder_unreachable") as raised:
        Unreachable("homelab")._perform({})
    assert "homelab" in raised.value.cause


def test_a_slice_whose_inventory_lacks_the_builder_says_that_slices_are_why() -> None:
    action = Unreachable("homelab")
    action.variables = {"inventory_hostname": "web", "hostvars": {"web": {}}, "awx_workflow_job_id": 17}
    with pytest.raises(NixError) as raised:
        action._perform({})
    assert "a slice of a job has its share of the hosts alone" in str(raised.value.advice)


class Silent(NixAction):
    """An action whose machine takes a connection, and then is silent."""

    argument_spec: t.ClassVar[dict[str, t.Any]] = {}

    def __init__(self, become: t.Any = None) -> None:
        self._task: t.Any = types.SimpleNamespace(delegate_to=None, environment=None)
        self._connection: t.Any = types.SimpleNamespace(become=become, get_option=lambda _name: True)
        self.variables = {"inventory_hostname": "web"}

    def _compute_environment_string(self, raw_environment_out: t.Any = None) -> str:
        return ""

    def _execute_afresh(self, command: str, **rest: t.Any) -> dict[str, t.Any]:
        subprocess.run(["sleep", "60"], check=False)
        return {}


@pytest.mark.parametrize("become", [None, types.SimpleNamespace(name="doas", pipelining=False)])
def test_a_new_connection_that_stays_silent_is_given_up_whoever_is_become(become: t.Any) -> None:
    with fails_with("nix.no_answer"):
        Silent(become).fresh_shell_within(0.2).run("true")


@pytest.mark.parametrize(("each", "said"), [(True, ["building 1/1 bad-1.0"]), (False, [])])
def test_what_may_be_silent_from_then_on_is_shown_as_soon_as_it_begins(each: bool, said: list[str]) -> None:
    shown = list[str]()
    action: t.Any = types.SimpleNamespace(followed=True, host="web", doing=shown.append)
    following(action, NixLog(), each=each)(building(BAD))
    assert shown == said
