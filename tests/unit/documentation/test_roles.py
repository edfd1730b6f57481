# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's argument specification says exactly which variables it has and what they are when nobody sets them."""

from __future__ import annotations

import pytest
import yaml

from ansible_collections.nix.fleet.plugins.plugin_utils.health.kinds import KINDS, check_options

from .collection import ROOT

ROLES = sorted(path.name for path in (ROOT / "roles").glob("*") if path.is_dir())


@pytest.mark.parametrize("role", ROLES)
def test_the_documented_defaults_of_a_role_are_its_defaults(role: str) -> None:
    specification = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text())
    documented = {
        name: option for entry in specification["argument_specs"].values() for name, option in entry["options"].items()
    }
    file = ROOT / "roles" / role / "defaults" / "main.yml"
    defaults = yaml.safe_load(file.read_text()) or {}
    assert set(defaults) <= set(documented)
    # What depends on the inventory is said in words: a template is no value of the option's type.
    values = {name: value for name, value in defaults.items() if not (isinstance(value, str) and "{{" in value)}
    # Null is as good as leaving a variable out.
    values = {name: value for name, value in values.items() if value is not None or "default" in documented[name]}
    assert {name: option["default"] for name, option in documented.items() if "default" in option} == values


def test_a_check_of_a_deployment_has_the_fields_of_a_check() -> None:
    specification = yaml.safe_load((ROOT / "roles/deploy/meta/argument_specs.yml").read_text())
    checks = specification["argument_specs"]["main"]["options"]["deploy_health_checks"]
    fields = {name: {**option} for name, option in checks["options"].items()}
    assert all(option.pop("description") for option in fields.values())
    assert fields == check_options()
    assert checks["mutually_exclusive"] == checks["required_one_of"] == [[kind.name for kind in KINDS]]


@pytest.mark.parametrize("role", ROLES)
def test_the_variables_of_a_role_begin_with_its_name(role: str) -> None:
    specification = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text())
    options = {name for entry in specification["argument_specs"].values() for name in entry["options"]}
    assert {name for name in options if not name.startswith(f"{role}_")} == set()


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_a_molecule_scenario_that_runs_it_twice_and_looks_at_what_came_of_it(role: str) -> None:
    scenario = ROOT / "extensions/molecule" / role
    sequence = yaml.safe_load((scenario / "molecule.yml").read_text())["scenario"]["test_sequence"]
    assert [action for action in sequence if action != "prepare"] == ["converge", "idempotence", "verify"]
    assert not [action for action in sequence if action != "idempotence" and not (scenario / f"{action}.yml").is_file()]
    assert f"nix.fleet.{role}" in (scenario / "converge.yml").read_text()
