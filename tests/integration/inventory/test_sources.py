# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way in which a fleet may be written down, read by the real Ansible with one evaluation."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.colmena import text_in_hive

from .project import FLEETS, Project, nixpkgs, unmarked

DATA = {
    "nested": {"list": [1, [2, {"deep": None}]]},
    "empty": {},
    "none": None,
    "yes": True,
    "text": "Grüß dich, 世界 👋",
    "big": 9223372036854775807,
    "negative": -3,
    "half": 0.5,
    "template": "{{ lookup('ansible.builtin.pipe', 'touch created') }}",
    "shell": "'\"$(touch created)`\\\n",
    "größe.mit-punkt": "v",
}

# What the module fills in for that part of a key which the inventory leaves out.
NOTHING = dict.fromkeys(("flake", "attribute", "override_inputs", "impure", "file"))


@pytest.mark.parametrize(
    "nodes",
    [
        None,
        "#fleet.nodes",
        *(pytest.param(file, marks=pytest.mark.thorough) for file in ("nodes.nix", "nodes.json", "nodes.yml")),
    ],
)
def test_the_same_nodes_are_the_same_fleet_in_each_form(project: Project, nodes: str | None) -> None:
    project.take("nodes")
    if nodes in ("nodes.json", "nodes.yml"):
        project.options(nodes="#fleet.nodes")
        given = {name: known["nix_node"] for name, known in project.hosts().items()}
        project.write(nodes, json.dumps(unmarked(given), ensure_ascii=False))
    project.options(**({} if nodes is None else {"nodes": nodes}))
    listed = project.load()
    hosts = listed["_meta"]["hostvars"]
    assert set(hosts) == {"vps-sg-1", "vps-sg-2", "phone"}
    assert listed["vps"]["hosts"] == ["vps-sg-1", "vps-sg-2"]
    assert listed["role_web"]["hosts"] == ["vps-sg-1", "vps-sg-2"]
    assert listed["platform_nix_on_droid"]["hosts"] == ["phone"]
    assert listed["system_x86_64_linux"]["hosts"] == ["vps-sg-1", "vps-sg-2"]
    assert hosts["vps-sg-2"]["ansible_host"] == "198.51.100.12"
    assert hosts["vps-sg-2"]["ansible_become"] is True
    assert hosts["vps-sg-1"]["nix_flake"] == str(project.directory)
    assert hosts["phone"]["ansible_port"] == 8022
    assert unmarked(hosts["phone"]["data"]) == DATA
    assert not (project.directory / "created").exists()


def test_loading_takes_one_evaluation(project: Project) -> None:
    for fleet in ("nodes", "deploy-rs", "configurations"):
        (project.directory / "nodes.nix").unlink(missing_ok=True)
        project.take(fleet)
        project.options(nix_executable=project.counting(), override_inputs=overrides(project, "nixpkgs", "deploy-rs"))
        project.hosts()
        assert project.calls() == ["eval"], fleet


def overrides(project: Project, *inputs: str) -> dict[str, str]:
    """Return flakes that stand in for ``inputs`` and may not be looked into."""
    del project
    return dict.fromkeys(inputs, f"path:{FLEETS / 'empty'}")


def test_a_colmena_flake_is_read_as_it_stands(project: Project, tmp_path: pathlib.Path) -> None:
    project.take("colmena")
    project.options(override_inputs={"nixpkgs": nixpkgs(tmp_path), "colmena": f"path:{FLEETS / 'makehive'}"})
    listed = project.load()
    hosts = listed["_meta"]["hostvars"]
    assert set(hosts) == {"gateway", "mirror", "backup.example.net"}
    assert listed["infra_sin"]["hosts"] == ["mirror"]
    mirror, backup = hosts["mirror"], hosts["backup.example.net"]
    assert (mirror["ansible_host"], mirror["ansible_port"], mirror["ansible_user"], mirror["ansible_become"]) == (
        "mirror.example.net",
        2022,
        "operator",
        True,
    )
    assert backup["deploy_build_on"] == "target"
    assert backup["ansible_ssh_common_args"] == """-o 'ProxyCommand=nc '"'"'%h'"'"' %p'"""
    assert backup["nix_attr"] == 'colmenaHive.nodes."backup.example.net".config.system.build.toplevel'
    assert "the secret itself" not in json.dumps(listed)
    (token,) = mirror["nix_keys"]
    assert (token["name"], token["hive"]["node"], token["hive"]["key"]) == ("token", "mirror", "token")
    assert text_in_hive(NOTHING | token["hive"]) == "the secret itself"


