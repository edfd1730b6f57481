# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Actions accept what their modules document, and roles document what they accept, which ansible-lint does not compare."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator

import pytest
import yaml

from ansible_collections.nix.fleet.plugins.plugin_utils.health.kinds import KINDS

from .collection import ROOT, actions, argument_spec, modules, section


def tasks_of(example: list[dict[str, t.Any]]) -> Iterator[dict[str, t.Any]]:
    """Return the tasks of an example, which is a list of tasks or of plays."""
    for entry in example:
        blocks = [
            entry[key] for key in ("tasks", "pre_tasks", "post_tasks", "block", "rescue", "always") if key in entry
        ]
        if blocks:
            for block in blocks:
                yield from tasks_of(block)
        else:
            yield entry


def test_every_action_has_a_documented_module_and_every_module_an_action() -> None:
    assert modules() == actions()


def test_an_action_has_the_options_that_its_module_and_the_fragments_of_that_document() -> None:
    spec = argument_spec("nix_info") | argument_spec("nix_flake")
    assert spec["platform"]["choices"] == argument_spec("nix_gc")["platform"]["choices"] != []
    assert spec["journal"] == {"type": "int", "default": 10, "no_log": False}
    assert spec["nix_options"] == {"type": "dict", "default": {}, "no_log": False}
    assert spec["token"]["no_log"]
    assert argument_spec("nix_keys")["keys"]["options"]["content"] == {"type": "raw", "no_log": True}


@pytest.mark.parametrize("module", modules())
def test_the_examples_of_a_module_use_only_options_that_exist(module: str) -> None:
    tasks = list(tasks_of(section(module, "EXAMPLES")))
    used = [set(task[f"nix.fleet.{module}"] or {}) for task in tasks if f"nix.fleet.{module}" in task]
    assert used, "no example calls the module by its full name"
    assert set().union(*used) <= set(argument_spec(module))


def test_the_play_of_the_page_on_stages_uses_only_options_and_values_that_exist() -> None:
    page = (ROOT / "docs/stages.md").read_text(encoding="utf-8")
    (written,) = re.findall(r"^```yaml\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    used = [(key, task) for task in tasks_of(yaml.safe_load(written)) for key in task if key.startswith("nix.fleet.")]
    assert [key for key, _task in used] == [
        f"nix.fleet.nix_{stage}" for stage in ("eval", "build", "copy_closure", "activate")
    ]
    values: dict[str, str] = {}
    for key, task in used:
        module = key.removeprefix("nix.fleet.")
        assert set(task[key]) <= set(argument_spec(module))
        assert set(re.findall(r"\b(?:evaluated|built)\.\w+", str(task[key]))) <= set(values)
        values |= {f"{task.get('register')}.{name}": module for name in section(module, "RETURN")}


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
    accepted = argument_spec("nix_health")["checks"]["options"]
    assert fields == {
        name: {key: said for key, said in spec.items() if key != "no_log"} for name, spec in accepted.items()
    }
    assert checks["mutually_exclusive"] == checks["required_one_of"] == [[kind.name for kind in KINDS]]


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_a_molecule_scenario_that_runs_it_twice_and_looks_at_what_came_of_it(role: str) -> None:
    scenario = ROOT / "extensions/molecule" / role
    sequence = yaml.safe_load((scenario / "molecule.yml").read_text())["scenario"]["test_sequence"]
    assert [action for action in sequence if action != "prepare"] == ["converge", "idempotence", "verify"]
    assert not [action for action in sequence if action != "idempotence" and not (scenario / f"{action}.yml").is_file()]
    assert f"nix.fleet.{role}" in (scenario / "converge.yml").read_text()
