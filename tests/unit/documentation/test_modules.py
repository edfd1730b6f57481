# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Actions accept what their modules document, and roles what they do; platforms and sources are the same wherever they are listed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import typing as t
from collections.abc import Iterator

import pytest
import yaml

from ansible_collections.nix.fleet.plugins.inventory.nix_inventory import DOCUMENTATION
from ansible_collections.nix.fleet.plugins.plugin_utils.health.checks import KINDS
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory import nodes, source
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.fleet import host_variables
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.loading import AUTO, SOURCES
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.source import Node, Origin
from ansible_collections.nix.fleet.plugins.plugin_utils.platforms.platform import platforms

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
    assert checks["mutually_exclusive"] == checks["required_one_of"] == [[*KINDS]]


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_a_molecule_scenario_that_runs_it_twice_and_looks_at_what_came_of_it(role: str) -> None:
    scenario = ROOT / "extensions/molecule" / role
    sequence = yaml.safe_load((scenario / "molecule.yml").read_text())["scenario"]["test_sequence"]
    assert [action for action in sequence if action != "prepare"] == ["converge", "idempotence", "verify"]
    assert not [action for action in sequence if action != "idempotence" and not (scenario / f"{action}.yml").is_file()]
    assert f"nix.fleet.{role}" in (scenario / "converge.yml").read_text()


NAMES = {platform.name for platform in platforms().values()}


def test_the_platforms_are_the_same_wherever_they_are_listed() -> None:
    listed = {"_platform.py": argument_spec("nix_gc")["platform"]["choices"]}
    nix = (ROOT / "inventory" / "lib" / "check.nix").read_text()
    listed["check.nix"] = re.findall('"(.+?)"', nix.partition("platforms = [")[2].partition("]")[0])
    schema = json.loads((ROOT / "docs/schemas/nodes.schema.json").read_text(encoding="utf-8"))["definitions"]
    for fields in ("fields", "profileFields"):
        listed[f"nodes.schema.json, {fields}"] = [*filter(None, schema[fields]["properties"]["platform"]["enum"])]
    page = (ROOT / "docs/inventory.md").read_text(encoding="utf-8")
    for field in ("platform", "nix_platform"):
        (meaning,) = re.findall(rf"^\| `{field}` \|([^|]*)\|", page, re.MULTILINE)
        listed[f"inventory.md, {field}"] = re.findall("`(.+?)`", meaning)
    # Other names of a platform may be taken as well, wherever they are turned into its own.
    different = {where: (NAMES - {*names}) | ({*names} - {*platforms()}) for where, names in listed.items()}
    assert not any(different.values()), "\n".join(f"{where}: {sorted(names)}" for where, names in different.items())


def test_every_other_name_of_a_platform_is_known_to_the_inventory() -> None:
    nix = (ROOT / "inventory" / "lib" / "check.nix").read_text()
    taken = dict(re.findall(r'given == "(.+?)" then\s+"(.+?)"', nix))
    assert taken == {name: platform.name for name, platform in platforms().items() if name != platform.name}


