# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arguments of ssh in Ansible's words."""

from __future__ import annotations

import shlex
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.ssh_options import ssh_variables


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], {}),
        (["-p", "2221"], {"ansible_port": 2221}),
        (["-p2221"], {"ansible_port": 2221}),
        (["-p", "1", "-p", "2"], {"ansible_port": 1}),
        (["-i", "key", "-p", "22"], {"ansible_port": 22, "ansible_ssh_common_args": "-i key"}),
        (["-p", "http"], {"ansible_ssh_common_args": "-p http"}),
        (["-p"], {"ansible_ssh_common_args": "-p ''"}),
    ],
)
def test_the_port_is_a_variable_and_all_else_is_handed_on(arguments: list[str], expected: dict[str, t.Any]) -> None:
    assert ssh_variables(arguments) == expected


def test_arguments_come_out_of_ansibles_word_splitting_as_they_were() -> None:
    arguments = ["-o", "ProxyCommand=nc '%h' %p", "-o", "X=$(touch x)", "-o", 'Y="\\']
    assert shlex.split(ssh_variables(arguments)["ansible_ssh_common_args"]) == arguments
