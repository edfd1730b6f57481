# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that build what they follow themselves, and activate it under supervision: by the playbook, and all by themselves."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from unittest import mock

import pytest

from ..fleet.lab import ROOT, new_fleet, on, running
from ..fleet.project import Project
from ..updates.inputs import GIT, Repository

pytestmark = pytest.mark.thorough
HOSTS = ("macbook", "workstation")
HOME = "/home/alice/.local/state/nix/profiles/home-manager"
WORD = "text = builtins.readFile ../../word;"
# The hosts have no Git, and no way to a server of one: the flake and its inputs are brought, as to a builder that cannot fetch them.
BRING = """
- hosts: all
  gather_facts: false
  tasks:
    - nix.fleet.nix_flake:
        flake: "{{ nix_flake }}"
        archive: true
      delegate_to: localhost
      run_once: true
      vars:
        ansible_become: false
      register: flake
    - nix.fleet.nix_copy_closure:
        paths: "{{ flake.sources }}"
    - ansible.builtin.copy:
        content: "{{ flake.sources[0] }}"
        dest: "{{ playbook_dir }}/source"
        mode: "0600"
      delegate_to: localhost
      run_once: true
      vars:
        ansible_become: false
        ansible_python_interpreter: "{{ ansible_playbook_python }}"
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Return a project in Git with a lock file, whose hosts are to follow it."""
    new_fleet(*HOSTS)
    with mock.patch.dict(os.environ, GIT):
        directory = tmp_path_factory.mktemp("pull") / "fleet"
        directory.mkdir()
        project = Project.copied_to(directory)
        project.name_inputs()
        (directory / "word").write_text("first")
        project.edit(
            "nix/platforms/darwin.nix", "  system.stateVersion", f"  environment.etc.word.{WORD}\n  system.stateVersion"
        )
        project.edit(
            "nix/platforms/home-manager.nix", "  home.stateVersion", f'  home.file.".word".{WORD}\n  home.stateVersion'
        )
        (directory / "bring.yml").write_text(BRING)
        (directory / ".gitignore").write_text("lab.yml\n/source\n")
        Repository.made(directory)
        nix("flake", "lock", str(directory), path=project.path)
        Repository(directory).commit("lock")
        yield project


def nix(*arguments: str, path: str) -> str:
    command = ["nix", "--extra-experimental-features", "nix-command flakes", *arguments]
    done = subprocess.run(command, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def brought(project: Project) -> str:
    """Have the flake and its inputs in the stores of the hosts, and return where it is."""
    run = project.run("bring.yml", "-l", ",".join(HOSTS))
    assert run.rc == 0, run.output
    return (project.root / "source").read_text()


def change(project: Project) -> str:
    """Have another word in what the hosts run."""
    word = os.urandom(4).hex()
    (project.root / "word").write_text(word)
    Repository(project.root).commit(word)
    return word


def test_each_host_builds_what_it_follows_and_activates_it(project: Project) -> None:
    change(project)
    source = brought(project)
    run = project.run("nix.fleet.pull", "-l", ",".join(HOSTS), "-e", json.dumps({"pull_flake": f"path:{source}"}))
    assert run.rc == 0, run.output
    assert run.hosts(failed=0, unreachable=0) == set(HOSTS)
    assert running("macbook").generation == 1
    assert on("workstation", 'readlink "$1"', HOME) == "home-manager-1-link"
    again = project.run("nix.fleet.pull", "-l", ",".join(HOSTS), "-e", json.dumps({"pull_flake": f"path:{source}"}))
    assert again.hosts(changed=0) == set(HOSTS), again.output


def pulled(
    host: str, user: str, platform: str, source: str, attribute: str, project: Project
) -> subprocess.CompletedProcess[str]:
    """Have a host follow by its own program, as its timer would."""
    expression = f'import {ROOT}/nix/pull/program.nix {{ platform = "{platform}"; }}'
    program = nix("eval", "--raw", "--impure", "--expr", expression, path=project.path)
    on(host, 'printf %s "$1" >/tmp/nix-fleet-pull; chmod 644 /tmp/nix-fleet-pull', program)
    command = f"sh /tmp/nix-fleet-pull path:{source} '{attribute}' 2"
    script = f'su - {user} -c "$1" 2>&1; echo rc=$?'
    output = on(host, script, command)
    return subprocess.CompletedProcess([], int(output.rpartition("rc=")[2]), output)


ATTRIBUTE = 'homeConfigurations."alice@workstation".activationPackage'


def test_a_home_follows_by_itself_and_says_so_in_its_journal(project: Project) -> None:
    word = change(project)
    source = brought(project)
    done = pulled("workstation", "alice", "home_manager", source, ATTRIBUTE, project)
    assert done.returncode == 0, done.stdout
    assert on("workstation", "cat /home/alice/.word") == word
    entry = json.loads(on("workstation", "tail -n 1 /home/alice/.local/state/nix.fleet/journal.jsonl"))
    assert (entry["description"], entry["outcome"], entry["platform"]) == ("pulled", "activated", "home-manager")
    again = pulled("workstation", "alice", "home_manager", source, ATTRIBUTE, project)
    assert again.returncode == 0
    assert again.stdout.splitlines()[-2].endswith(": unchanged")


def test_a_home_that_cannot_be_activated_goes_back_by_itself(project: Project) -> None:
    word = on("workstation", "cat /home/alice/.word")
    before = on("workstation", 'readlink "$1"', HOME)
    change(project)
    # A file that is the user's own, which home-manager does not replace.
    on("workstation", 'su - alice -c "mkdir -p .config/mine; echo mine >.config/mine/file"')
    project.edit(
        "nix/platforms/home-manager.nix",
        "  home.stateVersion",
        '  home.file.".config/mine/file".text = "";\n  home.stateVersion',
    )
    Repository(project.root).commit("clash")
    done = pulled("workstation", "alice", "home_manager", brought(project), ATTRIBUTE, project)
    assert done.returncode == 1, done.stdout
    assert "rolled_back" in done.stdout
    assert on("workstation", "cat /home/alice/.word") == word
    assert on("workstation", 'readlink "$1"', HOME) == before


def test_what_cannot_be_built_leaves_what_runs(project: Project) -> None:
    before = on("workstation", 'readlink "$1"', HOME)
    done = pulled("workstation", "alice", "home_manager", brought(project), "homeConfigurations.nobody", project)
    assert done.returncode == 1
    assert "could not be built; what runs stays" in done.stdout
    assert on("workstation", 'readlink "$1"', HOME) == before