NODES = {
    "nixos": {"web-1": "nixosConfigurations.web-1.config.system.build.toplevel"},
    "darwin": {"macbook": "darwinConfigurations.macbook.system"},
    "nix-on-droid": {"phone": "nixOnDroidConfigurations.phone.activationPackage"},
    "home-manager": {
        "workstation": 'homeConfigurations."alice@workstation".activationPackage',
        "web-1": "nixosConfigurations.web-1.config.system.build.toplevel",
        "alice@web-1": 'homeConfigurations."alice@web-1".activationPackage',
    },
}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("nix") is None, reason="needs Nix")
@pytest.mark.parametrize("platform", NODES)
def test_the_nodes_of_a_guide_are_built_as_it_says(platform: str) -> None:
    page = (ROOT / f"docs/{platform}.md").read_text(encoding="utf-8")
    found: dict[str, str | None] = {}
    for written in re.findall(r"^```nix\n# inventory/nodes.nix\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL):
        command = ["nix", "--extra-experimental-features", "nix-command", "eval", "--json", "--expr", written]
        data = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        found |= {node.name: node.attr for node in nodes.nodes_of(data, source.Origin("nodes.nix", flake="/etc/fleet"))}
    assert found == NODES[platform]


def test_every_source_can_be_chosen() -> None:
    assert yaml.safe_load(DOCUMENTATION)["options"]["source"]["choices"] == [AUTO, *SOURCES]


def test_every_source_is_on_the_page_of_the_inventory() -> None:
    page = (ROOT / "docs/inventory.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"^\| source \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", page, re.MULTILINE)
    assert re.findall(r"^\| `(.+?)` \|", table, re.MULTILINE) == [*SOURCES]


def rows(section: str) -> dict[str, str]:
    """Return what the page's table for another tool says of each of its options."""
    page = (ROOT / "docs/inventory.md").read_text(encoding="utf-8")
    part = page.partition(f"\n### {section}\n")[2].partition("\n#")[0]
    found = re.findall(r"^\| (`[^|]+[^.|]`[^|]*) \| (.+) \|$", part, re.MULTILINE)
    return {option: said for options, said in found for option in re.findall(r"`([\w.]+)", options)}


def colmena(option: str, value: t.Any) -> Node:
    """Return what a hive with one option is."""
    keys = {"x": {"text": True, option.partition(".")[2]: value}} if option.startswith("keys.") else {}
    meta = {"allowApplyAll": True, "machinesFile": None}
    given = {"targetHost": "a", "targetUser": "me", "keys": keys}
    if option.startswith("meta."):
        meta[option.removeprefix("meta.")] = value
    elif not keys:
        given[option] = value
    (node,) = SOURCES["colmena"].nodes({"raw": False, "meta": meta, "nodes": {"n": given}}, Origin("flake", "/flake"))
    return node


def deploy_rs(option: str, value: t.Any) -> Node:
    """Return the second profile of a node with one setting."""
    settings = {"hostname": "a", "sshUser": "me", "user": "root", option: value}
    nodes = {"n": {"settings": settings, "profiles": {"system": {}, "p": {}}}}
    data = {"settings": {}, "nodes": nodes, "configurations": {}}
    return next(
        node for node in SOURCES["deploy-rs"].nodes(data, Origin("flake", "/flake")) if node.name.startswith("p@")
    )


# All that the tools have at the versions that their pages name, but for names and what is built: a value that is not
# the usual one, and which variables are others by it. None where nothing is done.
COLMENA: dict[str, tuple[t.Any, set[str] | None]] = {
    "targetHost": ("b", {"ansible_host"}),
    "targetPort": (1, {"ansible_port"}),
    "targetUser": ("root", {"ansible_user", "ansible_become"}),
    "privilegeEscalationCommand": (
        ["/x/doas", "-n", "-x"],
        {f"ansible_become_{of}" for of in ("method", "exe", "flags")},
    ),
    "tags": (["t"], {"nix_tags"}),
    "buildOnTarget": (True, {"deploy_build_on"}),
    "sshOptions": (["-p", "2", "-4"], {"ansible_ssh_common_args", "ansible_port"}),
    "keys": ({"x": {"text": True}}, {"nix_keys"}),
    "allowLocalDeployment": (True, None),
    "replaceUnknownProfiles": (False, None),
    "meta.machinesFile": ("/x", None),
    "meta.allowApplyAll": (False, {"deploy_require_limit"}),
}
DEPLOY_RS: dict[str, tuple[t.Any, set[str] | None]] = {
    "hostname": ("b", {"ansible_host"}),
    "sshUser": ("you", {"ansible_user"}),
    "user": ("you", {"ansible_become_user", "nix_profile"}),
    "sshOpts": (["-p", "2", "-4"], {"ansible_ssh_common_args", "ansible_port"}),
    "remoteBuild": (True, {"deploy_build_on"}),
    "fastConnection": (False, {"deploy_substitute_on_destination"}),
    "autoRollback": (False, {"deploy_rollback_on_failure"}),
    "magicRollback": (False, {"deploy_confirm"}),
    "confirmTimeout": (1, {"deploy_confirm_timeout"}),
    "activationTimeout": (1, {"deploy_activation_timeout"}),
    "sudo": ("/x/doas -n -x", {f"ansible_become_{of}" for of in ("method", "exe", "flags")}),
    "profilesOrder": (["system", "p"], {"nix_after"}),
    "interactiveSudo": (True, None),
    "tempPath": ("/x", None),
    "profilePath": ("/x", {"nix_profile"}),
}
TOOLS = {"colmena": (colmena, COLMENA), "deploy-rs": (deploy_rs, DEPLOY_RS)}


@pytest.mark.parametrize("tool", TOOLS)
def test_each_option_of_another_tool_is_in_its_table(tool: str) -> None:
    assert {*rows(tool)} - {"keys.NAME"} == {*TOOLS[tool][1]} - {"keys"}


@pytest.mark.parametrize(
    ("tool", "option"), [(tool, option) for tool, (_read, options) in TOOLS.items() for option in options]
)
def test_an_option_of_another_tool_becomes_what_its_table_says(tool: str, option: str) -> None:
    read, options = TOOLS[tool]
    value, expected = options[option]
    node, usual = read(option, value), read("unknown", None)
    before, after = ({n: v for n, v in host_variables(each).items() if n != "nix_node"} for each in (usual, node))
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    said = rows(tool)["keys.NAME" if option == "keys" else option]
    assert changed == (expected or set())
    assert (expected is None) == bool(node.ignored) == said.startswith("ignored")
    told = (
        " ".join(re.findall(r"`([^`]+)`", said))
        .replace("_exe", "ansible_become_exe")
        .replace("_flags", "ansible_become_flags")
    )
    assert {name for name in changed if not name.startswith("nix_")} <= {*re.findall(r"[a-z]+(?:_[a-z]+)+", told)}
