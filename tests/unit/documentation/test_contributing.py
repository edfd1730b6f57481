# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of CONTRIBUTING.md are code that works, and the map of docs/architecture.md is that of the code."""

from __future__ import annotations

import re
import subprocess
import types

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.platforms.platform import Platform

from .collection import PACKAGE, ROOT


def examples(language: str) -> list[str]:
    """Return the examples in one language, in their order."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def module_of(package: str, name: str, *sources: str) -> types.ModuleType:
    """Return what ``sources`` define, as the module ``name`` in a package of plugin_utils."""
    module = types.ModuleType(f"{PACKAGE}.plugin_utils.{package}.{name}")
    module.__package__ = f"{PACKAGE}.plugin_utils.{package}"
    module.__file__ = str(ROOT / "plugins/plugin_utils" / package / f"{name}.py")
    for source in sources:
        exec(compile(source, f"{name}.py", "exec"), vars(module))
    return module


def test_the_example_of_an_inventory_source_does_what_the_example_of_its_test_says() -> None:
    source, test, _platform = examples("python")
    module_of("inventory", "machines", source, test).test_each_machine_is_a_node_at_its_address()


def test_the_example_of_a_platform_states_the_facts_of_one() -> None:
    _source, _test, platform = examples("python")
    facts = eval(platform, {"Platform": Platform})
    assert (facts.name, facts.output, facts.escalates) == ("system-manager", "systemConfigs", True)


@pytest.mark.parametrize("function", ["platform_default_profile", "platform_refusal", "platform_activate"])
def test_the_example_of_a_platform_redefines_what_platforms_may_redefine(function: str) -> None:
    (example,) = examples("sh")
    defaults = (ROOT / "plugins/plugin_utils/target/platform.sh").read_text()
    assert f"\n{function}()" in defaults
    asked = subprocess.run(
        ["sh", "-c", f"{defaults}\n{example}\ncommand -v {function} && platform_default_profile"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert asked.stdout.split() == [function, "/nix/var/nix/profiles/system-manager-profiles/system-manager"]


MAP = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")


def test_the_map_has_every_package() -> None:
    packages = {path.parent.name for path in (ROOT / "plugins/plugin_utils").glob("*/*.py")}
    (_heading, _line, *floors) = re.findall(r"^\|.*\|$", MAP.partition("## The way of one host")[0], flags=re.MULTILINE)
    on_floors = [name for floor in floors for name in re.findall(r"`(\w+)`", floor.split("|")[2])]
    assert sorted(on_floors) == sorted(packages)


def test_every_file_on_the_map_exists() -> None:
    named = re.findall(r"`((?:[\w.]+/)+(?:[\w.]+\.[a-z]+)?)`", MAP)
    assert len(named) > 20
    places = (ROOT, ROOT / "plugins/plugin_utils")
    assert not [name for name in named if not any((place / name).exists() for place in places)]
