# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's variables are checked by the role's own specification, as Ansible would check them."""

from __future__ import annotations

import types
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.nix.fleet.plugins.plugin_utils.ansible_io.role_variables import see_that_role_variables_fit
from ansible_collections.nix.fleet.plugins.plugin_utils.errors import VariablesError

ROOT = Path(__file__).resolve().parents[4]
ROLE = ROOT / "roles/deploy"
DEFAULTS = yaml.safe_load((ROLE / "defaults/main.yml").read_text())


def see(*, validate: bool = True, **variables: t.Any) -> None:
    """Check the role `deploy` with ``variables`` beside its defaults."""
    role = types.SimpleNamespace(
        _role_path=str(ROLE),
        _from_files={},
        get_default_vars=lambda: DEFAULTS,
        get_name=lambda: "nix.fleet.deploy",
    )
    action = types.SimpleNamespace(
        _task=types.SimpleNamespace(_role=role, args={"validate_role": validate}),
        _templar=types.SimpleNamespace(template=lambda value: value),
        variables={**DEFAULTS, **variables},
        play_host="web",
    )
    see_that_role_variables_fit(t.cast("t.Any", action))


def test_defaults_fit() -> None:
    see()


def test_what_fits_its_type_passes() -> None:
    see(deploy_goal="boot", deploy_confirm="no", deploy_confirm_timeout="60")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"deploy_goal": "swich"}, "value of deploy_goal must be one of: switch, boot"),
        ({"deploy_confirm": "perhaps"}, "deploy_confirm"),
        ({"deploy_confirm_timeout": "soon"}, "deploy_confirm_timeout"),
    ],
)
def test_what_does_not_fit_is_named(variables: dict[str, t.Any], words: str) -> None:
    with pytest.raises(VariablesError, match=words) as raised:
        see(**variables)
    assert raised.value.host == "web"
    assert raised.value.advice == "ansible-doc -t role nix.fleet.deploy says what each variable is"


def test_every_wrong_variable_is_named_at_once() -> None:
    with pytest.raises(VariablesError, match=r"deploy_goal.*deploy_reboot"):
        see(deploy_goal="swich", deploy_reboot="maybe")


def test_a_task_that_does_not_want_it_is_not_bothered() -> None:
    see(validate=False, deploy_goal="swich")


def test_a_variable_of_somebody_else_is_none_of_the_role() -> None:
    see(nix_platform="toaster", deploy_something="else")


def test_every_variable_of_the_specification_has_a_default() -> None:
    specified = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    assert set(specified) == set(DEFAULTS)
