# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The project whose deployments are hurt: the example project, with one module more for what a row wants of a machine."""

from __future__ import annotations

import dataclasses
import json
import shutil
import typing as t
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("ansible.cfg", "flake.nix", "flake.lock", "inventory", "nix")
# A line that is dead without saying so is noticed within six seconds here, and not within a minute.
SSH_ARGS = "ssh_args = -o ControlMaster=auto -o ControlPersist=60s -o ServerAliveInterval=2 -o ServerAliveCountMax=3"
# Seconds; long enough for a confirmation on a busy machine, short enough for a suite.
CONFIRM_TIMEOUT = 8
# A machine that boots again on a busy one is back within some of them.
PATIENCE = {"nix.fleet.nix_copy_closure": {"timeout": 4, "delay": 1, "retries": 5}}


@dataclasses.dataclass(frozen=True)
class Project:
    """A directory with an inventory, a flake and a playbook."""

    root: Path

    @classmethod
    def made_in(cls, directory: Path, lab: Path) -> Project:
        """Copy the example project and point it at the rehearsal fleet whose clone is ``lab``."""
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, directory / part, ignore=shutil.ignore_patterns("lab.yml"))
            elif source.exists():
                shutil.copy2(source, directory / part)
        project = cls(directory)
        project.point_at(lab)
        # Built on the controller, where a row does not say otherwise.
        (directory / "inventory/group_vars/vps.yml").unlink()
        (directory / "inventory/group_vars/all/time.yml").write_text(f"deploy_confirm_timeout: {CONFIRM_TIMEOUT}\n")
        settings = (directory / "ansible.cfg").read_text().splitlines()
        settings = [SSH_ARGS if line.startswith("ssh_args") else line for line in settings]
        settings = ["[defaults]\ntimeout = 5" if line == "[defaults]" else line for line in settings]
        (directory / "ansible.cfg").write_text("\n".join(settings) + "\n")
        flake = (directory / "flake.nix").read_text()
        modules = "[ ./nix/platforms/${node.platform}.nix ]"
        assert flake.count(modules) == 1
        (directory / "flake.nix").write_text(
            flake.replace(modules, "[ ./nix/platforms/${node.platform}.nix ./row.nix ]")
        )
        project.write_playbook()
        return project

    def point_at(self, lab: Path) -> None:
        """Take over what the rehearsal fleet has written for its hosts."""
        for file in (lab / "inventory").rglob("lab.yml"):
            target = self.root / "inventory" / file.relative_to(lab / "inventory")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, target)

    def write_playbook(self, **keywords: t.Any) -> None:
        """Write the playbook that deploys, as the collection's own does, with what a row adds to its play."""
        play = {
            "name": "Deploy",
            "hosts": "all",
            "gather_facts": False,
            "strategy": "host_pinned",
            "module_defaults": PATIENCE,
            "roles": ["nix.fleet.deploy"],
            **keywords,
        }
        (self.root / "deploy.yml").write_text(json.dumps([play], indent=2))

    def configure(self, *modules: str) -> None:
        """Have every machine's configuration include ``modules``, texts in Nix."""
        imports = "\n".join(f"    ({module})" for module in modules)
        (self.root / "row.nix").write_text(f"{{\n  imports = [\n{imports}\n  ];\n}}\n")