@pytest.mark.parametrize(("fleet", "options"), [("raw-colmena", {}), ("hive", {}), ("hive", {"source": "colmena"})])
def test_a_hive_that_only_colmena_can_evaluate_is_refused_with_the_way_out(
    project: Project, tmp_path: pathlib.Path, fleet: str, options: dict[str, t.Any]
) -> None:
    project.take(fleet)
    project.options(**({"override_inputs": {"nixpkgs": nixpkgs(tmp_path)}} if fleet == "raw-colmena" else options))
    assert "colmenaHive = colmena.lib.makeHive" in project.refusal()


@pytest.mark.parametrize(
    "trouble", ['throw "no"', "{ }.missing", "true"], ids=["caught", "not caught", "of a wrong type"]
)
def test_a_node_that_does_not_evaluate_costs_no_other(project: Project, tmp_path: pathlib.Path, trouble: str) -> None:
    project.take("colmena")
    flake = project.directory / "flake.nix"
    flake.write_text(flake.read_text().replace("targetPort = 2022;", f"targetPort = {trouble};"))
    project.options(override_inputs={"nixpkgs": nixpkgs(tmp_path), "colmena": f"path:{FLEETS / 'makehive'}"})
    outcome = project.run("--list")
    hosts = json.loads(outcome.stdout)["_meta"]["hostvars"]
    assert set(hosts) == {"gateway", "mirror", "backup.example.net"}
    assert hosts["mirror"]["nix_attr"] == "colmenaHive.nodes.mirror.config.system.build.toplevel"
    assert outcome.stderr.count("[WARNING]") == 1, outcome.stderr
    assert "mirror" in outcome.stderr


def test_a_deploy_rs_flake_is_read_without_evaluating_its_profiles(project: Project) -> None:
    project.take("deploy-rs")
    project.options(override_inputs=overrides(project, "nixpkgs", "deploy-rs"))
    hosts = project.hosts()
    assert set(hosts) == {"server", "greeter@server", "mac"}
    server, greeter, mac = hosts["server"], hosts["greeter@server"], hosts["mac"]
    assert (server["nix_platform"], server["ansible_user"], server["ansible_become"]) == ("nixos", "admin", True)
    assert (server["ansible_port"], server["ansible_ssh_common_args"]) == (2221, "-o StrictHostKeyChecking=yes")
    assert server["deploy_substitute_on_destination"] is False
    assert (greeter["nix_platform"], greeter["nix_activate"]) == ("custom", "deploy-rs-activate")
    assert greeter["nix_attr"] == "deploy.nodes.server.profiles.greeter.path"
    assert "ansible_become" not in greeter
    assert (mac["nix_platform"], mac["deploy_build_on"]) == ("darwin", "target")
    assert mac["nix_node"]["magicRollback"] is False


def test_a_flake_with_nothing_but_configurations_is_read_by_their_names(project: Project) -> None:
    project.take("configurations")
    project.options()
    hosts = project.hosts()
    assert {name: known["nix_platform"] for name, known in hosts.items()} == {
        "vps": "nixos",
        "db.example.net": "nixos",
        "mac": "darwin",
        "phone": "nix-on-droid",
        "alice@desk": "home-manager",
    }
    assert (hosts["alice@desk"]["ansible_host"], hosts["alice@desk"]["ansible_user"]) == ("desk", "alice")


def test_variables_of_hosts_of_another_inventory_are_left_alone(project: Project) -> None:
    project.write("nodes.json", json.dumps({"web": {"ips": ["192.0.2.1"]}}))
    project.options()
    project.write("../host_vars/stage.yml", "{}")
    project.load("--playbook-dir", "..")
    project.write("host_vars/stage.yml", "{}")
    assert "the inventory has no host stage" in project.run("--list").stderr
    project.write("staging.nix.yml", "plugin: nix.fleet.nix_inventory")
    project.load()


def test_sources_of_other_kinds_stand_beside_the_fleet(project: Project) -> None:
    project.write("nodes.json", json.dumps({"web": {"ips": ["192.0.2.1"], "tags": ["vps"]}}))
    project.options()
    project.write("others.ini", "[routers]\ngate ansible_host=192.0.2.9\n")
    project.write("others.yml", json.dumps({"printers": {"hosts": {"laser": None}}}))
    project.write(
        "then.yml", json.dumps({"plugin": "ansible.builtin.constructed", "groups": {"outside": "'vps' in group_names"}})
    )
    files = project.load("-i", "others.ini", "-i", "others.yml", "-i", "then.yml")
    directory = project.load("-i", ".")
    for listed in (files, directory):
        assert listed["nix"]["hosts"] == listed["outside"]["hosts"] == ["web"]
        assert listed["routers"]["hosts"] == ["gate"]
        assert listed["printers"]["hosts"] == ["laser"]
