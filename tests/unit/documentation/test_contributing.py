# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of CONTRIBUTING.md are code that works."""

from __future__ import annotations

import re
import subprocess
import types

import pytest

from .collection import PACKAGE, ROOT


def examples(language: str) -> list[str]:
    """Return the examples in one language, in their order."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def test_the_example_of_an_inventory_source_does_what_the_example_of_its_test_says() -> None:
    source, test = examples("python")
    module = types.ModuleType(f"{PACKAGE}.plugin_utils.inventory.machines")
    module.__package__ = f"{PACKAGE}.plugin_utils.inventory"
    exec(compile(source, "machines.py", "exec"), vars(module))
    exec(compile(test, "test_machines.py", "exec"), vars(module))
    module.test_each_machine_is_a_node_at_its_address()


@pytest.mark.parametrize("function", ["default_profile", "refusal", "activate"])
def test_the_example_of_a_platform_redefines_what_platforms_may_redefine(function: str) -> None:
    (example,) = examples("sh")
    defaults = (ROOT / "plugins/plugin_utils/activation/platform.sh").read_text()
    assert f"\n{function}()" in defaults
    asked = subprocess.run(
        ["sh", "-c", f"{defaults}\n{example}\ncommand -v {function} && default_profile"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert asked.stdout.split() == [function, "/nix/var/nix/profiles/system-manager-profiles/system-manager"]
