# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller that has no Nix, as in a container of AWX: hosts' builders evaluate what is checked out here, and build it."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import secrets
import shutil
import subprocess
from pathlib import Path

import pytest

from ..updates.inputs import Repository
from .lab import ROOT, home, on, running
from .project import Project

INPUTS = ("nixpkgs", "nix-darwin", "home-manager", "nix-on-droid")
HOSTS = ("vps-sg-1", "macbook")


@pytest.fixture
def without_nix(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The example project as such a controller has it: nodes in JSON, in a Git repository, and no Nix on PATH."""
    nodes = project.root / "inventory" / "nodes.nix"
    nodes.with_suffix(".json").write_text(nix("eval", "--json", "--file", str(nodes)))
    nodes.unlink()
    project.edit("flake.nix", "nodes = ./inventory/nodes.nix;", "nodes = ./inventory/nodes.json;")
    project.edit("inventory/fleet.nix.yml", "nodes: nodes.nix", "nodes: nodes.json")
    inputs = tmp_path_factory.mktemp("inputs")
    shutil.copytree(ROOT / "tests" / "lab" / "standins", inputs, dirs_exist_ok=True)
    (project.root / "inventory" / "group_vars" / "all" / "place.yml").write_text(
        json.dumps(
            {
                "deploy_evaluate_on": "builder",
                "deploy_build_on": "homelab",
                # Paths of the controller, which are sent like the flake.
                "deploy_override_inputs": {name: str(inputs / name) for name in INPUTS},
            }
        )
    )
    Repository.made(project.root)
    programs = tmp_path_factory.mktemp("programs")
    for tool in (ROOT / ".venv" / "bin").iterdir():
        if not tool.name.startswith("nix"):
            (programs / tool.name).symlink_to(tool)
    path = ":".join([str(programs), *(each for each in os.defpath.split(":") if each), "/usr/sbin", "/sbin"])
    assert shutil.which("nix", path=path) is None
    return dataclasses.replace(project, path=path)


def test_hosts_are_deployed_and_an_unchanged_fleet_is_left_alone(without_nix: Project) -> None:
    change(without_nix)
    # One after the other: each loads the file with the evaluation anew.
    run = without_nix.run("deploy.yml", "-l", ",".join(HOSTS), "-v", "--forks", "1")
    assert run.hosts(failed=0, unreachable=0) == set(HOSTS), run.output
    # All of them share one evaluation, and none has what an earlier one has left behind.
    assert run.output.count("cached: false") == len(HOSTS)
    assert f"flake_revision: {Repository(without_nix.root).git('rev-parse', 'HEAD')}" in run.output
    deployed = {host: running(host) for host in HOSTS}
    again = without_nix.run("deploy.yml", "-l", ",".join(HOSTS), "-v")
    assert again.hosts(changed=0, failed=0) == set(HOSTS), again.output
    # The builder still has the derivations.
    assert "cached: false" not in again.output
    assert {host: running(host) for host in HOSTS} == deployed


def test_the_builder_comes_to_the_derivation_that_a_controller_with_nix_would(without_nix: Project) -> None:
    change(without_nix)
    run = without_nix.run("nix.fleet.build", "-l", "vps-sg-1", "-v")
    assert run.rc == 0, run.output
    found = re.search(r"drv_path: (\S+)", run.output)
    assert found is not None, run.output
    variables = json.loads((without_nix.root / "inventory/group_vars/all/place.yml").read_text())
    overrides = [
        word for name, path in variables["deploy_override_inputs"].items() for word in ("--override-input", name, path)
    ]
    attribute = f"{without_nix.root}#nixosConfigurations.vps-sg-1.config.system.build.toplevel.drvPath"
    assert found[1] == nix("eval", "--raw", "--no-write-lock-file", *overrides, attribute)


def test_a_phone_evaluates_by_default_what_names_a_store_path_that_it_alone_has(without_nix: Project) -> None:
    made = """
        . ~/.profile; cd "$(mktemp -d)"; mkdir -p proot-termux-static/bin; cd proot-termux-static
        printf '#!/bin/sh\\nexec "$@"\\n# %s\\n' "$(mktemp -u)" >bin/proot-static
        chmod +x bin/proot-static; nix-store --add "$PWD"
    """
    path = output("ssh", "-F", str(home() / ".lab/ssh_config"), "phone", made).splitlines()[-1]
    assert not Path(path).exists()
    settings = without_nix.root / "inventory/group_vars/all"
    inputs = json.loads((settings / "place.yml").read_text())["deploy_override_inputs"]
    (Path(inputs["nix-on-droid"]) / "proot-termux-static").write_text(path)
    (settings / "place.yml").write_text(json.dumps({"deploy_override_inputs": inputs}))
    without_nix.edit("inventory/group_vars/all/lab.yml", 'deploy_evaluate_on: "controller"\n', "")
    run = without_nix.run("deploy.yml", "-l", "phone")
    assert run.hosts(failed=0, unreachable=0) == {"phone"}, run.output
    program = "/nix/var/nix/profiles/nix-on-droid/filesystem/bin/proot-static"
    assert on("phone", f"readlink -f {program}") == f"{path}/bin/proot-static"


def change(project: Project) -> None:
    """Commit a change of every web server and Mac."""
    project.edit("nix/roles/web.nix", "</title>", f" {secrets.token_hex(4)}</title>")
    Repository(project.root).commit("change")


def nix(*arguments: str) -> str:
    return output("nix", "--extra-experimental-features", "nix-command flakes", *arguments)


def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
