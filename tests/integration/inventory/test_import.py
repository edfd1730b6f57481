# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet of any source, written down as a nodes.nix by the real Ansible, is the same fleet."""

from __future__ import annotations

import pathlib
import typing as t

from .project import FLEETS, Outcome, Project, nixpkgs


def imported(project: Project, *arguments: str) -> Outcome:
    """Run the playbook on the project's inventory."""
    return project.run("nix.fleet.import", *arguments, program="ansible-playbook")


def colmena(project: Project, directory: pathlib.Path) -> dict[str, t.Any]:
    project.take("colmena")
    return {"override_inputs": {"nixpkgs": nixpkgs(directory), "colmena": f"path:{FLEETS / 'makehive'}"}}


def test_a_key_that_is_a_file_of_the_flake_is_one_of_the_project_and_not_of_the_store(
    project: Project, tmp_path: pathlib.Path
) -> None:
    options = colmena(project, tmp_path)
    flake = project.directory / "flake.nix"
    flake.write_text(flake.read_text().replace('token.text = "the secret itself"', "token.keyFile = toString ./token"))
    project.write("token", "today's")
    project.options(**options)
    assert all(known["nix_keys"][0]["file"].startswith("/nix/store/") for known in project.hosts().values())
    assert imported(project).rc == 0
    project.options(nodes="nodes.nix", override_inputs=options["override_inputs"])
    assert {known["nix_keys"][0]["file"] for known in project.hosts().values()} == {"token"}


def test_a_key_that_is_a_file_of_the_store_and_not_of_the_project_is_told_as_frozen(
    project: Project, tmp_path: pathlib.Path
) -> None:
    options = colmena(project, tmp_path)
    flake = project.directory / "flake.nix"
    frozen = 'token.keyFile = builtins.toFile "token" "of that day"'
    flake.write_text(flake.read_text().replace('token.text = "the secret itself"', frozen))
    project.options(**options)
    outcome = imported(project)
    assert outcome.rc == 0, outcome.stdout + outcome.stderr
    assert "token of" in outcome.stdout
    assert "no later rotation is noticed" in " ".join(outcome.stdout.split())


def test_it_is_written_once_and_no_other_fleet_is_overwritten_without_being_told(project: Project) -> None:
    project.take("configurations")
    project.options(source="configurations")
    file = project.directory / "nodes.nix"

    checked = imported(project, "--check", "--diff")
    assert checked.rc == 0, checked.stderr
    assert "changed=1 " in checked.stdout
    assert '+        host = "db.example.net";' in checked.stdout
    assert not file.exists()

    assert "changed=1 " in imported(project).stdout
    written = file.read_text()
    assert "changed=0 " in imported(project).stdout
    # In other words it is the same fleet.
    file.write_text("# mine\n" + written.replace("  ", " "))
    assert "changed=0 " in imported(project).stdout

    file.write_text(written.replace('"db.example.net"', '"db.example.org"', 1))
    mine = file.read_text()
    refused = imported(project, "--diff")
    assert refused.rc != 0
    assert "describes another fleet" in refused.stdout
    assert "ansible_host is" in refused.stdout or "is missing" in refused.stdout
    assert file.read_text() == mine
