# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWX is told to have: each object as the modules of AWX take it, and each name that one has for another is there.

The collection infra.aap_configuration is stood in for by a role of the same name that writes down what it was given.
"""

from __future__ import annotations

import json
import subprocess
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ..playbook import ROOT, run_playbook

PUBLISHED = json.loads((ROOT / "tests/cases/awx-modules.json").read_text())
LISTS: dict[str, str] = PUBLISHED["lists"]
PLAYBOOK = "playbooks/awx_setup.yml"
GIVEN = {"awx_project_url": "https://git.example/fleet.git", "awx_image": "registry.example/fleet:1"}
# By AWX, "JSON for survey_spec" in its documentation of the API.
SURVEY_TYPES = {"text", "textarea", "password", "multiplechoice", "multiselect", "integer", "float"}
RELATED = ("labels", "notification_templates_success", "notification_templates_error")
WRITE_DOWN = """
- ansible.builtin.copy:
    content: "{{ dict(names | zip(query('ansible.builtin.vars', *names))) | to_json }}"
    dest: "{{ written }}"
    mode: "0600"
- ansible.builtin.set_fact:
    __templates_error_list: "{{ failed }}"
  when: failed is defined
"""
# What awx_collection/plugins/lookup/controller_api.py of https://github.com/ansible/awx returns: the objects of a list, for what
# the variable `there` has; without it, for everything.
LOOK_UP = """
from ansible.plugins.lookup import LookupBase

class LookupModule(LookupBase):
    def run(self, terms, variables=None, **options):
        there = (variables or {}).get("there")
        name = options["query_params"]["name"]
        return [{"id": 1, "name": name}] if there is None or name in there.get(terms[0], []) else []
