# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module's documentation says exactly what its action accepts; neither ansible-test nor ansible-lint compares them."""

from __future__ import annotations

import re
import typing as t

import pytest
import yaml

from .collection import ROOT, actions, argument_spec, documented_options, modules, section

if t.TYPE_CHECKING:
    from collections.abc import Iterator

# What both sides say of an option, and what each takes for granted when it does not say it.
FIELDS = {"type": "str", "required": False, "default": None, "choices": None, "elements": None, "aliases": []}


def described(options: dict[str, dict[str, t.Any]], nested: str) -> dict[str, t.Any]:
    """Return options in one form, whether they come from an argument spec or from documentation."""
    return {
        name: {field: option.get(field, assumed) for field, assumed in FIELDS.items()}
        | {"options": described(option.get(nested) or {}, nested)}
        for name, option in options.items()
    }


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


def test_the_action_group_has_every_module() -> None:
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())
    assert runtime["action_groups"]["nix"] == modules()


@pytest.mark.parametrize("module", modules())
def test_a_module_documents_exactly_the_options_that_its_action_accepts(module: str) -> None:
    documented = described(documented_options(module), "suboptions")
    accepted = described(argument_spec(module), "options")
    assert documented == accepted


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


@pytest.mark.parametrize("module", modules())
def test_every_return_value_has_a_description_a_type_and_says_when_it_is_returned(module: str) -> None:
    returned = section(module, "RETURN")
    incomplete = [name for name, value in returned.items() if not {"description", "type", "returned"} <= set(value)]
    assert not incomplete
