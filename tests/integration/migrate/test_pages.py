# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each page of docs/migrate is followed to its end, and no machine is switched on the way but by its first run."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path

import pytest

from ..fleet.lab import ROOT, home, new_fleet, on, running
from ..fleet.project import Project

HOSTS = ("vps-sg-1", "vps-sg-2")
STANDINS = Path(__file__).parent / "standins"
BLOCK = re.compile(r"^```(?:nix|yaml)\n# (?P<name>\S+)\n(?P<text>.*?)^```$", flags=re.MULTILINE | re.DOTALL)
# What a user's modules for one host are, of which the pages say nothing.
MODULE = """{{ pkgs, ... }}:
{{
  networking.hostName = "{host}";
  environment.etc."migrated".text = "{host}";
  services.openssh.enable = true;
  boot.loader.grub.device = "/dev/vda";
  fileSystems."/".device = "/dev/vda1";
}}
"""


def _inputs() -> dict[str, str]:
    nixpkgs = f"path:{home() / 'tests/lab/standins/nixpkgs'}"
    made_here = {name: f"path:{STANDINS / name}" for name in ("colmena", "deploy-rs")}
    return {"nixpkgs": nixpkgs, **made_here, "deploy-rs/nixpkgs": nixpkgs}


@dataclasses.dataclass(frozen=True)
class Page:
    """A page, and the project that its reader has so far."""

    project: Project
    blocks: dict[str, list[str]]

    @classmethod
    def read(cls, name: str, directory: Path) -> Page:
        """Return a project with what every reader has before the first file of the page."""
        project = Project.copied_to(directory)
        for part in ("inventory/nodes.nix", "inventory/fleet.nix.yml", "inventory/group_vars/vps.yml", "flake.nix"):
            (directory / part).unlink()
        shutil.move(directory / "inventory/lib", directory / "nix-fleet/inventory/lib")
        (directory / "hosts").mkdir()
        for host in HOSTS:
            (directory / "hosts" / f"{host}.nix").write_text(MODULE.format(host=host))
        blocks: dict[str, list[str]] = {}
        for found in BLOCK.finditer((ROOT / f"docs/migrate/{name}.md").read_text(encoding="utf-8")):
            blocks.setdefault(found["name"], []).append(found["text"])
        return cls(project, blocks)

    def take(self, name: str) -> None:
        """Write the next block of the page that is the file ``name``."""
        file = self.project.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(
            self.blocks[name].pop(0).replace("git+file:///where/nix.fleet/is", f"path:{self.project.root}/nix-fleet")
        )
        self._override_inputs()

    def use(self, options: str) -> None:
        """Read the fleet by other options of the inventory plugin."""
        text = f"plugin: nix.fleet.nix_inventory\n{options}"
        (self.project.root / "inventory/fleet.nix.yml").write_text(text)
        self._override_inputs()

    def _override_inputs(self) -> None:
        """Have stand-ins for those inputs that the flake has, as the rehearsal fleet does it for its own."""
        if not (self.project.root / "flake.nix").exists():
            return
        flake = (self.project.root / "flake.nix").read_text()
        given = {name: path for name, path in _inputs().items() if f"inputs.{name.partition('/')[0]}" in flake}
        # After lab.yml, which names inputs that these flakes do not have.
        variables = self.project.root / "inventory/group_vars/all/zz-inputs.yml"
        variables.write_text(json.dumps({"deploy_override_inputs": given}))
        options = self.project.root / "inventory/fleet.nix.yml"
        if options.exists():
            said = options.read_text().partition("override_inputs:")[0]
            options.write_text(f"{said}override_inputs: {json.dumps(given)}\n")

    def run(self, playbook: str, *arguments: str) -> dict[str, dict[str, int]]:
        """Run a playbook, which must succeed, and return what Ansible counts of each host."""
        run = self.project.run(playbook, *arguments)
        assert run.rc == 0, run.output
        return {host: run.counts(host) for host in run.hosts()}

    def edit_nodes(self, *edits: tuple[str, str]) -> None:
        """Replace what the patterns find in the file of nodes, each of which must find something."""
        file = self.project.root / "inventory/nodes.nix"
        text = file.read_text()
        for pattern, new in edits:
            text, count = re.subn(pattern, new, text)
            assert count, f"{pattern} is not in {text}"
        file.write_text(text)


@pytest.fixture(scope="module", autouse=True)
def fleet() -> None:
    """Have the hosts up, as new."""
    new_fleet(*HOSTS)


@pytest.fixture
def page(request: pytest.FixtureRequest, tmp_path: Path) -> Page:
    """Return the page that the test is marked with."""
    return Page.read(request.param, tmp_path)


pytestmark = pytest.mark.thorough

SYSTEM = (r"(    ssh = \{)", r'    system = "x86_64-linux";\n\1')


def follow(page: Page, hosts: set[str], *edits: tuple[str, str]) -> None:
    """Deploy with the flake as it was, then by a written nodes.nix, then by the outputs that are made of it."""
    page.take("flake.nix")
    page.take("inventory/fleet.nix.yml")
    assert set(page.run("nix.fleet.deploy")) == hosts
    before = {host: running(host) for host in ("vps-sg-1", "vps-sg-2") if host in hosts}
    assert all(host in now.system for host, now in before.items())

    assert page.run("nix.fleet.import", "--check")["localhost"]["changed"] == 1
    assert page.run("nix.fleet.import")["localhost"]["changed"] == 1
    page.take("inventory/fleet.nix.yml")
    again = page.run("nix.fleet.deploy")
    assert set(again) == hosts
    assert not [host for host, counts in again.items() if counts["changed"]]

    page.take("flake.nix")
    page.edit_nodes(SYSTEM, *edits)
    again = page.run("nix.fleet.deploy")
    assert set(again) == hosts
    assert not [host for host, counts in again.items() if counts["changed"]]
    assert {host: running(host) for host in before} == before


@pytest.mark.parametrize("page", ["colmena"], indirect=True)
def test_from_colmena(page: Page) -> None:
    follow(page, {"vps-sg-1", "vps-sg-2"}, (r'\n +nix_attr = "colmenaHive.*', ""))
    # The hive that the adapter makes of the nodes is what the hive was.
    page.use("source: colmena\nflake: ..\n")
    again = page.run("nix.fleet.deploy")
    assert not [host for host, counts in again.items() if counts["changed"]]


@pytest.mark.parametrize("page", ["deploy-rs"], indirect=True)
def test_from_deploy_rs(page: Page) -> None:
    follow(
        page,
        {"vps-sg-1", "hello@vps-sg-1"},
        (r"deploy\.nodes\.vps-sg-1\.profiles\.hello\.path", "packages.x86_64-linux.hello"),
    )
    assert on("vps-sg-1", "cat /run/said") == "Hello, world!"


@pytest.mark.parametrize("page", ["nixos-rebuild"], indirect=True)
def test_from_nixos_rebuild(page: Page) -> None:
    page.take("inventory/group_vars/all/login.yml")
    follow(page, {"vps-sg-1", "vps-sg-2"})