"""

Objects: t.TypeAlias = dict[str, list[dict[str, t.Any]]]


def play(
    directory: Path,
    installed: tuple[str, ...] = ("infra.aap_configuration", "awx.awx"),
    /,
    *options: str,
    **variables: t.Any,
) -> subprocess.CompletedProcess[str]:
    """Run the playbook where collections of these names are, one of them with the stand-in."""
    for name in installed:
        collection = directory / "ansible_collections" / name.replace(".", "/")
        collection.mkdir(parents=True)
        namespace, last = name.split(".")
        (collection / "galaxy.yml").write_text(f"namespace: {namespace}\nname: {last}\nversion: 1.0.0\n")
        if last in {"awx", "controller"}:
            (collection / "plugins/lookup").mkdir(parents=True)
            (collection / "plugins/lookup/controller_api.py").write_text(LOOK_UP)
    if "infra.aap_configuration" in installed:
        role = directory / "ansible_collections/infra/aap_configuration/roles/dispatch/tasks"
        role.mkdir(parents=True)
        (role / "main.yml").write_text(WRITE_DOWN)
    extra = json.dumps({"written": str(directory / "written.json"), "names": sorted(LISTS), **variables})
    return run_playbook(
        *(PLAYBOOK, "-i", "localhost,", "-e", extra, *options),
        ANSIBLE_COLLECTIONS_PATH=f"{directory}:{ROOT}/.venv/collections",
    )


def objects_of(directory: Path, **variables: t.Any) -> Objects:
    """Return what the modules are asked for."""
    done = play(directory, **GIVEN, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    written = t.cast("Objects", json.loads((directory / "written.json").read_text()))
    for template in written["controller_templates"]:
        # On ansible-core 2.19, the role controller_job_templates takes them from here alone.
        for name in RELATED:
            template[name] = [each["name"] for each in template.get("related", {}).get(name, [])]
        template.pop("related", None)
    return written


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Objects:
    """What is asked for when nothing but what is needed is said, a key and a label."""
    return objects_of(tmp_path_factory.mktemp("awx"), awx_machine_key="a key", awx_labels=["nix"])


def faults(module: str, item: dict[str, t.Any]) -> list[str]:
    """Return what the module of AWX would find wrong."""
    return list(ArgumentSpecValidator(PUBLISHED["modules"][module]).validate(item).error_messages)


@pytest.mark.parametrize("name", LISTS)
def test_each_object_is_as_its_module_takes_it(objects: Objects, name: str) -> None:
    assert objects[name]
    for item in objects[name]:
        nodes = item.pop("simplified_workflow_nodes", [])
        # Of the module that has a source updated, which is given the same list.
        waits = item.pop("wait", None) if name == "controller_inventory_sources" else None
        assert not faults(LISTS[name], item)
        assert not [
            fault for node in nodes for fault in faults("workflow_job_template_node", {**node, "workflow": "w"})
        ]
        item |= {"simplified_workflow_nodes": nodes} if nodes else {}
        item |= {"wait": waits} if waits else {}


def test_each_name_is_one_of_an_object_that_is_asked_for(objects: Objects) -> None:
    names = {name: {item["name"] for item in items} for name, items in objects.items()}
    (source,) = objects["controller_inventory_sources"]
    assert source["source_project"] in names["controller_projects"]
    assert source["inventory"] in names["controller_inventories"]
    for user in (source, *objects["controller_templates"]):
        assert user["execution_environment"] in names["controller_execution_environments"]
    for template in objects["controller_templates"]:
        assert template["project"] in names["controller_projects"]
        assert template["inventory"] in names["controller_inventories"]
        assert set(template["credentials"]) <= names["controller_credentials"]
        # The module that makes a template makes none, and fails without.
        assert set(template["labels"]) <= names["controller_labels"]
    for schedule in objects["controller_schedules"]:
        assert schedule["unified_job_template"] in names["controller_templates"]


def test_each_playbook_is_one_that_the_project_has_and_awx_finds(objects: Objects) -> None:
    for template in objects["controller_templates"]:
        file = ROOT / "examples/jobs" / template["playbook"]
        file = file if file.exists() else ROOT / template["playbook"]
        (play,) = yaml.safe_load(file.read_text())
        assert play["ansible.builtin.import_playbook"] == f"nix.fleet.{file.stem}"
        assert (ROOT / "playbooks" / file.name).exists()


def test_each_answer_to_a_survey_is_a_variable_that_is_read_and_its_default_one_that_it_may_have(
    objects: Objects,
) -> None:
    patterns = ("playbooks/*.yml", "playbooks/tasks/*.yml", "roles/*/meta/argument_specs.yml")
    sources = [path for pattern in patterns for path in ROOT.glob(pattern)]
    text = "".join(path.read_text() for path in sources)
    for template in objects["controller_templates"]:
        for question in template.get("survey_spec", {"spec": []})["spec"]:
            assert question["variable"] in text
            assert question["type"] in SURVEY_TYPES
            if "default" in question:
                assert question["default"] in question.get("choices", [question["default"]])


def test_a_release_is_built_then_approved_then_tried_on_the_canaries_then_on_all(objects: Objects) -> None:
    (workflow,) = objects["controller_workflows"]
    nodes = {node["identifier"]: node for node in workflow["simplified_workflow_nodes"]}
    order, name = [], "build"
    while name:
        order.append(name)
        (name,) = nodes[name].get("success_nodes", [""])
    assert order == ["build", "diff", "approve", "canary", "all"] == list(nodes)
    assert "limit" not in nodes["diff"]
    assert nodes["canary"]["limit"] == "canary"
    # Slices are cut from the whole inventory: one without a canary would have no host, and fail.
    assert nodes["canary"]["job_slice_count"] == 1
    prompting = {item["name"]: item for item in objects["controller_templates"]}
    assert prompting[nodes["canary"]["unified_job_template"]]["ask_limit_on_launch"]


def test_what_a_release_has_built_is_handed_to_its_deployments_and_asked_of_nobody(objects: Objects) -> None:
    templates = {item["name"]: item for item in objects["controller_templates"]}
    (workflow,) = objects["controller_workflows"]
    nodes = {node["identifier"]: node for node in workflow["simplified_workflow_nodes"]}
    playbooks = {name: templates[node["unified_job_template"]] for name, node in nodes.items() if name != "approve"}
    said = yaml.safe_load((ROOT / "playbooks" / playbooks["build"]["playbook"]).read_text())[-1]["tasks"][0]
    (variable,) = said["ansible.builtin.set_stats"]["data"]
    options = yaml.safe_load((ROOT / "roles/deploy/meta/argument_specs.yml").read_text())["argument_specs"]["main"]
    assert variable in options["options"]
    # A variable of the workflow would beat what is handed on.
    assert "extra_vars" not in workflow
    for name in ("canary", "all"):
        asked = playbooks[name]["survey_spec"]["spec"]
        assert variable not in [question["variable"] for question in asked]


def test_what_is_missing_is_said_before_anything_is_done(tmp_path: Path) -> None:
    done = play(tmp_path)
    assert done.returncode == 2
    assert "awx_project_url" in done.stdout + done.stderr
    assert not (tmp_path / "written.json").exists()


def test_a_template_that_the_server_did_not_take_fails_the_setup_and_is_named(tmp_path: Path) -> None:
    done = play(tmp_path, **GIVEN, failed=[{"name": "Fleet deploy", "error": "timed out"}])
    assert done.returncode == 2
    assert "Fleet deploy: timed out" in " ".join((done.stdout + done.stderr).split())


COLLECTIONS = ("infra.aap_configuration", "awx.awx")
ALL_THERE = {"organizations": ["Default"], "credentials": ["Fleet machines", "forge"], "projects": ["Fleet"]}


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"awx_organization": "Edge"}, "organization Edge"),
        ({"awx_machine_credential": "Servers"}, "credential Servers"),
        ({"awx_project_credential": "forge", "awx_image_credential": "registry"}, "credential registry"),
        ({"awx_instance_groups": ["edge"]}, "instance group edge"),
        ({"awx_notify_error": ["ops"]}, "notification template ops"),
    ],
)
def test_what_has_to_be_there_and_is_not_is_told_before_anything_is_made(
    tmp_path: Path, given: dict[str, t.Any], missing: str
) -> None:
    done = play(tmp_path, COLLECTIONS, **GIVEN, there=ALL_THERE, **given)
    assert done.returncode == 2
    assert f"there is no {missing}, or" in " ".join((done.stdout + done.stderr).split())
    assert not (tmp_path / "written.json").exists()


@pytest.mark.parametrize("projects", [[], ["Fleet"]])
def test_a_check_of_an_empty_server_says_what_it_cannot_see(tmp_path: Path, projects: list[str]) -> None:
    done = play(tmp_path, COLLECTIONS, "--check", **GIVEN, there={**ALL_THERE, "projects": projects})
    assert done.returncode == 0, done.stdout + done.stderr
    assert ("everything would be made" in " ".join(done.stdout.split())) is not bool(projects)


def test_a_variable_that_would_beat_what_group_vars_says_of_some_hosts_is_refused(tmp_path: Path) -> None:
    done = play(tmp_path, **GIVEN, awx_extra_vars={"deploy_build_on": "homelab", "update_on": "homelab"})
    assert done.returncode == 2
    assert "awx_extra_vars has deploy_build_on:" in " ".join((done.stdout + done.stderr).split())
    assert not (tmp_path / "written.json").exists()


def test_a_release_looks_for_its_canaries_before_it_builds(objects: Objects) -> None:
    (workflow,) = objects["controller_workflows"]
    nodes = {node["identifier"]: node for node in workflow["simplified_workflow_nodes"]}
    assert nodes["build"]["extra_data"] == {"build_canary": nodes["canary"]["limit"]}
    (build,) = (
        item for item in objects["controller_templates"] if item["name"] == nodes["build"]["unified_job_template"]
    )
    # AWX takes what a node says for a variable that a survey asks for.
    assert "build_canary" in [question["variable"] for question in build["survey_spec"]["spec"]]


@pytest.mark.parametrize("group", ["canary", "empty"])
@pytest.mark.parametrize("playbook", ["build", "rollout"])
def test_what_is_for_canaries_that_are_not_there_builds_nothing(tmp_path: Path, playbook: str, group: str) -> None:
    (tmp_path / "hosts").write_text("[web]\none\n[empty]\n")
    done = run_playbook(
        *("-i", tmp_path / "hosts", f"playbooks/{playbook}.yml", "-e", f"{playbook}_canary={group}"),
        ANSIBLE_INVENTORY_ENABLED="ini",
    )
    assert done.returncode == 2
    assert f"no host in the group {group}" in " ".join(done.stdout.split())
    assert "Evaluate" not in done.stdout


@pytest.mark.parametrize(
    ("installed", "missing"),
    [((), "infra.aap_configuration awx.awx"), (("ansible.controller",), "infra.aap_configuration")],
)
def test_a_collection_that_is_not_installed_is_named_with_the_command_that_installs_it(
    tmp_path: Path, installed: tuple[str, ...], missing: str
) -> None:
    done = play(tmp_path, installed, **GIVEN)
    assert done.returncode == 2
    said = " ".join((done.stdout + done.stderr).split())
    assert f"not installed: {missing}; install with ansible-galaxy collection install {missing} (" in said
    assert not (tmp_path / "written.json").exists()
