# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A platform is an entry of one table and a file of shell beside it."""

from __future__ import annotations

import pathlib
import re

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.platforms import platform

DIRECTORY = pathlib.Path(platform.__file__).parent
NAMES = sorted(platform.platforms())


def test_a_platform_is_known_by_its_other_names_too() -> None:
    assert platform.platforms()["nix-darwin"] is platform.platforms()["darwin"]


def test_every_shell_file_belongs_to_a_platform() -> None:
    assert {each.functions for each in platform.PLATFORMS} == {path.read_text() for path in DIRECTORY.glob("*.sh")}


@pytest.mark.parametrize("name", NAMES)
def test_a_platform_defines_only_functions_that_every_platform_has_or_its_own_helpers(name: str) -> None:
    general = (DIRECTORY.parent / "target" / "platform.sh").read_text()
    known = set(re.findall(r"^(\w+)\(\)", general, re.MULTILINE))
    functions = re.findall(r"^(\w+)\(\)", platform.platforms()[name].functions, re.MULTILINE)
    helpers = {function for function in functions if function not in known}
    text = platform.platforms()[name].functions
    assert all(len(re.findall(rf"\b{helper}\b", text)) > 1 for helper in helpers), "a function that nothing calls"


@pytest.mark.parametrize("name", NAMES)
def test_every_platform_can_switch(name: str) -> None:
    assert "switch" in platform.platforms()[name].goals
