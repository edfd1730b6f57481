# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where benchmarks run: a rehearsal fleet of their own, and projects that deploy to it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import typing as t
from pathlib import Path

from .measure import BenchError
from .processes import beside
from .project import NONE, Load, Project
from .record import Command

if t.TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
# For what goes to a single host: large closures fit on its disk.
ROOMY = "homelab"
PROFILE = "nix/var/nix/profiles/system"


class Ground:
    """One run's fleet and working directory."""

    def __init__(self, work: Path, hosts: int) -> None:
        self.work = work
        self.hosts = hosts
        self._projects: dict[str, Project] = {}
        # The trace of the last run of each way that is to be seen in the picture.
        self.traces: dict[str, Path] = {}
        self._changes = 0
        shutil.copytree(ROOT / "tests/lab", work / "tests/lab", ignore=shutil.ignore_patterns("__pycache__"))
        self.lab("nix")

    @property
    def environment(self) -> dict[str, str]:
        """What every command finds around itself."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        return {
            **inherited,
            "PATH": f"{self.work}/.lab/bin:{ROOT}/.venv/bin:{os.environ['PATH']}",
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv/collections"),
            "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1",
            "ANSIBLE_NOCOLOR": "1",
            "NIX_CONFIG": "extra-experimental-features = nix-command flakes",
            "NIX_SSHOPTS": f"-F {self.ssh_config}",
            "SSH_CONFIG_FILE": str(self.ssh_config),
            "XDG_CACHE_HOME": str(self.work / "cache"),
            "XDG_STATE_HOME": str(self.work / "state"),
        }

    @property
    def nixpkgs(self) -> str:
        """Where configurations have nixpkgs from: the stand-in, or what LAB_NIXPKGS names."""
        return json.loads((self.work / ".lab/flakes/inputs.json").read_text())["nixpkgs"]

    @property
    def ssh_config(self) -> Path:
        """How ssh gets to the hosts."""
        return self.work / ".lab/ssh_config"

    def lab(self, *arguments: str) -> str:
        """Give the rehearsal fleet an order."""
        return self.output(str(self.work / "tests/lab/lab"), *arguments, environment=dict(os.environ))

    def output(self, *argv: str, directory: Path | None = None, environment: dict[str, str] | None = None) -> str:
        """Return what a program prints that is not measured."""
        done = subprocess.run(
            argv,
            cwd=directory or self.work,
            env=environment or self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            last = f"{done.stdout}{done.stderr}"[-2000:]
            raise BenchError(f"exit code {done.returncode}: {' '.join(argv)[:200]}\n{last}")
        return done.stdout

    def run(self, command: Command) -> str:
        """Return what a command prints that need not be measured this time."""
        return self.output(*command.argv, directory=command.directory, environment=dict(command.environment))

    def command(self, *argv: str, directory: Path | None = None, **environment: str) -> Command:
        """Return a command that is to be measured."""
        return Command(argv, directory or self.work, {**self.environment, **environment})

    def on_each(self, hosts: int, script: str, directory: Path | None = None) -> Command:
        """Return the command that runs a script for each host here, 25 at a time; $1 is the host's name."""
        names = "\n".join(self.names(hosts))
        each = 'printf "%s\\n" "$1" | xargs -P 25 -I HOST sh -euc "$2" sh HOST'
        return self.command("sh", "-c", each, "sh", names, script, directory=directory)

    def names(self, hosts: int) -> list[str]:
        """Return the names of the first hosts."""
        return [f"plain-{number}" for number in range(1, hosts + 1)]

    def up(self, hosts: int) -> None:
        """Have so many hosts up."""
        self.lab("up", "--hosts", str(hosts))

    def up_anew(self, hosts: int) -> None:
        """Have so many hosts up that have never been deployed to."""
        self.lab("down", *self.names(hosts))
        self.up(hosts)

    def project(self, name: str, nodes: int, load: Load = NONE) -> Project:
        """Return the project of that name, made when it is first asked for."""
        if name not in self._projects:
            self._projects[name] = Project.made_in(self.work / name, self, nodes, load)
        return self._projects[name]

    def change(self, project: Project) -> None:
        """Change what the hosts of a project are to be, such that nobody has it evaluated or built."""
        self._changes += 1
        project.change(f"{self._changes}")

    def traced(self, way: str) -> dict[str, str]:
        """Return the environment in which a run leaves its trace."""
        path = self.traces.setdefault(way, self.work / "traces" / f"{way}.json")
        path.parent.mkdir(exist_ok=True)
        return {"NIX_FLEET_TRACE": str(path)}

    def disconnect(self) -> None:
        """End the ssh sessions that Ansible keeps, so that every way begins with none."""
        for session in (self.work / "cp").glob("*"):
            subprocess.run(
                ["ssh", "-o", f"ControlPath={session}", "-O", "exit", "whatever"], capture_output=True, check=False
            )

    def traffic(self) -> dict[str, int]:
        """Return what all lines have carried so far, and how many connections."""
        lines = [row["line"] for row in json.loads(self.lab("status", "--json"))]
        return {
            "bytes_sent": sum(line["carried"]["to_host"] for line in lines),
            "bytes_received": sum(line["carried"]["from_host"] for line in lines),
            "connections": sum(line["accepted"] for line in lines),
        }

    def root_of(self, host: str) -> Path:
        """Return a host's file system as this machine sees it."""
        return Path(f"/proc/{self._init_of(host)}/root")

    def processes_of(self, host: str) -> Iterator[int]:
        """Yield the processes of a host, by the numbers that they have on this machine."""
        return beside(self._init_of(host))

    def _init_of(self, host: str) -> int:
        """Return the first process of a host that is up."""
        return json.loads((self.work / ".lab/hosts" / host / "state.json").read_text())["init"]

    def first_switch(self, hosts: int, since: float) -> float:
        """Return after how many seconds the first of the hosts had a new system, as its own file system says."""
        times = [(self.root_of(name) / PROFILE).lstat().st_mtime for name in self.names(hosts)]
        return min(moment for moment in times if moment >= since) - since

    def empty(self, host: str) -> None:
        """Remove everything from a host's store."""
        script = "PATH=$PATH:/opt/nix/bin; find /nix/var/nix/gcroots -type l -delete; nix-store --gc --quiet"
        self.lab("exec", host, "--", "/bin/sh", "-c", script)

    def keep_only(self, host: str, path: str) -> None:
        """Remove everything from a host's store but the closure of a path; raises when it is not there."""
        root = "/nix/var/nix/gcroots/bench"
        script = (
            f"PATH=$PATH:/opt/nix/bin; nix-store --check-validity {path} && find /nix/var/nix/gcroots -type l -delete"
        )
        self.lab("exec", host, "--", "/bin/sh", "-c", f"{script} && ln -sfn {path} {root} && nix-store --gc --quiet")

    def close(self) -> None:
        """Leave nothing behind."""
        self.disconnect()
        self.lab("down")
        shutil.rmtree(self.work, ignore_errors=True)
