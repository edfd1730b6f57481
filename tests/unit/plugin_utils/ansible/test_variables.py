# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables come in as plain values, and a role refuses those that it does not know."""

from __future__ import annotations

import types
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.nix.fleet.plugins.plugin_utils.ansible.variables import plain, templates_of, validate_variables
from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import NixError

ROOT = Path(__file__).resolve().parents[4]
ROLE = ROOT / "roles/deploy"
DEFAULTS = yaml.safe_load((ROLE / "defaults/main.yml").read_text())


class Tagged(str):
    """A string subclass, as ansible-core 2.19 and later make them."""


def test_strings_become_plain_at_every_depth() -> None:
    value = plain({Tagged("a"): [Tagged("b"), {"c": Tagged("d")}]})
    assert value == {"a": ["b", {"c": "d"}]}
    assert {type(text) for text in ("a", *value, value["a"][0], value["a"][1]["c"])} == {str}


def role(name: str, *parents: t.Any) -> t.Any:
    return types.SimpleNamespace(
        _role_path=str(ROOT / "roles" / name), get_name=lambda: f"nix.fleet.{name}", get_parents=lambda: list(parents)
    )


DEPLOY = role("deploy")


def with_variables(of: t.Any = DEPLOY, playbook: str = "/srv/fleet/deploy.yml", **variables: t.Any) -> None:
    """Run a task of a role in a playbook with ``variables`` beside the defaults of the role `deploy`."""
    play = types.SimpleNamespace(get_path=lambda: f"{playbook}:7")
    action: t.Any = types.SimpleNamespace(
        _task=types.SimpleNamespace(_role=of, get_play=lambda: play),
        variables={**DEFAULTS, **variables},
        play_host="web",
    )
    validate_variables(action)


@pytest.mark.parametrize(("name", "nearest"), [("deploy_gaol", "deploy_goal"), ("deploy_builder", "deploy_build_on")])
def test_a_name_that_the_role_does_not_know_is_refused_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(NixError) as raised:
        with_variables(**{name: "dry-activate"})
    assert (raised.value.code, raised.value.host) == ("variables.unknown", "web")
    assert raised.value.details["nearest"] == {name: nearest}


def test_no_worker_reads_the_files_that_name_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *_read, **_how: pytest.fail("read once more"))
    with_variables(playbook=str(ROOT / "playbooks/deploy.yml"))


def test_a_name_that_is_like_none_is_refused_by_itself() -> None:
    with pytest.raises(NixError) as raised:
        with_variables(deploy_my_own_notes="none")
    assert (raised.value.code, raised.value.details["nearest"]) == ("variables.unknown", {})


@pytest.mark.parametrize(
    ("of", "playbook", "name", "nearest"),
    [
        (None, "reboot", "deploy_reboot_timeoutt", "deploy_reboot_timeout"),
        (None, "reboot", "reboot_timeoutt", "deploy_reboot_timeout"),
        (DEPLOY, "rollout", "rollout_puase", "rollout_pause"),
        (DEPLOY, "deploy", "fleet_host", "fleet_hosts"),
        (DEPLOY, "deploy", "fleet_batchsize", "fleet_batch_size"),
        (role("pull"), "pull", "pull_flak", "pull_flake"),
        (None, "awx_setup", "awx_imgae", "awx_image"),
        (None, "semaphore_setup", "semaphore_machin_key", "semaphore_machine_key"),
    ],
)
def test_a_playbook_refuses_names_that_begin_as_its_own_and_are_none(
    of: t.Any, playbook: str, name: str, nearest: str
) -> None:
    with pytest.raises(NixError) as raised:
        with_variables(of, str(ROOT / f"playbooks/{playbook}.yml"), **{name: 1})
    assert raised.value.details["nearest"] == {name: nearest}


def test_a_role_refuses_a_name_also_where_another_works_for_it() -> None:
    with pytest.raises(NixError) as raised:
        with_variables(role("deploy", role("rollback")), rollback_too=3)
    assert raised.value.details["nearest"] == {"rollback_too": "rollback_to"}


@pytest.mark.parametrize("name", ["rollout_batches", "rollout_failed", "fleet_hosts", "fleet_mine"])
def test_a_playbook_knows_its_own_names_and_leaves_those_of_the_fleet_to_the_user(name: str) -> None:
    with_variables(DEPLOY, str(ROOT / "playbooks/rollout.yml"), **{name: 1})


@pytest.mark.parametrize(("of", "name"), [("cache", "cache_url"), ("pull", "pull_secret"), ("update", "update_window")])
def test_a_word_that_anybody_begins_names_with_is_left_to_the_user(of: str, name: str) -> None:
    with_variables(role("deploy", role(of)), str(ROOT / f"playbooks/{of}.yml"), **{name: 1})


@pytest.mark.parametrize("name", ["semaphore_user", "semaphore_db_name", "semaphore_hostname", "semaphore_access_key"])
def test_what_is_alike_by_its_first_word_alone_is_left_to_the_user(name: str) -> None:
    with_variables(None, str(ROOT / "playbooks/semaphore_setup.yml"), **{name: 1})


def test_what_a_job_of_awx_is_told_is_not_misspelt() -> None:
    told = {"awx_job_id": 17, "awx_project_scm_branch": "main", "awx_schedule_id": 3}
    with_variables(None, str(ROOT / "playbooks/awx_setup.yml"), **told)


@pytest.mark.parametrize("name", ["deploy_evaluation", "deploy_ask", "rollback_to", "deployment", "nix_platform"])
def test_results_of_the_role_and_what_is_not_its_own_pass(name: str) -> None:
    with_variables(**{name: "anything"})


def test_every_variable_of_the_specification_has_a_default_but_what_is_the_playbook_s() -> None:
    specified = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    assert set(specified) - set(DEFAULTS) == {"deploy_ask", "deploy_ignore_unreachable"}


def written(**keywords: t.Any) -> t.Any:
    """Return a task as it is written in a file."""
    return types.SimpleNamespace(action="nix.fleet.nix_eval", get_ds=lambda: keywords or None)


def test_the_templates_of_a_task_are_those_it_is_written_with() -> None:
    task = written(**{"nix.fleet.nix_eval": {"attr": "{{ a }}", "whole_play": True}, "delegate_to": "{{ b }}"})
    assert templates_of(task, ("attr", "flake")) == {"attr": "{{ a }}", "delegate_to": "{{ b }}"}


def test_a_task_that_is_written_in_one_line_or_not_at_all_has_none() -> None:
    assert templates_of(written(**{"nix.fleet.nix_eval": "attr=web"}), ("attr",)) == {}
    assert templates_of(written(), ("attr",)) == {}
