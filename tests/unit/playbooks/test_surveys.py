# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWX and Semaphore ask the same, and what nobody answers is left to the inventory: an answer is an extra variable.

The fields of a question are read as `_update_unified_job_kwargs` of `awx/main/models/mixins.py` reads them, in
https://github.com/ansible/awx, and `SurveyVar` of `db/Template.go` is written, in https://github.com/semaphoreui/semaphore.
"""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
SPECS = yaml.safe_load((ROOT / "roles/deploy/meta/argument_specs.yml").read_text())["argument_specs"]["main"]
# What a run is told for itself alone, and no inventory says.
OF_A_RUN = {"rollout_canary", "rollback_to", "update_branch"}


# What a workflow of AWX hands from a job to the next, and Semaphore can only ask.
HANDED_ON = "deploy_revision"


class Question(t.NamedTuple):
    """What is asked for a variable, in the words of neither."""

    title: str
    choices: tuple[str, ...]
    whole_number: bool
    required: bool
    has_default: bool


def read(name: str) -> dict[str, t.Any]:
    """Return what one of the two is told to have."""
    return t.cast("dict[str, t.Any]", yaml.safe_load((ROOT / "playbooks/vars" / name).read_text()))


def of_awx() -> dict[str, dict[str, Question]]:
    """Return the questions of each playbook by their variables."""
    return {
        template["playbook"]: {
            each["variable"]: Question(
                each["question_name"],
                tuple(each.get("choices", ())),
                each["type"] == "integer",
                each["required"],
                "default" in each,
            )
            for each in template.get("survey_spec", {"spec": []})["spec"]
        }
        for template in read("awx.yml")["controller_templates"]
    }


def of_semaphore() -> dict[str, dict[str, Question]]:
    """Return the questions of each playbook by their variables."""
    return {
        template["playbook"]: {
            each["name"]: Question(
                each["title"],
                tuple(value["value"] for value in each.get("values", ())),
                each.get("type") == "int",
                each.get("required", False),
                "default_value" in each,
            )
            for each in template["survey_vars"]
        }
        for template in read("semaphore.yml")["semaphore_project"]["templates"]
    }


def test_both_have_the_same_templates_with_the_same_questions() -> None:
    asked = of_semaphore()
    assert {playbook for playbook in asked if asked[playbook].pop(HANDED_ON, None)} == {"deploy.yml", "rollout.yml"}
    assert of_awx() == asked


@pytest.mark.parametrize("playbooks", [of_awx(), of_semaphore()], ids=["awx", "semaphore"])
def test_the_choices_are_those_of_the_role(playbooks: dict[str, dict[str, Question]]) -> None:
    asked = {name: question for questions in playbooks.values() for name, question in questions.items()}
    known = {name: SPECS["options"][name] for name in asked if name in SPECS["options"]}
    assert set(known) == {name for name in asked if name.startswith("deploy_")} != set()
    assert {name: list(asked[name].choices) for name in known} == {
        name: [choice for choice in option.get("choices", []) if choice] for name, option in known.items()
    }


@pytest.mark.parametrize("playbooks", [of_awx(), of_semaphore()], ids=["awx", "semaphore"])
def test_what_an_inventory_may_say_is_not_answered_for_those_who_do_not_answer(
    playbooks: dict[str, dict[str, Question]],
) -> None:
    for questions in playbooks.values():
        for name, question in questions.items():
            assert question.required == question.has_default == (name in OF_A_RUN), name
