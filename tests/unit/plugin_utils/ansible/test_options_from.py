# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task can name the variables that hold its options."""

from __future__ import annotations

import types
import typing as t

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.vars.manager import VariableManager

from ansible_collections.nix.fleet.plugins.plugin_utils.ansible.options_from import options_given
from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import VariablesError


def template(text: str) -> t.Any:
    """Return a text that Ansible renders."""
    try:
        from ansible.template import trust_as_template
    except ImportError:
        return text  # before ansible-core 2.19, every text is one
    return trust_as_template(text)


def options(args: dict[str, t.Any], **variables: t.Any) -> dict[str, t.Any]:
    """Return what a task with ``args`` is given where there are ``variables``."""
    action = types.SimpleNamespace(
        _task=types.SimpleNamespace(args=args),
        _templar=Templar(DataLoader(), variables=variables),
        variables=variables,
        play_host="web",
    )
    return options_given(t.cast("t.Any", action))


def goal(**variables: t.Any) -> t.Any:
    """Return the option `goal` of a task that takes it from the variable `deploy_goal`."""
    return options({"options_from": {"goal": "deploy_goal"}}, **variables).get("goal")


def test_a_task_that_names_none_is_given_what_is_written() -> None:
    assert options({"goal": "boot"}, goal="test") == {"goal": "boot"}


@pytest.mark.parametrize("value", ["boot", False, 0, ["a"], {"a": 1}, [], {}])
def test_an_option_is_what_its_variable_holds(value: t.Any) -> None:
    assert goal(deploy_goal=value) == value


def test_a_variable_in_terms_of_others_is_rendered() -> None:
    assert goal(deploy_goal=template("{{ mine }}"), mine="boot") == "boot"


def test_a_variable_counts_more_than_what_is_given() -> None:
    assert options({"goal": "boot", "options_from": {"goal": "deploy_goal"}}, deploy_goal="test")["goal"] == "test"


@pytest.mark.parametrize("variables", [{}, {"deploy_goal": ""}, {"deploy_goal": None}])
def test_a_variable_that_holds_nothing_leaves_the_option_as_it_is(variables: dict[str, t.Any]) -> None:
    assert options({"goal": "boot", "options_from": {"goal": "deploy_goal"}}, **variables)["goal"] == "boot"
    assert goal(**variables) is None


def test_a_variable_that_is_omitted_holds_nothing() -> None:
    omitted = "__omit_place_holder__1"
    assert goal(deploy_goal=template("{{ 1 and other }}"), other=omitted, omit=omitted) is None


def test_a_variable_that_ansible_itself_omits_holds_nothing() -> None:
    # Before ansible-core 2.19 a variable of each task, and since then known to its templates.
    of_ansible = VariableManager(loader=DataLoader()).get_vars()
    known = {name: value for name, value in of_ansible.items() if name == "omit"}
    assert goal(deploy_goal=template("{{ mine | default(omit) }}"), **known) is None


def test_a_variable_without_a_value_is_named() -> None:
    with pytest.raises(VariablesError, match=r"deploy_goal has no value.*mine") as raised:
        goal(deploy_goal=template("{{ mine }}"))
    assert raised.value.host == "web"
    assert raised.value.advice == "set deploy_goal"


def test_what_is_no_mapping_is_left_to_whoever_checks_the_options() -> None:
    assert options({"options_from": "deploy_goal"}) == {"options_from": "deploy_goal"}
