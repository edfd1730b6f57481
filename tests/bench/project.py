# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A user's project for the bench: a git repository with a flake, an inventory and Ansible's settings."""

from __future__ import annotations

import dataclasses
import json
import shutil
import typing as t
from pathlib import Path

if t.TYPE_CHECKING:
    from .ground import Ground
    from .record import Command

ROOT = Path(__file__).resolve().parents[2]
NIX = Path(__file__).with_name("nix")
PLAYBOOKS: dict[str, list[dict[str, t.Any]]] = {
    "deploy": [{"import_playbook": "nix.fleet.deploy"}],
    "raw": [{"hosts": "all", "gather_facts": False, "tasks": [{"ansible.builtin.raw": "true"}]}],
}


@dataclasses.dataclass(frozen=True)
class Load:
    """What a configuration has to evaluate: modules of ten options each, and packages, each through ``layers`` functions."""

    services: int = 0
    packages: int = 0
    layers: int = 0


NONE = Load()
# Much in little time, for comparisons that evaluate a fleet several times over.
HEAVY = Load(services=1000, packages=10_000)
# As much for each host as a NixOS that configures nothing: 7.0 million thunks and 1.1 GB, where nixpkgs' own measurement
# (https://github.com/NixOS/nixpkgs/pull/388834) has 7.6 million, 1.0 GB and 3.7 s of the processor.
AS_NIXOS = Load(services=2000, packages=20_000, layers=44)


@dataclasses.dataclass(frozen=True)
class Project:
    """See the file's first lines."""

    root: Path
    ground: Ground

    @classmethod
    def made_in(cls, root: Path, ground: Ground, nodes: int, load: Load) -> Project:
        """Make a project with so many nodes, each with so much to evaluate."""
        shutil.copytree(NIX, root)
        shutil.copytree(ROOT / "inventory/lib", root / "lib")
        _replace(root / "flake.nix", "NIXPKGS", ground.nixpkgs)
        write_load(root / "load", load)
        (root / "fleet.json").write_text(json.dumps({"nodes": nodes}))
        (root / "fleet.nix.yml").write_text("plugin: nix.fleet.nix_inventory\nnodes: nodes.nix\n")
        variables = root / "group_vars/all.yml"
        variables.parent.mkdir()
        variables.write_text(
            json.dumps(
                {
                    "ansible_ssh_common_args": f"-F {ground.ssh_config}",
                    "ansible_control_path_dir": str(ground.work / "cp"),
                }
            )
        )
        settings = (ROOT / "ansible.cfg").read_text().replace("inventory/fleet.nix.yml", "fleet.nix.yml")
        (root / "ansible.cfg").write_text(settings)
        program = shutil.which("deploy", path=ground.environment["PATH"])
        if program and (activate := Path(program).resolve().with_name("activate")).exists():
            shutil.copy2(activate, root / "activate-rs")
        project = cls(root, ground)
        for name, plays in PLAYBOOKS.items():
            project.write_playbook(name, plays)
        project.change("0")
        ground.output("git", "init", "--quiet", directory=root)
        project.commit()
        ground.output("nix", "flake", "lock", directory=root)
        project.commit()
        return project

    def write_playbook(self, name: str, plays: list[dict[str, t.Any]]) -> None:
        """Write a playbook into the project."""
        (self.root / f"{name}.yml").write_text(json.dumps(plays, indent=2))

    def change(self, token: str) -> None:
        """Make every node's configuration another one."""
        # Of this run only: what an earlier one has built is not to be found in the store.
        (self.root / "change.json").write_text(json.dumps(f"{self.ground.work.name} {token}"))
        if (self.root / ".git").is_dir():
            self.commit()

    def commit(self) -> None:
        """Commit all there is."""
        identity = ("-c", "user.name=bench", "-c", "user.email=bench@example.org")
        self.ground.output("git", "add", "--all", directory=self.root)
        self.ground.output("git", *identity, "commit", "--quiet", "--message", "Change", directory=self.root)

    def build(self, hosts: int) -> None:
        """Build all systems of the project, so that of each round's change only what differs is still to be built."""
        systems = [f".#nixosConfigurations.{name}.config.system.build.toplevel" for name in self.ground.names(hosts)]
        self.ground.output("nix", "build", "--no-link", *systems, directory=self.root)

    def play(self, name: str, *arguments: str, **environment: str) -> Command:
        """Return the command that runs one of the project's playbooks."""
        return self.command("ansible-playbook", f"{name}.yml", *arguments, **environment)

    def command(self, *argv: str, **environment: str) -> Command:
        """Return a command that runs in the project."""
        return self.ground.command(
            *argv, directory=self.root, ANSIBLE_CONFIG=str(self.root / "ansible.cfg"), **environment
        )


def write_load(directory: Path, load: Load) -> None:
    """Write what makes an evaluation heavy: module files and a package set, generated since they are much of the same."""
    template = (NIX / "service.nix").read_text()
    directory.mkdir()
    for number in range(load.services):
        text = template.replace("service-N", f"service-{number}").replace("NUMBER", str(number))
        (directory / f"service-{number}.nix").write_text(text)
    files = "".join(f"  ./service-{number}.nix\n" for number in range(load.services))
    modules = f"  ../packages.nix\n{files}" if load.services else ""
    (directory / "default.nix").write_text(f"[\n{modules}]\n")
    defined = "".join(
        f'  package-{number} = build {{ name = "package-{number}"; inputs = [ {_inputs(number)} ]; }};\n'
        for number in range(load.packages)
    )
    (directory / "layers.nix").write_text(f"{load.layers}\n")
    (directory / "all-packages.nix").write_text(f"build: self: with self; {{\n{defined}}}\n")


def _inputs(number: int) -> str:
    """Return the packages that a package is made of: a few of those before it."""
    return " ".join(sorted({f"package-{number // divisor}" for divisor in (2, 3, 5) if number >= divisor}))


def _replace(file: Path, old: str, new: str) -> None:
    file.write_text(file.read_text().replace(old, new))
