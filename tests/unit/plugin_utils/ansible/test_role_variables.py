# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's variables are checked by the role's own specification, as Ansible would check them."""

from __future__ import annotations

import types
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.nix.fleet.plugins.plugin_utils.ansible.role_variables import (
    refuse_unknown_variables,
    see_that_role_variables_fit,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import VariablesError

ROOT = Path(__file__).resolve().parents[4]
ROLE = ROOT / "roles/deploy"
DEFAULTS = yaml.safe_load((ROLE / "defaults/main.yml").read_text())


def see(*, validate: t.Any = True, **variables: t.Any) -> None:
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
        variables={
            **DEFAULTS,
            "hostvars": {"web": {}, "homelab": {}},
            "playbook_dir": str(ROOT / "playbooks"),
            **variables,
        },
        play_host="web",
    )
    refuse_unknown_variables(t.cast("t.Any", action))
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
        ({"deploy_keys": None}, "deploy_keys is empty, and not a list"),
    ],
)
def test_what_does_not_fit_is_named(variables: dict[str, t.Any], words: str) -> None:
    with pytest.raises(VariablesError, match=words) as raised:
        see(**variables)
    assert raised.value.host == "web"
    assert raised.value.advice == "ansible-doc -t role nix.fleet.deploy says what each variable is"


def test_every_wrong_variable_is_named_at_once() -> None:
    with pytest.raises(VariablesError, match=r"(?s)deploy_compression.*deploy_goal.*deploy_reboot"):
        see(deploy_goal="swich", deploy_reboot="maybe", deploy_compression="")


@pytest.mark.parametrize(
    ("name", "nearest"), [("deploy_gaol", "deploy_goal"), ("deploy_confirm_timeuot", "deploy_confirm_timeout")]
)
def test_a_name_that_the_role_does_not_know_is_refused_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(VariablesError) as raised:
        see(validate=False, **{name: "dry-activate"})
    assert raised.value.host == "web"
    assert raised.value.cause == f"{name} is no variable of the role nix.fleet.deploy; {nearest} is one"


def test_a_name_that_is_like_none_is_refused_by_itself() -> None:
    with pytest.raises(VariablesError) as raised:
        see(deploy_my_own_notes="none")
    assert raised.value.cause == "deploy_my_own_notes is no variable of the role nix.fleet.deploy"


@pytest.mark.parametrize(
    "name", ["deploy_evaluation", "deploy_batch_size", "rollback_to", "deployment", "nix_platform"]
)
def test_results_of_the_role_and_what_is_not_its_own_pass(name: str) -> None:
    see(**{name: "anything"})


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"deploy_attr": ""}, "deploy_attr: is empty"),
        ({"deploy_flake": None}, "deploy_flake: is empty"),
        ({"deploy_peer_port": 99999}, "deploy_peer_port: 99999 is not a port"),
        ({"deploy_peer_address": "root@web"}, "deploy_peer_address: 'root@web' is not an address"),
        ({"deploy_cache_push": "nonsense"}, "deploy_cache_push: not the address of a store .*: nonsense"),
        ({"deploy_nix_options": {"a b": 1}}, "deploy_nix_options: not the name of a setting: 'a b'"),
        ({"deploy_nix_options": {"cores": {"a": 1}}}, "deploy_nix_options: the value of cores is neither"),
        ({"deploy_remote_builders": ["nix", "homelb - - 8"]}, "deploy_remote_builders: the builder homelb is neither"),
        ({"deploy_health_checks": [{"http": "htp//a"}]}, "deploy_health_checks: check 1: the URL 'htp//a' is not one"),
        ({"deploy_health_checks": [{"port": 80}, {"port": 99999}]}, "check 2: 99999 is not a TCP port"),
        ({"deploy_health_tasks": "nowhere.yml"}, "deploy_health_tasks: there is no file nowhere.yml in .*playbooks"),
        ({"deploy_health_within": -1}, "deploy_health_within: -1 is not a number of seconds"),
        ({"deploy_copy_timeout": -1}, "deploy_copy_timeout: -1.* is less than nothing"),
        ({"deploy_bake": "-1"}, "deploy_bake: -1 is not a number of seconds"),
    ],
)
def test_what_fits_its_type_and_can_still_not_be_is_named(variables: dict[str, t.Any], words: str) -> None:
    with pytest.raises(VariablesError, match=words) as raised:
        see(**variables)
    assert raised.value.host == "web"
    assert raised.value.advice


def test_what_can_be_passes() -> None:
    see(
        deploy_attr="hosts.web",
        deploy_peer_port="2222",
        deploy_peer_address="2001:db8::1",
        deploy_compression=None,
        deploy_cache_push="ssh-ng://nix@cache",
        deploy_nix_options={"max-jobs": 2, "system-features": ["a", "b"], "builders": None},
        deploy_remote_builders=[
            "nix",
            "homelab - - 8",
            "nix@192.0.2.9",
            "ssh-ng://b x86_64-linux",
            "@/etc/nix/machines",
        ],
        deploy_health_checks=[{"port": 80}, {"http": "http://a/"}, {"units": "all"}, {"command": "true"}],
        deploy_health_tasks="deploy.yml",
        deploy_health_within=0,
        deploy_bake=60,
    )


def test_a_builder_without_a_name_is_none() -> None:
    see(deploy_remote_builders=[" "])


def test_a_task_that_does_not_want_it_is_not_bothered() -> None:
    see(validate=False, deploy_goal="swich")


def test_every_variable_of_the_specification_has_a_default_but_what_is_the_playbook_s() -> None:
    specified = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    assert set(specified) - set(DEFAULTS) == {"deploy_batch_size", "deploy_ignore_unreachable"}
