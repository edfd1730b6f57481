# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of CONTRIBUTING.md are code that works, and the map of docs/architecture.md is that of the code."""

from __future__ import annotations

import pathlib
import re
import types

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation import info
from ansible_collections.nix.fleet.plugins.plugin_utils.platforms.platform import Platform

from ..plugin_utils.activation.machine import SHELLS
from ..plugin_utils.activation.supervisor.nixos import NixOS
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


def test_the_example_of_a_platform_is_deployed_gone_back_from_and_found(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _source, _test, facts = examples("python")
    (functions,) = examples("sh")
    platform = eval(facts, {"Platform": Platform})
    monkeypatch.setattr(Platform, "functions", functions)
    monkeypatch.setattr(info, "by_presence", lambda: [platform])
    machine = NixOS(tmp_path, next(iter(SHELLS)), uid=0)
    good, bad = machine.closure("good", bin__activate=":"), machine.closure("bad", bin__activate="exit 1")
    assert machine.deploy(machine.closure("other"), platform=platform).outcome == "refused"
    assert machine.deploy(good, platform=platform).outcome == "activated"
    assert machine.deploy(bad, platform=platform).outcome == "rolled_back"
    found = info.parse_info(machine.run(info.info_script(None, None, 0)).stdout)
    assert (found["platform"], found["current_system"]) == ("system-manager", good)


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
