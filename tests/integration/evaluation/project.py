# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A flake, hosts that are made of it, and the real `ansible-playbook` run on them."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import typing as t
import uuid
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
TOOLS = Path(sys.executable).parent
WITH_TOOLS = f"{TOOLS}:{os.environ['PATH']}"

# Says of each call what it was for, and is Nix.
COUNTING = """#!/bin/sh
for word; do
  case $word in
    eval | metadata | build) echo "$word" >>{log}; break ;;
  esac
done
exec {nix} "$@"
"""

# The namespace of Ansible's filter `to_uuid`.
TO_UUID = uuid.UUID("361E6D51-FAEC-444A-9079-341386DA8E2E")

REPORT = """
- ansible.builtin.copy:
    content: "{{ result | ansible.builtin.to_json }}"
    dest: "{{ reports }}/{{ inventory_hostname | ansible.builtin.to_uuid }}"
    mode: "0600"
  delegate_to: localhost
  check_mode: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
    ansible_become: false
"""


@dataclasses.dataclass(frozen=True)
class Run:
    """A run of `ansible-playbook` that has ended: its output, and each host's result."""

    rc: int
    output: str
    results: dict[str, dict[str, t.Any]]
    calls: list[str]


@dataclasses.dataclass(frozen=True)
class RoleRun:
    """A run of the role that has ended: what was evaluated and built for each host."""

    rc: int
    output: str
    evaluated: dict[str, str]
    built: dict[str, str]
    calls: list[str]


@dataclasses.dataclass(frozen=True)
class Project:
    """A directory with a flake, an inventory and playbooks."""

    directory: Path

    @property
    def flake(self) -> Path:
        return self.directory / "fleet"

    def write_flake(self, outputs: str, **files: str) -> None:
        """Write a flake whose outputs are an expression in which `mk NAME` is a small derivation."""
        self.flake.mkdir(exist_ok=True)
        (self.flake / "flake.nix").write_text(f"""{{
          outputs = {{ self }}: let
            salt = "{self.directory}";
            mk = name: script: derivation {{
              inherit name salt;
              system = "x86_64-linux";
              builder = "/bin/sh";
              args = [ "-c" script ];
            }};
          in {outputs};
        }}""")
        for name, content in files.items():
            (self.flake / name).write_text(content)

    def run(
        self, module: str, options: dict[str, t.Any], hosts: dict[str, dict[str, t.Any]], *arguments: str, **task: t.Any
    ) -> Run:
        """Run one task on all hosts, by default on the controller, and collect its results."""
        command = self._command(module, options, hosts, task, arguments)
        done = subprocess.run(command, env=self.environment(), capture_output=True, text=True, check=False)
        return Run(done.returncode, done.stdout + done.stderr, self.results(hosts), self._calls())

    def run_role(
        self, variables: dict[str, t.Any], hosts: dict[str, dict[str, t.Any]], of_all: dict[str, t.Any] | None = None
    ) -> RoleRun:
        """Run the role on all hosts, up to and with the build; ``variables`` are the play's, ``of_all`` the group's."""
        self._count()
        play = {
            "hosts": "all",
            "gather_facts": False,
            "vars": {**variables, "deploy_goal": "build", "result": "{{ [deploy_evaluation, deploy_build] }}"},
            "tasks": [{"ansible.builtin.import_role": {"name": "nix.fleet.deploy"}}, *yaml.safe_load(REPORT)],
        }
        done = subprocess.run(
            self._playbook(play, {"hosts": hosts, "vars": of_all or {}}),
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        results = self.results(hosts)
        return RoleRun(
            done.returncode,
            done.stdout + done.stderr,
            {host: evaluation["drv_path"] for host, (evaluation, _build) in results.items()},
            {host: build["out_path"] for host, (_evaluation, build) in results.items()},
            self._calls(),
        )

    def _command(
        self,
        module: str,
        options: dict[str, t.Any],
        hosts: dict[str, dict[str, t.Any]],
        task: dict[str, t.Any],
        arguments: tuple[str, ...],
    ) -> list[str]:
        self._count()
        play = {
            "hosts": "all",
            "gather_facts": False,
            "strategy": task.pop("strategy", "linear"),
            "tasks": [
                *task.pop("before", []),
                {
                    f"nix.fleet.{module}": options,
                    "register": "result",
                    "ignore_errors": True,
                    "delegate_to": "localhost",
                    **task,
                },
                *yaml.safe_load(REPORT),
            ],
        }
        return self._playbook(play, {"hosts": hosts}, *arguments)

    def _playbook(self, play: dict[str, t.Any], fleet: dict[str, t.Any], *arguments: str) -> list[str]:
        """Return the command that runs ``play`` on ``fleet`` with nothing reported yet."""
        reports = self.directory / "reports"
        reports.mkdir(exist_ok=True)
        for report in reports.iterdir():
            report.unlink()
        (self.directory / "play.yml").write_text(yaml.safe_dump([play]))
        (self.directory / "hosts.yml").write_text(yaml.safe_dump({"all": fleet}, allow_unicode=True))
        return [
            str(TOOLS / "ansible-playbook"),
            *("-i", str(self.directory / "hosts.yml")),
            *("-e", json.dumps({"reports": str(reports)})),
            *arguments,
            str(self.directory / "play.yml"),
        ]

    def _count(self) -> None:
        """Put a Nix on the path that says of each call what it was for, and that so far has said nothing."""
        (self.directory / "calls").unlink(missing_ok=True)
        nix = self.directory / "bin" / "nix"
        nix.parent.mkdir(exist_ok=True)
        nix.write_text(COUNTING.format(log=self.directory / "calls", nix=shutil.which("nix", path=WITH_TOOLS)))
        nix.chmod(0o755)

    def environment(self) -> dict[str, str]:
        """Return what programs of the project find in their environment."""
        self.directory.joinpath("bin").mkdir(exist_ok=True)
        (self.directory / "ansible.cfg").write_text(f"[defaults]\ncollections_path = {ROOT / '.venv/collections'}\n")
        return {
            **os.environ,
            "PATH": f"{self.directory}/bin:{WITH_TOOLS}",
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_CONFIG": str(self.directory / "ansible.cfg"),
            "ANSIBLE_LOCAL_TEMP": str(self.directory / "tmp"),
            "XDG_CACHE_HOME": str(self.directory / "cache"),
            "XDG_STATE_HOME": str(self.directory / "state"),
        }

    def results(self, hosts: t.Iterable[str]) -> dict[str, t.Any]:
        files = {host: self.directory / "reports" / str(uuid.uuid5(TO_UUID, host)) for host in hosts}
        return {host: json.loads(file.read_text()) for host, file in files.items() if file.exists()}

    def _calls(self) -> list[str]:
        calls = self.directory / "calls"
        return calls.read_text().split() if calls.exists() else []
