# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attribute paths as Nix reads them, and arguments of ssh in Ansible's words."""

from __future__ import annotations

import shlex

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import InventoryError
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.source import (
    Check,
    attribute_path,
    built_attribute,
    ssh_variables,
    steps_of,
)

NODE = Check("node a")


@pytest.mark.parametrize(
    ("platform", "configuration", "expected"),
    [
        ("nixos", "vps-sg-1", "nixosConfigurations.vps-sg-1.config.system.build.toplevel"),
        ("nixos", "a.example", 'nixosConfigurations."a.example".config.system.build.toplevel'),
        ("darwin", "macbook", "darwinConfigurations.macbook.system"),
        ("nix-on-droid", "phone", "nixOnDroidConfigurations.phone.activationPackage"),
        ("home-manager", "alice@workstation", 'homeConfigurations."alice@workstation".activationPackage'),
    ],
)
def test_each_platform_builds_its_standard_output(platform: str, configuration: str, expected: str) -> None:
    assert built_attribute(platform, configuration, NODE) == expected


@pytest.mark.parametrize("name", ["$(touch x)", "it's", "-dash", "a b", "ü", "1st"])
def test_a_name_of_other_characters_is_quoted_and_read_back_as_it_was(name: str) -> None:
    assert steps_of(attribute_path(("output", name, "end"))) == ("output", name, "end")


@pytest.mark.parametrize("name", ['q"q', "back\\slash", "${x}", "new\nline", "\x1b[31m", ""])
def test_a_name_that_nix_could_misread_is_refused_with_the_node_that_has_it(name: str) -> None:
    with pytest.raises(InventoryError, match=r"^inventory: node a: .* cannot be named in an attribute path"):
        built_attribute("nixos", name, NODE)


@pytest.mark.parametrize("path", ["", ".a", "a.", "a..b", '"a', 'a"b"', "a.${b}"])
def test_what_is_not_an_attribute_path_is_refused(path: str) -> None:
    with pytest.raises(InventoryError):
        steps_of(path)


def test_arguments_come_out_of_ansibles_word_splitting_as_they_were() -> None:
    arguments = ["-o", "ProxyCommand=nc '%h' %p", "-o", "X=$(touch x)", "-o", 'Y="\\']
    assert shlex.split(ssh_variables(arguments)["ansible_ssh_common_args"]) == arguments
